"""Trained style networks: one network for each style (Johnson et al. 2016), and one for any style (Ghiasi et al. 2017).

``task`` and ``presets`` describe them without torch, as methods of style transfer; the rest trains and renders.
"""
