"""The rows of participants, trials and votes as plain data, without anything that opens a session or names a person."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from django.db.models import FilteredRelation, Q, QuerySet

from evaluation.core.dataset import WITHDREW, Participant, StudyData, Trial
from evaluation.inputs.cells import time
from studyplatform.voting import models as voting
from studyplatform.voting.selectors import data_id, panel_hash, participant_hash, trial_name

#: Participants whose trials are read together where a study is read person by person.
TOGETHER = 200


def participants(study: voting.Study) -> tuple[Participant, ...]:
    """Everybody who started."""
    excluded = dict(
        voting.Exclusion.objects.filter(participant__study=study, undone_at=None).values_list("participant", "code")
    )
    identities = {i.participant_id: i for i in voting.PanelIdentity.objects.filter(study=study)}
    consent = hashlib.sha256(study.consent.encode()).hexdigest()
    return tuple(
        _participant(study, p, excluded, identities.get(p.pk), data_id(consent))
        for p in study.participants.select_related("session")
    )


def _participant(
    study: voting.Study,
    row: voting.Participant,
    excluded: Mapping[int, str],
    identity: voting.PanelIdentity | None,
    consent: str,
) -> Participant:
    session: voting.Session | None = getattr(row, "session", None)
    agreed = session is not None and session.consented_at is not None
    return Participant(
        id=participant_hash(study, row.token),
        is_bot=row.is_bot,
        is_pilot=row.is_pilot,
        is_preview=row.is_preview,
        design_digest=row.design_digest,
        # Whoever withdrew stays out, whatever else is decided about them.
        exclusion_reason=WITHDREW if session is not None and session.withdrew_at else excluded.get(row.pk, ""),
        started_at=time(session.started_at if session is not None else row.created_at),
        finished_at=time(session.finished_at if session is not None else None),
        outcome=session.outcome if session is not None else "",
        panel_hash=panel_hash(study, identity.provider, identity.external_id) if identity is not None else "",
        source="simulated" if row.is_bot else identity.provider if identity is not None else "direct",
        language=row.language,
        # Of an earlier design the words are not kept.
        consent_version=consent if agreed and row.design_digest == study.design_digest else "",
        device_type=row.device,
        viewport_w_px=session.viewport_width if session is not None else None,
        viewport_h_px=session.viewport_height if session is not None else None,
        pixel_ratio=session.device_pixel_ratio if session is not None else None,
        colour_vision=_colour_vision(session.checks if session is not None else {}),
    )


def _colour_vision(checks: Mapping[str, Any]) -> str:
    if "plates_right" not in checks:
        return "not_tested"
    return "pass" if checks["plates_right"] == checks.get("plates") else "fail"


#: What names the trial whose answer gives way to this one's: it was taken back, or it was skipped and asked again.
REPLACES = ("supersedes", "reasks")
#: A trial and its vote in one row, so that a million of them are read as they come.
TRIAL_COLUMNS = (
    "participant__token", "question__preset", "position", "kind", "scene__digest", "left__public_name",
    "right__public_name", "expected", "repeats", "strategy", "design_prob", "block__number", "pk", "turn",
    *REPLACES, "vote__choice", "vote__rt_ms", "vote__shown_at", "vote__submitted_at", "vote__late", "vote__client",
)  # fmt: skip
OLDER = slice(TRIAL_COLUMNS.index(REPLACES[0]), TRIAL_COLUMNS.index(REPLACES[-1]) + 1)
CHOICE = TRIAL_COLUMNS.index("vote__choice")


def trials(study: voting.Study) -> tuple[Trial, ...]:
    """All trials but those of people who withdrew: they were told that their answers are not used."""
    rows = _trials(study)
    # Only an answered successor replaces an answer: an undo that was never answered again leaves the first standing.
    later = rows.filter(Q(supersedes__isnull=False) | Q(reasks__isnull=False), votes__study=study)
    replaced = {pk for pair in later.values_list(*REPLACES) for pk in pair}
    return tuple(_read(study, rows.values_list(*TRIAL_COLUMNS).iterator(chunk_size=10_000), replaced))


def trials_of(study: voting.Study, data: StudyData) -> Iterator[tuple[Participant, list[Trial]]]:
    """The participants of ``data`` in order of id, each with their trials in order of id; a few people at a time."""
    pk_of = {participant_hash(study, token): pk for pk, token in study.participants.values_list("pk", "token")}
    known = [person for person in data.participants if person.id in pk_of]
    for start in range(0, len(known), TOGETHER):
        some = known[start : start + TOGETHER]
        own: dict[str, list[Trial]] = {person.id: [] for person in some}
        asked = _trials(study).filter(participant__in=[pk_of[person.id] for person in some])
        rows = list(asked.values_list(*TRIAL_COLUMNS))
        for trial in _read(study, rows, {pk for row in rows if row[CHOICE] for pk in row[OLDER]}):
            own[trial.participant].append(trial)
        for person in some:
            yield person, sorted(own[person.id], key=lambda t: t.id)


def _trials(study: voting.Study) -> QuerySet[voting.Trial]:
    # The join names the study, because the votes' index begins with it.
    of_study = FilteredRelation("votes", condition=Q(votes__study=study))
    return voting.Trial.objects.filter(study=study, session__withdrew_at=None).annotate(vote=of_study).order_by()


def _read(study: voting.Study, rows: Iterable[tuple[Any, ...]], replaced: Collection[int | None]) -> Iterator[Trial]:
    """``rows`` of TRIAL_COLUMNS as trials; ``replaced``: those whose answer another one takes the place of."""
    named: dict[str, str] = {}
    # One text per name and time, however many rows hold it.
    one: dict[str, str] = {}

    def same(text: str) -> str:
        return one.setdefault(text, text)

    def person(token: str) -> str:
        if token not in named:
            named[token] = participant_hash(study, token)
        return named[token]

    for row in rows:
        yield _trial(row, replaced, person, same)


def _trial(
    row: tuple[Any, ...], replaced: Collection[int | None], person: Callable[[str], str], same: Callable[[str], str]
) -> Trial:
    (token, question, position, kind, scene, left, right, expected, repeats, strategy, prob, block, pk, turn,
     *_, choice, rt_ms, shown_at, submitted_at, late, client) = row  # fmt: skip
    told = client or {}
    who = person(token)
    return Trial(
        id=trial_name(who, position),
        participant=who,
        question=same(question),
        position=position,
        turn=turn,
        kind=same(kind),
        scene=same(data_id(scene)),
        left=same(left),
        right=same(right),
        choice=same(choice or ""),
        rt_ms=rt_ms,
        expected=same(expected),
        repeat_of=trial_name(who, repeats) if repeats is not None else "",
        superseded=pk in replaced,
        late=bool(late),
        strategy=same(strategy),
        design_prob=prob,
        shown_at=time(shown_at),
        submitted_at=time(submitted_at),
        block=block,
        input=same(str(told.get("input", ""))),
        zoomed=told["zooms"] > 0 if "zooms" in told else None,
        focus_lost_ms=told.get("blur_ms"),
        load_ms=told.get("load_ms"),
    )
