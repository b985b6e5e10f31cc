"""The HTTP interface under /api/v1/: what our own page's script uses, and anybody else's client may."""
