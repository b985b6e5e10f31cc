"""Participants left out, erased, and held against the codes that were given out."""

import pytest

from studyplatform.voting import selectors
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Block, Panel, Participant, Session, Tombstone, Vote
from studyplatform.voting.services import (
    StudyError,
    consent_give,
    participant_erase,
    participant_exclude,
    participant_include,
    participant_join,
    reconcile,
    session_finish,
    vote_undo,
)
from tests import factories

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
    participant_include(participant=who, by=owner)
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


def test_with_a_panel_that_has_one_code_the_ids_are_compared(owner):
    study = factories.study(owner=owner, state="open")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    people = {name: participant_join(study=study, arrival=Arrival("prolific", name, {})) for name in ("a", "b", "c")}
    for name in ("a", "b"):
        consent_give(session=people[name].session)
        factories.answer_all(people[name])
        session_finish(session=people[name].session)
    assert reconcile(study=study, codes=["a", "b"]).sentences == []
    assert reconcile(study=study, codes=["a", "c", "d"]).sentences == [
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
    handed_in = reconcile(study=study, codes=[code, way_out, "AAAAA-AAAAA"]).sentences
    for words in ("AAAAA-AAAAA was never given out", f"{way_out} is the way out of", "was given out and not handed in"):
        assert any(words in sentence for sentence in handed_in), handed_in
    assert len(handed_in) == 3
