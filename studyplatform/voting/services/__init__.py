"""Every write of voting that crosses rows. Keyword-only, atomic, and the only writers."""

from studyplatform.voting.services.blocks import blocks_release_expired
from studyplatform.voting.services.errors import NotTakingPart, StudyError, VoteRefused, VoteStored
from studyplatform.voting.services.participation import (
    checks_answer,
    consent_decline,
    consent_give,
    debrief_answer,
    instructions_read,
    participant_join,
    session_finish,
    session_resume,
    session_withdraw,
)
from studyplatform.voting.services.people import participant_erase, participant_exclude, participant_include
from studyplatform.voting.services.pictures import known_again, offer_words, pictures_of
from studyplatform.voting.services.reconcile import reconcile
from studyplatform.voting.services.studies import (
    DESIGN_FIELDS,
    is_frozen,
    question_ensure,
    questions_number,
    session_plan,
    study_delete,
    study_transition,
    study_update,
)
from studyplatform.voting.services.trials import events_note
from studyplatform.voting.services.votes import CHOICES, vote_cast, vote_undo

__all__ = [
    "CHOICES",
    "DESIGN_FIELDS",
    "NotTakingPart",
    "StudyError",
    "VoteRefused",
    "VoteStored",
    "blocks_release_expired",
    "checks_answer",
    "consent_decline",
    "consent_give",
    "debrief_answer",
    "events_note",
    "instructions_read",
    "is_frozen",
    "known_again",
    "offer_words",
    "participant_erase",
    "participant_exclude",
    "participant_include",
    "participant_join",
    "pictures_of",
    "question_ensure",
    "questions_number",
    "reconcile",
    "session_finish",
    "session_plan",
    "session_resume",
    "session_withdraw",
    "study_delete",
    "study_transition",
    "study_update",
    "vote_cast",
    "vote_undo",
]
