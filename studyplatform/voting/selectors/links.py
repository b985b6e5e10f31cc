"""The link of a study: for people, for a panel, and whether it takes anybody now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from studyplatform.voting.core import panels
from studyplatform.voting.models import Block, Panel, Study, Vote
from studyplatform.voting.selectors.panels import captured_parameters, id_parameter

# Where each code of a panel belongs, in the words of its form.
OUTCOMES = (
    ("complete_code", "complete", "everybody who answered all pairs"),
    ("screened_out_code", "screened out", "who fails the screen checks, if the study screens out"),
    ("no_consent_code", "no consent", "who does not agree to take part"),
    ("failed_code", "failed", "whom a fault kept from finishing; look at their answers before you pay or refuse"),
)


@dataclass(frozen=True)
class PanelLink:
    """What a panel is given: the link with its placeholders, and the codes of each outcome that it is to know.

    ``by_hand``: parameters whose place the researcher has to fill in, in capitals in the link; ``adds``: those that the
    panel adds by itself. ``codes`` are (outcome, for whom, code or empty).
    """

    panel: str
    provider: str
    link: str
    by_hand: tuple[str, ...]
    adds: tuple[str, ...]
    codes: tuple[tuple[str, str, str], ...]
    returns_to: str


def panel_link(panel: Panel, address: str) -> PanelLink:
    """What the panel of a study is given; ``address`` is the participant link."""
    usual = panels.PRESETS[panel.provider]
    who, kept = id_parameter(panel), captured_parameters(panel)
    places = usual.placeholders
    return PanelLink(
        panel=panel.get_provider_display(),
        provider=panel.provider,
        link=panels.link_for(address, who, kept, places),
        by_hand=() if places is None else tuple(name for name in (who, *kept) if name not in places),
        adds=(who, *kept) if places is None else (),
        codes=tuple((name, whom, getattr(panel, field)) for field, name, whom in OUTCOMES),
        returns_to=panel.return_address or usual.return_address,
    )


def places_left(study: Study, now: datetime) -> int:
    """How many sessions nobody holds: free, or held by somebody who has not answered for too long."""
    free = study.blocks.filter(state=Block.State.FREE).count()
    silent = study.blocks.filter(state=Block.State.HELD, expires_at__lte=now)
    if not silent.exists():
        return free  # no vote is read
    since = now - timedelta(minutes=study.hold_minutes)
    answers = Vote.objects.filter(study=study, trial__block=OuterRef("pk"), submitted_at__gt=since)
    return free + silent.filter(~Exists(answers)).count()


def start_sentence(study: Study) -> str:
    """Whether the link takes people now, and why not, for researchers."""
    now = timezone.now()
    waiting = {
        Study.State.DRAFT: "The link will work once the study is open. Until then it says that the study has not "
        "started; try the study yourself with “Preview”.",
        Study.State.PAUSED: "The study is paused: nobody can start or go on until you open it again.",
        Study.State.CLOSED: "The study is closed: the link says so, and nobody can start.",
        Study.State.ARCHIVED: "The study is archived: the link says that it is closed, and nobody can start.",
    }
    if study.state in waiting:
        return waiting[Study.State(study.state)]
    places = places_left(study, now)
    left = f"{places} of {study.sessions_planned} places {'is' if places == 1 else 'are'} free"
    if study.simulated:
        return f"A rehearsal: {left}, for simulated participants. People may look in; what they choose is not counted."
    if study.state == Study.State.PILOT:
        return f"The link takes people for the pilot now, whose answers are not counted in the study: {left}."
    if study.opens_at is not None and now < study.opens_at:
        return f"The study is open, and nobody can start before {_when(study.opens_at)}: {left}."
    if study.ends_at is not None and now > study.ends_at:
        return f"Nobody can start since {_when(study.ends_at)}; who has begun may finish. Move the last day to go on."
    if not places:
        return "All places are taken: who opens the link is told so. Places of those who stop are given away again."
    until = f", until {_when(study.ends_at)}" if study.ends_at is not None else ""
    return f"The link takes people now{until}: {left}."


def _when(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M %Z}"
