"""What a study file holds, in its order. JSON in UTF-8, indented, each list in an order of its own.

``format``, ``version`` · ``study``: every option by its name · ``questions``: presets in their order · ``panel``: what
is no secret of one study there, or null · ``quotas`` · ``left_out``: scenes and conditions by digest, with their labels
for the reader · ``grids``: slug, digest (empty: not laid yet) and the grid file word for word.
"""

from studyplatform.voting.services.copies import PANEL_OPTIONS, QUOTA_OPTIONS
from studyplatform.voting.services.design import DESIGN_FIELDS, FREE_FIELDS

FORMAT = "eyeballot study"
VERSION = 1

STUDY_OPTIONS = (*DESIGN_FIELDS, *FREE_FIELDS)
LEFT_OUT = ("digest", "label")
GRID = ("slug", "digest", "toml")
PARTS = ("format", "version", "study", "questions", "panel", "quotas", "left_out", "grids")

__all__ = [
    "FORMAT", "GRID", "LEFT_OUT", "PANEL_OPTIONS", "PARTS", "QUOTA_OPTIONS", "STUDY_OPTIONS", "VERSION"
]  # fmt: skip
