"""The list of participants and the page of each: found, flagged, left out, taken in again; blind while people vote."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Block, Panel, Participant, Study
from studyplatform.voting.selectors import participant_hash
from studyplatform.voting.selectors.timeline import timeline
from studyplatform.voting.services import (
    StudyError,
    participant_exclude,
    participant_include,
    participant_join,
    session_finish,
    study_transition,
)
from studyplatform.voting.services.trials import event_note
from tests import factories

pytestmark = pytest.mark.django_db


def at(study: Study, name: str, *more: Any) -> str:
    return reverse(f"admin:voting_study_{name}", args=[study.pk, *more])


@pytest.fixture
def study(owner):
    """Open, with four catch pairs and rules that a short session can break."""
    return factories.study(owner=owner, catch_trials=4, trials_per_session=6, flag_run=50, flag_side_p=0, state="open")


def played(study: Study, *, failed: int = 0, rt_ms: int = 1500) -> Participant:
    """Somebody who finished, and failed so many catch pairs."""
    who = factories.participant(study)
    while (trial := factories.next_trial(who)) is not None:
        choice = "right" if trial.turn % 2 else "left"
        if trial.kind == "catch":
            wrong = {"left": "right", "right": "left"}[trial.expected]
            choice, failed = (wrong, failed - 1) if failed > 0 else (trial.expected, 0)
        factories.cast(who, choice, rt_ms=rt_ms)
    session_finish(session=who.session)
    return who


def listed(client: Client, study: Study, **asked: str) -> set[int]:
    return {person.pk for person in client.get(at(study, "participants"), asked).context["people"]}


def test_people_are_found_by_what_they_are(as_owner, study, owner):
    good, bad, fast = played(study), played(study, failed=3), played(study, rt_ms=300)
    going = factories.participant(study)
    factories.cast(going)
    Participant.objects.filter(pk=going.pk).update(device="phone")
    everybody = {good.pk, bad.pk, fast.pk, going.pk}
    assert listed(as_owner, study) == everybody
    assert listed(as_owner, study, status="complete") == everybody - {going.pk}
    assert listed(as_owner, study, status="in progress", device="phone") == {going.pk}
    assert listed(as_owner, study, device="none") == everybody - {going.pk}
    assert listed(as_owner, study, flag="any") == {bad.pk, fast.pk}
    assert listed(as_owner, study, flag="catch_failed") == {bad.pk}
    assert listed(as_owner, study, pay="none", excluded="yes") == set()
    assert listed(as_owner, study, search=good.completion_code.code) == {good.pk}
    assert listed(as_owner, study, search=participant_hash(study, fast.token)) == {fast.pk}
    assert listed(as_owner, study, search="\0nobody") == set()
    assert listed(as_owner, study, status="'; --", page="x") == everybody
    page = as_owner.get(at(study, "participants")).content.decode()
    assert "failed 3 of 4 catch pairs: passed fewer than the 70 % written down before" in page
    assert good.token not in page


def test_several_are_left_out_with_one_reason_and_paid(as_owner, study):
    first, second, third = played(study), played(study), played(study)
    page = at(study, "participants")
    text = as_owner.post(page, {"do": "exclude", "reason": "x", "code": "other"}, follow=True).content.decode()
    assert "Tick somebody first" in text
    ticked = {"who": [first.pk, second.pk]}
    assert "Say why" in as_owner.post(page, ticked | {"do": "exclude", "code": "other"}, follow=True).content.decode()
    assert "Press the button" in as_owner.post(page, ticked | {"do": ""}, follow=True).content.decode()
    as_owner.post(page, ticked | {"do": "exclude", "reason": "one room", "code": "other"})
    assert listed(as_owner, study, excluded="yes") == {first.pk, second.pk}
    everybody = {"who": [first.pk, second.pk, third.pk, 10**15]}
    text = as_owner.post(page, everybody | {"do": "approve"}, follow=True).content.decode()
    assert "3 of 3 participants approved for pay" in text  # those left out are paid like the rest
    assert listed(as_owner, study, pay="approve", excluded="yes") == {first.pk, second.pk}
    assert study.audit.filter(action="participants excluded").count() == 1
    assert study.blocks.filter(state=Block.State.FREE, is_remainder=True).exists()


def test_flags_leave_out_nobody_until_the_button_which_lists_whom(as_owner, study, owner):
    bad, fast, good, by_hand = played(study, failed=3), played(study, rt_ms=300), played(study), played(study, failed=2)
    as_owner.post(at(study, "participant", by_hand.pk), {"do": "exclude", "reason": "r", "code": "other"})
    participant_include(participant=by_hand, by=owner, reason="a picture was broken")
    page = as_owner.get(at(study, "flagged"))
    assert [rule.participant.pk for rule in page.context["rules"]] == [bad.pk, fast.pk, by_hand.pk]
    assert "stays: was taken in again by hand" in page.content.decode()
    assert not study.participants.filter(exclusions__undone_at=None, exclusions__isnull=False).exists()
    later = played(study, failed=4)  # finished after the page was made: nobody has looked at them
    as_owner.post(at(study, "flagged"), {"who": [bad.pk, fast.pk, by_hand.pk, good.pk]})
    found = {p.pk: p.exclusions.get(undone_at=None).code for p in (bad, fast)}
    assert found == {bad.pk: "catch_failed", fast.pk: "too_fast"}
    for spared in (good, by_hand, later):
        assert not spared.exclusions.filter(undone_at=None).exists()
    (entry,) = study.audit.filter(action="flagged by the preregistered rules: left out")
    assert [row["participant"] for row in entry.data["participants"]] == [
        participant_hash(study, p.token) for p in (bad, fast)
    ]


def test_left_out_and_taken_in_again_with_reasons_and_a_history(as_owner, study, owner):
    who = played(study, failed=3)
    page = at(study, "participant", who.pk)
    text = as_owner.get(page).content.decode()
    assert 'value="failed 3 of 4 catch pairs' in text  # the flag is offered as the reason
    assert "Say why" in as_owner.post(page, {"do": "exclude", "reason": " "}, follow=True).content.decode()
    as_owner.post(page, {"do": "exclude", "reason": "failed them", "code": "catch_failed"})
    as_owner.post(page, {"do": "approve"})
    text = as_owner.get(page).content.decode()
    assert "failed them" in text
    assert "<strong>Pay</strong>" in text
    with pytest.raises(StudyError, match="Say why the participant is taken in"):
        participant_include(participant=who, by=owner, reason="")
    as_owner.post(page, {"do": "include", "reason": "a picture was broken"})
    text = as_owner.get(page).content.decode()
    assert "taken in again by owner: a picture was broken" in text
    undone = who.exclusions.get()
    assert (undone.undone_by, undone.undo_reason) == (owner, "a picture was broken")
    as_owner.post(page, {"do": "undo_pay"})
    assert "Not decided" in as_owner.get(page).content.decode()


def test_an_open_study_tells_no_choice_and_a_closed_one_does(as_owner, study):
    who = played(study, failed=1)
    labels = set(study.stimuli.filter(role="grid").values_list("label", flat=True))
    page = as_owner.get(at(study, "participant", who.pk)).content.decode()
    timeline = page[page.index('class="timeline"') :]
    assert not any(label in timeline for label in labels)
    assert not any(word in timeline for word in ("chose", ">left", ">right"))
    assert timeline.count(": failed") == 1
    assert timeline.count("1.5 s") == 10
    Study.objects.filter(pk=study.pk).update(state="closed")
    page = as_owner.get(at(study, "participant", who.pk)).content.decode()
    assert "chose lr" in page


def test_the_id_at_the_panel_is_for_those_who_pay(study, colleague):
    Panel.objects.create(study=study, provider="prolific", complete_code="C1")
    who = participant_join(study=study, arrival=Arrival("prolific", "5f3aSECRET", {}))
    member = study.memberships.create(user=colleague, role="analyst")
    client, page = factories.signed_in(colleague), at(study, "participant", who.pk)
    assert "5f3aSECRET" not in client.get(page).content.decode()
    assert "Leave out" not in client.get(page).content.decode()
    text = client.post(page, {"do": "exclude", "reason": "no"}, follow=True).content.decode()
    assert "Only the owner and editors" in text
    listing = at(study, "participants")
    refused = client.post(listing, {"do": "exclude", "reason": "no", "code": "other", "who": [who.pk]}, follow=True)
    assert "Only the owner and editors" in refused.content.decode()
    assert not who.exclusions.exists()
    assert client.post(at(study, "flagged")).status_code == 403
    member.role = "editor"
    member.save()
    assert "5f3aSECRET" in client.get(page).content.decode()
    member.role = "viewer"
    member.save()
    assert client.get(page).status_code == 403


def test_a_participant_of_another_study_is_not_found_here(as_owner, study, owner):
    other = factories.participant(factories.study("other", owner=owner, state="open"))
    assert as_owner.get(at(study, "participant", other.pk)).status_code == 404
    assert as_owner.post(at(study, "participant", other.pk), {"do": "exclude", "reason": "x"}).status_code == 404
    as_owner.post(at(study, "participants"), {"do": "exclude", "reason": "x", "code": "other", "who": [other.pk]})
    assert not other.exclusions.exists()


def test_the_rows_of_the_admin_lead_to_the_page(as_owner, study):
    who = factories.participant(study)
    assert (
        at(study, "participant", who.pk) in as_owner.get(f"/admin/voting/participant/{who.pk}/change/").content.decode()
    )


def test_while_people_vote_a_flag_about_sides_says_its_kind_alone(as_owner, owner):
    study = factories.study(
        owner=owner, trials_per_session=6, flag_run=5, flag_side_p=0.2, sessions_planned=4, state="open"
    )
    left, going = factories.finished(study), factories.participant(study)
    factories.cast(going, "right")
    pages = [("participants",), ("flagged",), ("participant", left.pk), ("participant", going.pk)]

    def seen(*page: Any) -> str:
        text = as_owner.get(at(study, *page)).content.decode()
        return text[text.index("content-main") :]

    sealed = [seen(*page) for page in pages]
    for text in sealed[:3]:
        assert ">side bias<" in text
        assert ">long run of one side<" in text
    for text in sealed:
        assert not re.search(r"\d+ % of \d+|p = |chose (left|one side)|100 %", text)
    assert sealed[2].count("<td>flagged</td>") == 2
    assert sealed[3].count("<td>judged once the session is complete</td>") == 2
    assert 'value="side bias"' in sealed[2]  # offered as the reason
    study_transition(study=study, to="closed", by=owner)
    text = seen("participant", left.pk)
    assert "chose left in 100 % of 6 answers" in text
    assert "100 % of 6, p = 0.0312" in text
    assert "chose one side 6 times in a row" in text


def test_what_single_people_said_is_for_those_who_may_take_the_data(study, owner, colleague):
    Panel.objects.create(study=study, provider="prolific", complete_code="C1")
    who = participant_join(study=study, arrival=Arrival("prolific", "5f3aSECRET", {}))
    who.session.debrief = {"words": "always the brighter one"}
    who.session.save()
    participant_exclude(participant=who, by=owner, reason="5f3aSECRET wrote to us")
    member = study.memberships.create(user=colleague, role="viewer")
    client, row = factories.signed_in(colleague), reverse("admin:voting_participant_change", args=[who.pk])
    assert client.get(row).status_code == 404
    listing = client.get(reverse("admin:voting_participant_changelist")).content.decode()
    assert "5f3aSECRET" not in listing
    assert str(who) not in listing
    for role, finds in (("analyst", set()), ("editor", {who.pk})):
        member.role = role
        member.save()
        assert "always the brighter one" in client.get(row).content.decode()
        assert listed(client, study, search="5f3aSECRET") == finds
        assert listed(client, study, search=participant_hash(study, who.token)) == {who.pk}


def test_the_timeline_says_events_in_words(as_owner, study):
    who = played(study)
    noted: tuple[tuple[str, dict[str, float]], ...] = (
        ("break", {"done": 4.0, "ms": 278.0}),
        ("gap", {"minutes": 61}),
        ("undo", {"position": 1}),
        ("picture_failed", {"position": 2.0}),
        ("keys", {"letters": 1.0}),
        ("blur", {}),
    )
    for kind, data in noted:
        event_note(session=who.session, kind=kind, data=data)
    told = [(m.what, m.words) for m in timeline(who)]
    for entry in (
        ("break", "after 4 pairs, for 0.3 s"),
        ("came back after a gap", "of 61 min"),
        ("answer taken back", "pair 2"),
        ("picture did not load", "pair 3"),
        ("letter keys switched", "on"),
        ("window left", ""),
    ):
        assert entry in told


def test_what_was_refused_comes_back_ticked(as_owner, study):
    people = [played(study) for _ in range(3)]
    sent = {"who": [p.pk for p in people[:2]], "do": "exclude", "code": "too_fast", "reason": " "}
    text = as_owner.post(at(study, "participants"), sent).content.decode()
    assert "reason" in text
    assert re.findall(r'name="who" value="(\d+)"[^>]* checked', text) == [str(p.pk) for p in people[1::-1]]
    assert '<option value="too_fast" selected>' in text
