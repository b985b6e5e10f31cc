"""Who may start and when: dates, quotas, the device; in the page, in the API, and when two come at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Panel, Participant, Quota, Study
from studyplatform.voting.selectors import quota_taken
from studyplatform.voting.services import (
    NotTakingPart,
    StudyError,
    participant_exclude,
    participant_join,
    quota_add,
    quota_remove,
    session_withdraw,
)
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604.1"
DESK = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"


def dated(study: Study, opens: timedelta | None = None, ends: timedelta | None = None) -> Study:
    now = timezone.now()
    study.opens_at = now + opens if opens else None
    study.ends_at = now + ends if ends else None
    study.save()
    return study


def at(study: Study, name: str) -> str:
    return reverse(f"voting:{name}", args=[study.slug])


def api(study: Study, **headers: str) -> Any:
    return Client().post(f"/api/v1/studies/{study.slug}/session/", content_type="application/json", headers=headers)


def quota(study: Study, most: int, **fields: str) -> Quota:
    return quota_add(study=study, by=study.owner, most=most, **({"kind": "device", "value": "phone"} | fields))


def test_before_the_first_hour_the_page_says_when_in_ones_own_language(open_study):
    study = dated(open_study, opens=timedelta(days=2))
    study.opens_at = datetime(2031, 5, 4, 9, 30, tzinfo=timezone.get_current_timezone())
    study.save()
    page = Client().get(at(study, "landing"))
    assert page.status_code == 200
    assert "This study begins on May 4, 2031, 9:30 a.m. (UTC)." in page.content.decode()
    assert '<form method="post" action="' + at(study, "start") not in page.content.decode()
    german = Client(headers={"Accept-Language": "de"})
    assert "Diese Studie beginnt am 4. Mai 2031 09:30 (UTC)." in german.get(at(study, "landing")).content.decode()
    answer = german.post(at(study, "start"))
    assert (answer.status_code, "beginnt am" in answer.content.decode()) == (409, True)
    refused = api(study)
    assert (refused.status_code, refused.json()["code"]) == (409, "early")
    assert not Participant.objects.exists()


def test_after_the_last_hour_nobody_starts_and_who_has_begun_finishes(open_study):
    client = Client()
    client.post(at(open_study, "start"))
    study = dated(open_study, ends=timedelta(hours=-1))
    late = Client().post(at(study, "start"))
    assert (late.status_code, "took new participants until" in late.content.decode()) == (410, True)
    assert (api(study).status_code, api(study).json()["code"]) == (410, "late")
    assert client.get(at(study, "landing")).status_code == 200
    assert client.post(at(study, "start")).url == at(study, "consent")
    client.post(at(study, "consent"))
    factories.answer_all(Participant.objects.get())
    client.get(at(study, "thanks"))
    assert Participant.objects.get().session.outcome == "complete"


def test_whom_the_panel_knows_goes_on_in_another_browser_after_the_last_hour(open_study):
    Panel.objects.create(study=open_study, provider="prolific", complete_code="C1")
    Client().post(at(open_study, "start"), {"PROLIFIC_PID": "abc"})
    study, other = dated(open_study, ends=timedelta(hours=-1)), Client()
    assert at(study, "start") in other.get(at(study, "landing"), {"PROLIFIC_PID": "abc"}).content.decode()
    assert other.post(at(study, "start"), {"PROLIFIC_PID": "abc"}).url == at(study, "consent")
    assert "took new participants" in Client().get(at(study, "landing"), {"PROLIFIC_PID": "xyz"}).content.decode()


def test_a_pilot_has_no_dates(owner):
    study = dated(factories.study(owner=owner, state="pilot"), opens=timedelta(days=2))
    assert Client().post(at(study, "start")).status_code == 302


def test_the_device_is_kept_and_the_browsers_name_is_not(open_study):
    Client(headers={"User-Agent": PHONE}).post(at(open_study, "start"))
    api(open_study, **{"User-Agent": DESK})
    assert list(Participant.objects.order_by("pk").values_list("device", flat=True)) == ["phone", "computer"]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  (names of our own tables)
            assert not any("iPhone" in str(row) or "Gecko" in str(row) for row in cursor.fetchall()), table


def test_a_full_quota_refuses_its_kind_alone(open_study):
    quota(open_study, 1)
    assert Client(headers={"User-Agent": PHONE}).post(at(open_study, "start")).status_code == 302
    full = Client(headers={"User-Agent": PHONE}).post(at(open_study, "start"))
    assert (full.status_code, "participants of your group" in full.content.decode()) == (409, True)
    refused = api(open_study, **{"User-Agent": PHONE})
    assert (refused.status_code, refused.json()["code"]) == (409, "quota")
    assert Client(headers={"User-Agent": DESK}).post(at(open_study, "start")).status_code == 302
    assert Participant.objects.count() == 2


def test_who_goes_makes_room_and_who_completes_does_not(owner):
    study = factories.study(owner=owner, sessions_planned=9, state="open")
    made = quota(study, 2, kind="language", value="en")
    finished, going = factories.finished(study), factories.participant(study)
    assert quota_taken(made) == 2
    with pytest.raises(NotTakingPart, match="your group"):
        participant_join(study=study)
    session_withdraw(session=going.session)
    assert quota_taken(made) == 1
    participant_join(study=study)
    participant_exclude(participant=finished, by=owner, reason="asleep")
    assert quota_taken(made) == 1
    participant_join(study=study)
    assert participant_join(study=study, language="de").language == "de"
    with pytest.raises(NotTakingPart):
        participant_join(study=study)
    # An abandoned session gives its place back, as it gives its pairs.
    study.blocks.filter(state="held").update(expires_at=timezone.now() - timedelta(minutes=1))
    participant_join(study=study)


def test_a_parameter_that_the_panel_sends_is_counted(owner):
    study = factories.study(owner=owner, sessions_planned=9, state="open")
    Panel.objects.create(study=study, provider="generic", captured="age, wave__x")
    made = quota(study, 1, kind="parameter", parameter="wave__x", value="2")
    join = {n: Arrival("generic", n, {"wave__x": "2" if n != "c" else "1"}) for n in "abc"}
    participant_join(study=study, arrival=join["a"])
    with pytest.raises(NotTakingPart):
        participant_join(study=study, arrival=join["b"])
    participant_join(study=study, arrival=join["c"])
    participant_join(study=study, arrival=Arrival("generic", "d", {}))
    assert quota_taken(made) == 1


@pytest.mark.django_db(transaction=True)
def test_the_last_place_of_a_quota_goes_to_one_of_six_who_come_at_once():
    study = factories.study(sessions_planned=12, state="open")
    quota(study, 2)

    def join() -> str:
        try:
            participant_join(study=Study.objects.get(pk=study.pk), device="phone")
        except NotTakingPart as refusal:
            return refusal.code
        return "in"

    assert sorted(map(str, at_once(*[join] * 6))) == ["in"] * 2 + ["quota"] * 4
    assert Participant.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"value": "fridge"}, "is no device"),
        ({"kind": "star sign"}, "no quota on"),
        ({"kind": "parameter"}, "Name the address parameter"),
        ({"parameter": "wave"}, "has no address parameter"),
        ({"kind": "language", "value": "xx<b>"}, r"no language 'xx<b>'. Choose one of: en \(English\), de"),
        ({"kind": "parameter", "parameter": "wave", "value": "2"}, "no panel that sends one"),
        ({}, "already"),
        ({"value": "tablet", "most": -1}, "greater than or equal"),
    ],
)
def test_a_quota_that_makes_no_sense_is_refused_in_words(open_study, fields, words):
    quota(open_study, 3)
    with pytest.raises(StudyError, match=words):
        quota(open_study, **({"most": 3} | fields))
    assert Quota.objects.count() == 1


def test_the_page_sets_dates_and_quotas_and_the_log_has_them(as_owner, open_study):
    page = reverse("admin:voting_study_quotas", args=[open_study.pk])
    as_owner.post(page, {"do": "dates", "opens_at": "2031-05-04T09:30", "ends_at": ""})
    open_study.refresh_from_db()
    assert (open_study.opens_at.year, open_study.ends_at) == (2031, None)
    assert 'value="2031-05-04T09:30"' in as_owner.get(page).content.decode()
    wrong = {"do": "dates", "opens_at": "2031-05-04T09:30", "ends_at": "2030-01-01T00:00"}
    assert "must lie after the first" in as_owner.post(page, wrong, follow=True).content.decode()
    assert "Write a day" in as_owner.post(page, {"do": "dates", "opens_at": "soon"}, follow=True).content.decode()
    as_owner.post(page, {"do": "add", "kind": "device", "value": "phone", "most": 5})
    text = as_owner.get(page).content.decode()
    assert "device phone" in text
    assert "part of the frozen design" in text
    as_owner.post(page, {"do": "remove", "quota": open_study.quotas.get().pk})
    assert not open_study.quotas.exists()
    actions = list(open_study.audit.order_by("pk").values_list("action", flat=True))
    assert actions[-3:] == ["edited", "quota added", "quota removed"]
    assert "gone already" in as_owner.post(page, {"do": "remove", "quota": 1}, follow=True).content.decode()


def test_removing_a_quota_lets_everybody_in(open_study):
    made = quota(open_study, 0)
    with pytest.raises(NotTakingPart):
        participant_join(study=open_study, device="phone")
    quota_remove(quota=made, by=open_study.owner)
    participant_join(study=open_study, device="phone")


def test_the_same_quota_added_by_two_at_once_is_said(open_study, monkeypatch):
    check = Quota.full_clean

    def late(self: Quota) -> None:
        check(self)  # the other's is stored between the check and the row
        Quota.objects.create(study=open_study, kind="device", value="phone", most=5)

    monkeypatch.setattr(Quota, "full_clean", late)
    with pytest.raises(StudyError, match="There is a quota for device phone already"):
        quota(open_study, 3)
