"""Every write of voting that crosses rows. Keyword-only, atomic, and the only writers."""

from studyplatform.voting.services.blocks import block_deal_again, block_take, blocks_lay, blocks_release_expired
from studyplatform.voting.services.errors import NotTakingPart, StudyError, VoteRefused, VoteStored
from studyplatform.voting.services.participation import (
    consent_give,
    instructions_read,
    participant_join,
    session_finish,
    session_withdraw,
    state_sentence,
)
from studyplatform.voting.services.pictures import PHOTOGRAPH, pairs_offered, pictures_of
from studyplatform.voting.services.studies import (
    DESIGN_FIELDS,
    is_frozen,
    question_ensure,
    questions_number,
    study_delete,
    study_transition,
    study_update,
)
from studyplatform.voting.services.votes import CHOICES, vote_cast

__all__ = [
    "CHOICES",
    "DESIGN_FIELDS",
    "PHOTOGRAPH",
    "NotTakingPart",
    "StudyError",
    "VoteRefused",
    "VoteStored",
    "block_deal_again",
    "block_take",
    "blocks_lay",
    "blocks_release_expired",
    "consent_give",
    "instructions_read",
    "is_frozen",
    "pairs_offered",
    "participant_join",
    "pictures_of",
    "question_ensure",
    "questions_number",
    "session_finish",
    "session_withdraw",
    "state_sentence",
    "study_delete",
    "study_transition",
    "study_update",
    "vote_cast",
]
