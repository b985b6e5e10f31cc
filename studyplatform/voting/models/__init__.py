"""Rows of voting. The unit of truth is the trial: a served, reserved pair; a vote is its answer."""

from studyplatform.voting.models.access import Membership, Quota
from studyplatform.voting.models.errands import Errand
from studyplatform.voting.models.joins import JoinCount, JoinSalt
from studyplatform.voting.models.kept import KeptAnswers
from studyplatform.voting.models.people import (
    CompletionCode,
    Event,
    Exclusion,
    Panel,
    PanelIdentity,
    Participant,
    PayDecision,
    Session,
)
from studyplatform.voting.models.questions import Question
from studyplatform.voting.models.records import AuditEntry, ExportRecord, Preregistration, Tombstone
from studyplatform.voting.models.studies import Study, random_token
from studyplatform.voting.models.trials import (
    Block,
    Stimulus,
    Trial,
    Vote,
)

__all__ = [
    "AuditEntry",
    "Block",
    "CompletionCode",
    "Errand",
    "Event",
    "Exclusion",
    "ExportRecord",
    "JoinCount",
    "JoinSalt",
    "KeptAnswers",
    "Membership",
    "Panel",
    "PanelIdentity",
    "Participant",
    "PayDecision",
    "Preregistration",
    "Question",
    "Quota",
    "Session",
    "Stimulus",
    "Study",
    "Tombstone",
    "Trial",
    "Vote",
    "random_token",
]
