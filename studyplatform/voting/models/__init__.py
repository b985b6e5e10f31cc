"""Rows of voting. The unit of truth is the trial: a served, reserved pair; a vote is its answer."""

from studyplatform.voting.models.people import (
    CompletionCode,
    Event,
    Exclusion,
    Panel,
    PanelIdentity,
    Participant,
    Session,
)
from studyplatform.voting.models.studies import (
    AuditEntry,
    ExportRecord,
    Membership,
    Preregistration,
    Question,
    Study,
    Tombstone,
    random_token,
)
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
    "Event",
    "Exclusion",
    "ExportRecord",
    "Membership",
    "Panel",
    "PanelIdentity",
    "Participant",
    "Preregistration",
    "Question",
    "Session",
    "Stimulus",
    "Study",
    "Tombstone",
    "Trial",
    "Vote",
    "random_token",
]
