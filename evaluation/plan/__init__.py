"""Before a study has votes: how many participants it needs, what they cost, and what its grid cannot show.

Reads the design only, never a vote; what was simulated is kept in :class:`evaluation.models.PowerPlan`.
"""

from evaluation.plan.cost import NO_REWARD, REHEARSAL, Cost, cost_of, cost_sentences, money_words
from evaluation.plan.design import design_of
from evaluation.plan.report import plan_files, plan_json, plan_tables, whole_rows
from evaluation.plan.running import numbers_of, plan_start, plan_step
from evaluation.plan.sentences import plan_sentences, plan_warnings

__all__ = [
    "NO_REWARD",
    "REHEARSAL",
    "Cost",
    "cost_of",
    "cost_sentences",
    "design_of",
    "money_words",
    "numbers_of",
    "plan_files",
    "plan_json",
    "plan_sentences",
    "plan_start",
    "plan_step",
    "plan_tables",
    "plan_warnings",
    "whole_rows",
]
