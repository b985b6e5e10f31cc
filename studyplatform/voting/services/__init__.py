"""Every write of voting that crosses rows. Keyword-only, atomic, and the only writers."""

from studyplatform.voting.services.blocks import blocks_release_expired
from studyplatform.voting.services.copies import slug_free, study_copy
from studyplatform.voting.services.dates import too_early_or_late
from studyplatform.voting.services.design import DESIGN_FIELDS, FREE_FIELDS, PICTURE_FIELDS, is_frozen, session_plan
from studyplatform.voting.services.errors import NotTakingPart, StudyError, VoteRefused, VoteStored
from studyplatform.voting.services.joins import seconds_to_tomorrow
from studyplatform.voting.services.members import member_add, member_change, member_remove, study_hand_over
from studyplatform.voting.services.participation import (
    checks_answer,
    consent_decline,
    consent_give,
    debrief_answer,
    instructions_read,
    panel_participant,
    participant_join,
    session_finish,
    session_resume,
    session_withdraw,
)
from studyplatform.voting.services.pay import pay_decide, pay_decide_all, pay_undo
from studyplatform.voting.services.people import (
    erasures_repeat,
    participant_erase,
    participant_exclude,
    participant_include,
    participants_exclude,
)
from studyplatform.voting.services.pictures import known_again, offer_words, pictures_of
from studyplatform.voting.services.preregistration import prereg_plan
from studyplatform.voting.services.preview import preview_start
from studyplatform.voting.services.preview_ends import previews_end
from studyplatform.voting.services.quotas import quota_add, quota_remove
from studyplatform.voting.services.reconcile import has_one_code, reconcile
from studyplatform.voting.services.studies import (
    deletion_refusal,
    grace_of,
    question_ask,
    question_ensure,
    questions_number,
    study_delete,
    study_transition,
    study_update,
)
from studyplatform.voting.services.trials import events_note
from studyplatform.voting.services.unblinding import study_unblind
from studyplatform.voting.services.votes import CHOICES, vote_cast, vote_undo

__all__ = [
    "CHOICES",
    "DESIGN_FIELDS",
    "FREE_FIELDS",
    "PICTURE_FIELDS",
    "NotTakingPart",
    "StudyError",
    "VoteRefused",
    "VoteStored",
    "blocks_release_expired",
    "checks_answer",
    "consent_decline",
    "consent_give",
    "debrief_answer",
    "deletion_refusal",
    "erasures_repeat",
    "events_note",
    "grace_of",
    "has_one_code",
    "instructions_read",
    "is_frozen",
    "known_again",
    "member_add",
    "member_change",
    "member_remove",
    "offer_words",
    "panel_participant",
    "participant_erase",
    "participant_exclude",
    "participant_include",
    "participant_join",
    "participants_exclude",
    "pay_decide",
    "pay_decide_all",
    "pay_undo",
    "pictures_of",
    "prereg_plan",
    "preview_start",
    "previews_end",
    "question_ask",
    "question_ensure",
    "questions_number",
    "quota_add",
    "quota_remove",
    "reconcile",
    "seconds_to_tomorrow",
    "session_finish",
    "session_plan",
    "session_resume",
    "session_withdraw",
    "slug_free",
    "study_copy",
    "study_delete",
    "study_hand_over",
    "study_transition",
    "study_unblind",
    "study_update",
    "too_early_or_late",
    "vote_cast",
    "vote_undo",
]
