"""The preregistration of a study: what is asked, tested and left out, written down before anybody votes.

One function makes the machine-readable content and the text for people from the same plain data, so that they cannot
say different things. The questions are those of AsPredicted (https://aspredicted.org; the template of the R package
`prereg`).
"""

from studyplatform.voting.core.preregistration.families import families
from studyplatform.voting.core.preregistration.plan import Plan
from studyplatform.voting.core.preregistration.weak import weak_points
from studyplatform.voting.core.preregistration.writing import MARKDOWN, files, preregister

__all__ = ["MARKDOWN", "Plan", "families", "files", "preregister", "weak_points"]
