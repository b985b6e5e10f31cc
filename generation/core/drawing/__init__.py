"""How figures of the project look: colours and settings, ticks, the sheet they are drawn on, and numbers as short text.

Nothing here knows of grids or votes; no torch, no Django. ``numbers`` needs no matplotlib either.
"""
