"""Whoever changes a study, its people or what it gives away stands in its log: one row per write service."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from studyplatform.voting import services as s
from studyplatform.voting.models import AuditEntry, Exclusion, Membership, Participant, PayDecision, Study
from tests import factories

pytestmark = pytest.mark.django_db


@dataclass
class House:
    """An open study with somebody who finished, a colleague who works on it, and who does it."""

    by: User
    colleague: User
    study: Study
    who: Participant


@pytest.fixture
def house(owner: User, colleague: User) -> House:
    study = factories.study(owner=owner, state="open")
    Membership.objects.create(study=study, user=colleague, role="viewer")
    by = factories.user("by", superuser=True)
    return House(by=by, colleague=colleague, study=study, who=factories.finished(study))


Act = Callable[[House], Any]
Row = tuple[Act, str] | tuple[Act, str, Callable[[House], Any]]

#: Service -> a call of it, what the log names it, and what has to be there before. ``s`` are the services.
LOGGED: dict[str, Row] = {
    "study_update": (lambda h: s.study_update(study=h.study, by=h.by, reward=2), "edited"),
    "study_transition": (lambda h: s.study_transition(study=h.study, to="paused", by=h.by), "open → paused"),
    "study_copy": (lambda h: s.study_copy(study=h.study, by=h.by), "copied"),
    "study_unblind": (lambda h: s.study_unblind(study=h.study, by=h.by, reason="a fault"), "unblinded"),
    "study_hand_over": (lambda h: s.study_hand_over(study=h.study, by=h.by, to=h.colleague), "handed over"),
    "member_add": (
        lambda h: s.member_add(study=h.study, by=h.by, name="new", role="viewer"),
        "member added",
        lambda h: factories.user("new"),
    ),
    "member_change": (
        lambda h: s.member_change(study=h.study, by=h.by, user=h.colleague, role="editor"),
        "member's role changed",
    ),
    "member_remove": (lambda h: s.member_remove(study=h.study, by=h.by, user=h.colleague), "member removed"),
    "participant_exclude": (
        lambda h: s.participant_exclude(participant=h.who, by=h.by, reason="asleep"),
        "participant excluded",
    ),
    "participants_exclude": (
        lambda h: s.participants_exclude(study=h.study, excluded=[(h.who, "other", "asleep")], by=h.by),
        "participants excluded",
    ),
    "participant_include": (
        lambda h: s.participant_include(participant=h.who, by=h.by, reason="was awake"),
        "participant included again",
        lambda h: s.participant_exclude(participant=h.who, by=h.study.owner, reason="asleep"),
    ),
    "participant_erase": (lambda h: s.participant_erase(participant=h.who, by=h.by), "participant erased"),
    "pay_decide": (lambda h: s.pay_decide(participant=h.who, decision="approve", by=h.by), "pay: pay"),
    "pay_decide_all": (
        lambda h: s.pay_decide_all(study=h.study, participants=[h.who], decision="approve", by=h.by),
        "pay: pay",
    ),
    "pay_undo": (
        lambda h: s.pay_undo(participant=h.who, by=h.by),
        "pay: undone",
        lambda h: s.pay_decide(participant=h.who, decision="approve", by=h.study.owner),
    ),
    "quota_add": (
        lambda h: s.quota_add(study=h.study, by=h.by, kind="device", value="phone", most=3),
        "quota added",
    ),
    "quota_remove": (
        lambda h: s.quota_remove(quota=h.study.quotas.get(), by=h.by),
        "quota removed",
        lambda h: s.quota_add(study=h.study, by=h.study.owner, kind="device", value="phone", most=3),
    ),
}

#: Functions beside them that write nothing, and writes that are not a researcher's decision about a study.
PARTICIPANTS = "what a participant does is its own record"
READS = "it writes nothing"
UNLOGGED = {
    **dict.fromkeys(
        (
            "checks_answer", "consent_decline", "consent_give", "debrief_answer", "events_note", "instructions_read",
            "participant_join", "session_finish", "session_resume", "session_withdraw", "vote_cast", "vote_undo",
        ),
        PARTICIPANTS,
    ),
    **dict.fromkeys(
        (
            "deletion_refusal", "grace_of", "has_one_code", "is_frozen", "known_again", "offer_words",
            "panel_participant", "pictures_of", "prereg_plan", "seconds_to_tomorrow", "session_plan", "slug_free",
            "too_early_or_late",
        ),
        READS,
    ),
    "blocks_release_expired": "upkeep: what participants left is dealt again",
    "erasures_repeat": "a restore repeats what the log said the first time",
    "question_ask": "part of saving a draft, which the form logs",
    "question_ensure": "part of saving a draft, and of the step that freezes it",
    "questions_number": "part of saving a draft",
    "study_delete": "a draft that nobody took part in goes with its log",
    "preview_start": "a preview leaves nothing behind",
    "previews_end": "a preview leaves nothing behind",
    "reconcile": "logged where it completed a session: tests/voting/test_reconcile.py",
}  # fmt: skip


def test_every_service_has_a_row() -> None:
    functions = {name for name in s.__all__ if inspect.isfunction(getattr(s, name))}
    lacking = sorted(functions - set(LOGGED) - set(UNLOGGED))
    assert not lacking, f"Say in tests/voting/test_audit.py how {', '.join(lacking)} is logged, or why it is not."
    assert not (set(LOGGED) | set(UNLOGGED)) - functions
    assert not set(LOGGED) & set(UNLOGGED)


@pytest.mark.parametrize("name", LOGGED)
def test_the_log_says_who_did_it(house: House, name: str) -> None:
    act, action, *before = LOGGED[name]
    for prepare in before:
        prepare(house)
    known = set(house.study.audit.values_list("pk", flat=True))
    act(house)
    new = [entry for entry in house.study.audit.all() if entry.pk not in known]
    assert [(entry.user, entry.action) for entry in new] == [(house.by, action)]


@pytest.mark.parametrize("name", LOGGED)
def test_a_service_asks_who_does_it(name: str) -> None:
    """By keyword, and without a default where a person decides; a command may erase and a step be taken by nobody."""
    by = inspect.signature(getattr(s, name)).parameters["by"]
    assert by.kind is inspect.Parameter.KEYWORD_ONLY
    assert by.default is inspect.Parameter.empty or name == "participant_erase"


def test_a_nul_that_somebody_typed_is_kept_nowhere(house: House) -> None:
    """PostgreSQL stores none: the page would fall over."""
    browser, other, typed = Client(), factories.finished(house.study), "as\0leep"
    browser.force_login(house.study.owner)
    one, several = [house.study.pk, house.who.pk], [house.study.pk]
    steps: list[tuple[str, list[int], dict[str, Any]]] = [
        ("participant", one, {"do": "exclude", "code": "other", "reason": typed}),
        ("participant", one, {"do": "include", "reason": typed}),
        ("participant", one, {"do": "reject", "reason": typed}),
        ("participants", several, {"who": [other.pk], "do": "exclude", "code": "other", "reason": typed}),
        ("participants", several, {"who": [other.pk], "do": "approve", "reason": typed}),
        ("unblind", several, {"reason": typed}),
        ("data", several, {"do": "unblind", "reason": typed}),
        ("members", several, {"do": "add", "name": "a\0b", "role": "viewer"}),
        ("quotas", several, {"do": "add", "kind": "parameter", "parameter": "a\0b", "value": "c\0d", "most": 3}),
        ("reconcile", several, {"text": "a\0b\nc"}),
        ("plan_start", several, {"people": "10\0", "replicates": "20"}),
        ("transition", several, {"to": "paused", "comment": typed, "_step": "paused", "_comment": typed}),
    ]
    for page, names, sent in steps:
        assert browser.post(reverse(f"admin:voting_study_{page}", args=names), sent).status_code < 500, page
    for text in ("\0", " \0 "):
        with pytest.raises(s.StudyError, match="Say why"):
            s.participant_exclude(participant=house.who, by=house.by, reason=text)
        with pytest.raises(s.StudyError, match="Say why"):
            s.study_unblind(study=house.study, by=house.by, reason=text)
    kept = [str(list(rows.objects.values())) for rows in (AuditEntry, Exclusion, PayDecision)]
    assert not [rows for rows in kept if "\\x00" in rows]
    assert all("asleep" in rows for rows in kept)
    assert Study.objects.get(pk=house.study.pk).state == "paused"


def test_a_nul_in_the_notes_of_the_preregistration_is_refused(owner: User) -> None:
    study = factories.study(owner=owner)
    with pytest.raises(ValidationError, match="Null characters"):
        s.study_update(study=study, by=owner, prereg_notes="we\0saw")
