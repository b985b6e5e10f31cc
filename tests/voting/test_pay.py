"""The decision on the pay is apart from that on the analysis, has a history, and goes back to the panel as a list."""

import threading

import pytest
from django.urls import reverse

from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Panel, Participant, PayDecision, Study
from studyplatform.voting.services import (
    StudyError,
    participant_exclude,
    participant_join,
    pay,
    pay_decide,
    pay_decide_all,
    pay_undo,
)
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


def sent(study: Study, *names: str) -> list[Participant]:
    return [participant_join(study=study, arrival=Arrival("prolific", name, {})) for name in names]


def test_who_is_left_out_may_be_paid(open_study, owner):
    who = factories.finished(open_study)
    participant_exclude(participant=who, by=owner, reason="asleep")
    pay_decide(participant=who, decision="approve", by=owner)
    assert who.exclusions.filter(undone_at=None).exists()
    assert who.pay_decisions.get(undone_at=None).decision == "approve"
    pay_undo(participant=who, by=owner)
    assert who.exclusions.filter(undone_at=None).exists()


def test_one_decision_stands_and_the_history_keeps_all(open_study, owner):
    who = factories.finished(open_study)
    with pytest.raises(StudyError, match="Say why somebody is not paid"):
        pay_decide(participant=who, decision="reject", by=owner, reason=" ")
    with pytest.raises(StudyError, match="Choose whether"):
        pay_decide(participant=who, decision="maybe", by=owner)
    pay_decide(participant=who, decision="reject", by=owner, reason="never looked")
    with pytest.raises(StudyError, match="already"):
        pay_decide(participant=who, decision="approve", by=owner)
    pay_undo(participant=who, by=owner)
    pay_decide(participant=who, decision="approve", by=owner)
    with pytest.raises(StudyError, match="no decision"):
        pay_undo(participant=factories.finished(open_study), by=owner)
    assert list(who.pay_decisions.order_by("pk").values_list("decision", flat=True)) == ["reject", "approve"]
    actions = list(open_study.audit.order_by("pk").values_list("action", flat=True))[-3:]
    assert actions == ["pay: do not pay", "pay: undone", "pay: pay"]
    assert who.token not in str(list(open_study.audit.values_list("data", flat=True)))


def test_several_at_once_keep_what_was_decided(open_study, owner):
    first, second, third = (factories.finished(open_study) for _ in range(3))
    pay_decide(participant=first, decision="reject", by=owner, reason="never looked")
    people = [first, second, third]
    assert pay_decide_all(study=open_study, participants=people, decision="approve", by=owner) == 2
    assert pay_decide_all(study=open_study, participants=people, decision="approve", by=owner) == 0
    assert first.pay_decisions.get(undone_at=None).decision == "reject"
    assert open_study.audit.filter(action="pay: pay").count() == 1


def test_the_lists_for_the_panel_have_ids_and_nothing_else(as_owner, open_study, owner):
    Panel.objects.create(study=open_study, provider="prolific", complete_code="C1")
    paid, refused, undone, _open = sent(open_study, "aaa", "bbb", "ccc", "ddd")
    pay_decide(participant=paid, decision="approve", by=owner)
    pay_decide(participant=refused, decision="reject", by=owner, reason="never looked")
    pay_decide(participant=undone, decision="approve", by=owner)
    pay_undo(participant=undone, by=owner)
    address = reverse("admin:voting_study_paid", args=[open_study.pk, "approve"])
    answer = as_owner.get(address)
    assert answer.content.decode() == "aaa\n"
    assert 'filename="study_approve.csv"' in answer.headers["Content-Disposition"]
    assert as_owner.get(address.replace("approve", "reject")).content.decode() == "bbb\n"
    assert as_owner.get(address.replace("approve", "other")).status_code == 404
    assert PayDecision.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_who_decide_at_once_get_one_decision_and_a_sentence(owner, monkeypatch):
    study = factories.study(owner=owner, state="open")
    who = factories.finished(study)
    looked = threading.Event()
    made = pay.PayDecision.objects.bulk_create

    def slow(*rows, **options):
        looked.set()
        threading.Event().wait(0.5)
        return made(*rows, **options)

    def one():
        looked.wait(20)
        return pay_decide(participant=who, decision="reject", reason="never looked", by=owner)

    monkeypatch.setattr(pay.PayDecision.objects, "bulk_create", slow)
    said = at_once(lambda: pay_decide_all(study=study, participants=[who], decision="approve", by=owner), one)
    assert said[0] == 1
    assert isinstance(said[1], StudyError), said
    assert who.pay_decisions.get().decision == "approve"


def test_no_cell_of_the_lists_is_a_formula(as_owner, client, open_study, owner):
    Panel.objects.create(study=open_study, provider="generic", complete_code="C1")
    start = reverse("voting:start", args=[open_study.slug])
    for name in ("=1+1", "+1", "-1", "@SUM", "1=1+1-1@1"):
        answer = client.post(start, {"id": name})
        assert answer.status_code == (302 if name[0] == "1" else 400), name
        assert name[0] == "1" or "This link is not complete" in answer.content.decode()
    pay_decide_all(study=open_study, participants=open_study.participants.all(), decision="approve", by=owner)
    lines = as_owner.get(reverse("admin:voting_study_paid", args=[open_study.pk, "approve"])).content.decode()
    assert lines == "1=1+1-1@1\n"


def test_nobody_pays_a_simulated_participant(as_owner, owner):
    study = factories.study("piloted", owner=owner, state="pilot")
    bot, who = factories.participant(study, is_bot=True), factories.participant(study)
    with pytest.raises(StudyError, match="simulated: there is nobody to pay"):
        pay_decide(participant=bot, decision=PayDecision.Decision.APPROVE, by=owner)
    page = reverse("admin:voting_study_participants", args=[study.pk])
    text = as_owner.post(page, {"who": [bot.pk, who.pk], "do": "approve"}, follow=True).content.decode()
    assert "1 of 2 participants approved for pay. 1 simulated, whom nobody pays, is left aside." in text
    assert [d.participant for d in PayDecision.objects.all()] == [who]
