"""The admin of evaluation: verdicts, and its pages of a study."""

from evaluation.admin import analyses, data, plan, verdict

__all__ = ["analyses", "data", "plan", "verdict"]
