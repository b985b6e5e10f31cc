"""Participants left out, erased, and held against the codes that were given out."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from studyplatform.voting import selectors
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.core.submissions import Submission
from studyplatform.voting.models import Block, Panel, Participant, Session, Tombstone, Vote
from studyplatform.voting.services import (
    NotTakingPart,
    StudyError,
    VoteRefused,
    consent_give,
    participant_erase,
    participant_exclude,
    participant_include,
    participant_join,
    people,
    reconcile,
    session_finish,
    vote_undo,
)
from studyplatform.voting.services.studies import audit
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


def test_who_is_left_out_stays_stored_and_the_pairs_go_to_somebody_else(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    who = factories.finished(study)
    with pytest.raises(StudyError, match="Say why"):
        participant_exclude(participant=who, by=owner, reason=" ")
    participant_exclude(participant=who, by=owner, reason="failed the catch pairs")
    with pytest.raises(StudyError, match="left out already"):
        participant_exclude(participant=who, by=owner, reason="again")
    assert len(study.blocks.get(state=Block.State.FREE).plan) == 4
    assert Vote.objects.count() == 4
    participant_include(participant=who, by=owner, reason="was right after all")
    assert not who.exclusions.filter(undone_at=None).exists()
    assert study.blocks.filter(state=Block.State.FREE).count() == 1


def test_erasing_leaves_a_tombstone_and_nothing_else(owner):
    study = factories.study(owner=owner, sessions_planned=2, allow_undo=True, state="open")
    stays = factories.finished(study)
    who = factories.participant(study)
    factories.cast(who)
    vote_undo(session=who.session)
    factories.cast(who, "right")
    factories.cast(who, "skip")
    token, name = who.token, selectors.participant_hash(study, who.token)
    assert selectors.participants_named(study, name) == [who]
    participant_erase(participant=who, by=owner)
    tombstone = Tombstone.objects.get()
    assert (tombstone.trials, tombstone.votes) == (6, 3)
    assert not Participant.objects.filter(token=token).exists()
    assert Vote.objects.count() == stays.trials.count() == 4
    assert not Session.objects.exclude(participant=stays).exists()
    assert len(study.blocks.get(state=Block.State.FREE).plan) == 4  # the whole plan is there for somebody else
    assert "erased" in study.audit.first().action


def test_erasing_finds_the_hash_that_an_earlier_key_gave(owner, settings):
    study = factories.study(owner=owner, state="open")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    who = participant_join(study=study, arrival=Arrival("prolific", "longer-than-two", {}))
    before = selectors.panel_hash(study, "prolific", "longer-than-two")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key" * 5
    now = selectors.panel_hash(study, "prolific", "longer-than-two")
    assert now != before
    audit(study=study, by=owner, action="noted", comment=f"{before} is {now}")
    participant_erase(participant=who, by=owner)
    assert study.audit.get(action="noted").comment == "erased is erased"


def handed_in(*ids: str) -> list[Submission]:
    return [Submission(who, "") for who in ids]


def test_with_a_panel_that_has_one_code_the_ids_are_compared(owner):
    study = factories.study(owner=owner, state="open")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    people = {name: participant_join(study=study, arrival=Arrival("prolific", name, {})) for name in ("a", "b", "c")}
    for name in ("a", "b"):
        consent_give(session=people[name].session)
        factories.answer_all(people[name])
        session_finish(session=people[name].session)
    assert reconcile(study=study, handed_in=handed_in("a", "b")).sentences == []
    assert reconcile(study=study, handed_in=handed_in("a", "c", "d")).sentences == [
        "d was handed in and never came here.",
        "c was handed in; the session here is not complete.",
        "b is complete here and was not handed in.",
    ]


def test_reconcile_finds_what_does_not_agree_and_mends_it(owner):
    study = factories.study(owner=owner, state="open")
    done = factories.finished(study)
    lost = factories.participant(study)
    factories.answer_all(lost)  # every vote arrived, the last request did not
    stuck = factories.participant(study)
    factories.cast(stuck)
    found = reconcile(study=study)
    assert (found.complete, found.codes, len(found.sentences)) == (1, 1, 1)
    assert "never completed" in found.sentences[0]
    assert reconcile(study=study, mend=True).sentences == []
    code, way_out = done.completion_code.code, selectors.exit_code(stuck.token)
    codes = [Submission("", c) for c in (code, way_out, "AAAAA-AAAAA")]
    found = reconcile(study=study, handed_in=codes).sentences
    for words in ("AAAAA-AAAAA was never given out", f"{way_out} is the way out of", "was given out and not handed in"):
        assert any(words in sentence for sentence in found), found
    assert len(found) == 3


def meanwhile(monkeypatch: pytest.MonkeyPatch, erase: Callable[[], Any], then: Callable[[], Any]) -> list[Any]:
    """What both say when ``then`` happens on another connection while the rows are being erased."""
    begun = threading.Event()
    deal_alone = people.deal_alone

    def slow(**study):
        locked = deal_alone(**study)
        begun.set()
        threading.Event().wait(0.5)
        return locked

    def late() -> Any:
        begun.wait(20)
        return then()

    monkeypatch.setattr(people, "deal_alone", slow)
    return at_once(erase, late)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("does", ["finishes", "votes"])
def test_who_is_being_erased_does_nothing_more(owner, monkeypatch, does):
    study = factories.study(owner=owner, sessions_planned=2, state="open")
    who = factories.participant(study)
    factories.cast(who) if does == "votes" else factories.answer_all(who)
    # A browser that has its page already.
    here = Session.objects.select_related("participant", "study").get(participant=who)
    trial = who.trials.order_by("turn")[1]

    def votes():
        return factories.cast(who, trial=trial)

    erased, said = meanwhile(
        monkeypatch,
        lambda: participant_erase(participant=Participant.objects.get(pk=who.pk), by=owner),
        votes if does == "votes" else lambda: session_finish(session=here),
    )
    assert isinstance(erased, Tombstone), erased
    assert isinstance(said, VoteRefused if does == "votes" else NotTakingPart), said
    assert said.code in ("withdrawn", "not_found")
    assert (Vote.objects.count(), Session.objects.count(), Participant.objects.count()) == (0, 0, 0)


def test_a_vote_that_was_on_its_way_does_not_stop_the_erasing(owner, monkeypatch):
    study = factories.study(owner=owner, sessions_planned=2, state="open")
    who = factories.participant(study)
    factories.cast(who)
    late = {"study": study, "trial": who.trials.order_by("turn")[1], "choice": "left", "submitted_at": timezone.now()}
    arrived = []

    def deleted(votes):
        gone = QuerySet.delete(votes)
        if not arrived:
            arrived.extend(Vote.objects.bulk_create([Vote(**late, uuid=uuid4())]))
        return gone

    class Votes:
        """The table of votes, into which one comes just after those that were there are deleted."""

        class objects:  # noqa: N801
            filter = staticmethod(
                lambda **wanted: SimpleNamespace(delete=lambda: deleted(Vote.objects.filter(**wanted)))
            )

    monkeypatch.setattr(people, "Vote", Votes)
    assert participant_erase(participant=who, by=owner).votes == 1
    assert arrived
    assert Participant.objects.count() == Vote.objects.count() == 0
