"""The participant's pages: plain forms that work without a script. Each reads or calls a service, nothing more."""

from studyplatform.voting.views.answering import back, trial
from studyplatform.voting.views.arriving import landing, start
from studyplatform.voting.views.leaving import debrief, thanks, withdraw
from studyplatform.voting.views.pictures import preview_stimulus, stimulus
from studyplatform.voting.views.preparing import check_picture, checks, consent, decline, instructions

__all__ = [
    "back",
    "check_picture",
    "checks",
    "consent",
    "debrief",
    "decline",
    "instructions",
    "landing",
    "preview_stimulus",
    "start",
    "stimulus",
    "thanks",
    "trial",
    "withdraw",
]
