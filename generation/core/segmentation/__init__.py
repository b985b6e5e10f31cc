"""Finding defects on textures: pictures drawn with exactly known defects, a U-Net trained to mark them, the marking.

Drawing and marking are torch-free; the network, its losses, training and rendering are not.
"""
