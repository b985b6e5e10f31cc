"""The ways to train and to render that style_networks.py measures: ours, and the plain loops that people write.

``plain_style`` is PyTorch's fast_neural_style written again from its text, ``plain_marking`` a U-Net of stock layers
under MONAI's DiceFocalLoss. Both begin with our first weights and are shown the same pictures in the same order;
``given`` makes those. ``step`` of a way is everything that a training does for one batch, from the stored picture to
the number of the loss, which it returns.
"""
