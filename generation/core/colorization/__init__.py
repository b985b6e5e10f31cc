"""Colorization: two generators inside a conditional GAN on L*a*b*, trained on photographs, and the pictures they make.

``layers``, ``task`` and ``presets`` describe it without torch; the rest trains and colourises.
"""
