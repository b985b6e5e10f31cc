"""What an attacker tries first, tried: each of these is refused in words, and nothing of it is run or kept."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework import serializers

from studyplatform.voting.api import serializers as shapes
from studyplatform.voting.identity import cookie_name, participant_key
from studyplatform.voting.models import Participant, Study, Vote
from studyplatform.voting.services import debrief_answer
from tests import factories
from tests.config.addresses import routes
from tests.config.role_world import World

pytestmark = pytest.mark.django_db
SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{% debug %}'
HOSTILE = (
    "' OR '1'='1", '" UNION SELECT password FROM auth_user--', "1; DROP TABLE voting_vote", "../../etc/passwd",
    "\0", "%00", "9" * 400, "-1", "1e999", "NaN", "[]", "é" * 300, SCRIPT, "$(id)", "a\r\nSet-Cookie: a=b",
)  # fmt: skip
PARAMETERS = (
    "q", "o", "p", "e", "all", "next", "id", "state__exact", "at__year", "scene", "condition", "choices", "images",
    "after", "count", "start", "PROLIFIC_PID", "people", "page", "sort", "_popup", "_to_field", "_changelist_filters",
)  # fmt: skip


def test_every_parameter_may_hold_anything() -> None:
    """No page fails by what stands behind the question mark, for a researcher or for anybody."""
    world, wrong = World(), []
    for route in routes():
        address = route.filled(**world.values(route))
        for text in HOSTILE:
            client = world.clients["participant" if address.startswith(("/s/", "/api/")) else "owner"]
            client.raise_request_exception = False
            status = client.get(address, dict.fromkeys(PARAMETERS, text)).status_code
            if status >= 500:
                wrong.append(f"{address} {text[:20]!r}: {status}")
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 100_000, 400),
        ('{"parameters": ' + '{"a": ' * 5000 + "1" + "}" * 5001, 400),
        ('{"a": "' + "x" * 300_000 + '"}', 413),
        ('{"trial": ' + "9" * 5000 + "}", 400),
        ('{"client": {"dpr": NaN}}', 400),
        ("\ud800".encode("utf-16", "surrogatepass"), 400),
        ('"text"', 400),
        ("[]", 400),
        ("null", 400),
        ("", 400),
    ],
)
def test_bodies_that_are_too_much_are_refused_in_words(open_study: Study, body: Any, status: int) -> None:
    key = participant_key(factories.participant(open_study))
    address = reverse("voting:api-votes", args=[open_study.slug])
    headers = {"authorization": f"Bearer {key}"}
    response = Client(raise_request_exception=False).post(address, body, "application/json", headers=headers)
    assert response.status_code == status
    assert {"code", "detail"} <= response.json().keys()


def ballot_of(who: Participant, **more: Any) -> dict[str, Any]:
    """A ballot in order for the next pair."""
    trial = factories.next_trial(who)
    assert trial is not None
    return {"uuid": str(uuid4()), "trial": trial.pk, "choice": "left", **more}


@pytest.mark.parametrize("length", [300_000, 6_000_000], ids=["0.3 MB", "6 MB"])
def test_a_ballot_in_order_with_too_much_beside_it_is_refused_in_words(open_study: Study, length: int) -> None:
    """Also where nothing but the length is wrong: the short way of votes takes no longer bodies than the long way."""
    who = factories.participant(open_study)
    client = Client(headers={"authorization": f"Bearer {participant_key(who)}"})
    address = reverse("voting:api-votes", args=[open_study.slug])
    response = client.post(address, ballot_of(who, junk="x" * length), "application/json")
    assert (response.status_code, response.json()["code"]) == (413, "too_long")
    assert client.post(address, ballot_of(who), "application/json").status_code == 201


def test_a_vote_under_a_name_that_is_not_ours_is_not_taken(open_study: Study) -> None:
    who = factories.participant(open_study)
    client = Client(headers={"authorization": f"Bearer {participant_key(who)}"})
    address = reverse("voting:api-votes", args=[open_study.slug])
    strange = client.post(address, ballot_of(who), "application/json", headers={"host": "evil.example"})
    assert strange.status_code == 400
    assert not Vote.objects.exists()


def numbers(shape: serializers.Field[Any, Any, Any, Any], name: str) -> Iterator[tuple[str, Any]]:
    """The fields of numbers in a shape, each with its path."""
    if isinstance(shape, serializers.ListSerializer | serializers.ListField):
        assert shape.child is not None
        yield from numbers(shape.child, f"{name}[]")
    elif isinstance(shape, serializers.Serializer):
        for below, field in shape.fields.items():
            yield from numbers(field, f"{name}.{below}")
    elif isinstance(shape, serializers.IntegerField | serializers.FloatField):
        yield name, shape


def test_no_number_that_is_sent_is_without_a_least_and_a_most() -> None:
    sent = (shapes.Arrival, shapes.Window, shapes.Ballot, shapes.Notes, shapes.Stretch, shapes.Checked, shapes.Page)
    found = [number for shape in sent for number in numbers(shape(), shape.__name__)]
    assert len(found) > 15
    assert [name for name, field in found if None in (field.min_value, field.max_value)] == []


def test_fields_sent_along_are_not_read(open_study: Study) -> None:
    base = f"/api/v1/studies/{open_study.slug}/session/"
    sent = {"is_bot": True, "is_pilot": True, "token": "0" * 32, "study": 1, "id": 1, "parameters": {"is_staff": "1"}}
    key = Client().post(base, sent, "application/json").json()["key"]
    made = Participant.objects.get()
    assert (made.is_bot, made.is_pilot) == (False, False)
    assert made.token != "0" * 32
    headers = {"authorization": f"Bearer {key}"}
    for step in ("consent", "instructions"):
        Client().post(f"{base}{step}/", {"withdrew_at": "2001-01-01"}, "application/json", headers=headers)
    trial = factories.next_trial(made)
    assert trial is not None
    ballot = {"uuid": "00000000-0000-4000-8000-000000000001", "trial": trial.pk, "choice": "left"}
    smuggled = {"participant": 999, "study": 999, "late": True, "submitted_at": "2001-01-01T00:00:00Z"}
    assert Client().post(f"{base}votes/", ballot | smuggled, "application/json", headers=headers).status_code == 201
    vote = made.trials.get(pk=trial.pk).votes.get()
    assert (vote.late, vote.submitted_at.year > 2001, vote.study_id) == (False, True, open_study.pk)


def test_texts_that_people_type_are_shown_and_not_run(owner: User) -> None:
    grid = factories.rendered_grid("typed", owner=owner)
    grid.title = SCRIPT
    grid.save()
    texts = dict.fromkeys(("title", "introduction", "consent", "instructions"), SCRIPT)
    study = factories.study("typed", owner=owner, grid=grid, state="open", **texts)
    who = factories.finished(study)
    debrief_answer(session=who.session, answers={"trouble": SCRIPT, "looked_at": SCRIPT})
    researcher, participant = Client(), Client()
    researcher.force_login(owner)
    participant.cookies[cookie_name(study.slug)] = participant_key(factories.participant(study, ready=False))
    shown = 0
    names = ("participants", "live", "log", "members", "share", "check", "reconcile", "preregistration")
    pages = [reverse(f"admin:voting_study_{name}", args=[study.pk]) for name in names]
    pages += [reverse("admin:voting_study_change", args=[study.pk]), reverse("admin:index"), f"/report/{study.slug}/"]
    pages += [reverse("admin:voting_participant_change", args=[who.pk]), "/grids/typed/", "/"]
    theirs = [f"/s/{study.slug}/{step}" for step in ("", "consent/", "instructions/")]
    for client, addresses in ((researcher, pages), (participant, theirs)):
        for address in addresses:
            page = client.get(address, follow=True).content.decode()
            shown += "&lt;script&gt;alert(1)" in page
            assert "<script>alert" not in page, address
            assert "<img src=x" not in page, address
            assert ">49" not in page, address
    assert shown > 6


def test_no_post_goes_by_a_cookie_alone() -> None:
    """Another site's form carries the cookies and no token: refused, or nothing that a cookie opens."""
    world, wrong = World(), []
    for route in routes():
        address = route.filled(**world.values(route))
        for actor in ("owner", "participant"):
            client = world.clients[actor]
            client.handler.enforce_csrf_checks = True
            for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
                status = client.post(address, b"{}", content_type=kind).status_code
                # Starting a session reads no cookie; without its media type it is not read at all.
                starts = route.name == "voting:api-session" and status in (201, 400, 409, 415)
                if status not in (302, 401, 403, 404, 405) and not starts:
                    wrong.append(f"{actor} {kind} {address} ({route.name}): {status}")
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_elsewhere(owner: User, target: str) -> None:
    sent = {"username": "owner", "password": "pass-owner", "next": target}
    assert Client().post(f"/admin/login/?next={target}", sent)["Location"].startswith("/admin/")
    response = Client().post(
        reverse("voting:language"), {"language": "de", "next": target}, headers={"referer": target}
    )
    assert "evil" not in response.get("Location", "")
    assert not response.get("Location", "").startswith("javascript")


def test_no_other_origin_is_answered(open_study: Study) -> None:
    for address in ("/", "/api/v1/schema/", f"/api/v1/studies/{open_study.slug}/session/"):
        for method in ("get", "options", "post"):
            response = getattr(Client(), method)(address, headers={"origin": "https://evil.example"})
            assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_names_of_downloads_carry_no_header(owner: User, as_owner: Client) -> None:
    study = factories.study("slug", owner=owner, title='a"\r\nSet-Cookie: x=1', state="open")
    address = f"/report/{study.slug}/data/stimuli.csv"
    response = as_owner.get(address)
    assert re.fullmatch(r'attachment; filename="[\w.-]+"', response["Content-Disposition"])
    assert "Set-Cookie: x" not in json.dumps(dict(response.items()))


def test_a_session_given_by_somebody_else_is_not_kept(owner: User) -> None:
    client = Client()
    client.get("/admin/login/")
    stranger = Client()
    stranger.force_login(factories.user("stranger"))
    name = "sessionid"
    client.cookies[name] = given = stranger.cookies[name].value
    client.post("/admin/login/", {"username": "owner", "password": "pass-owner"})
    assert client.cookies[name].value != given
    made_up = Client()
    made_up.cookies[name] = "a" * 32
    made_up.post("/admin/login/", {"username": "owner", "password": "pass-owner"})
    assert made_up.cookies[name].value != "a" * 32


def test_after_signing_out_the_cookie_opens_nothing(as_owner: Client) -> None:
    kept = as_owner.cookies["sessionid"].value
    assert as_owner.get("/admin/").status_code == 200
    as_owner.post("/admin/logout/")
    as_owner.cookies["sessionid"] = kept
    assert as_owner.get("/admin/").status_code == 302


def test_an_account_that_is_off_is_out_at_once(owner: User, as_owner: Client) -> None:
    owner.is_active = False
    owner.save()
    assert as_owner.get("/admin/").status_code == 302


def test_another_password_ends_all_other_sessions(owner: User, as_owner: Client) -> None:
    elsewhere = Client()
    elsewhere.force_login(owner)
    typed = {"old_password": "pass-owner", "new_password1": "long-enough-7", "new_password2": "long-enough-7"}
    assert as_owner.post("/admin/password_change/", typed).status_code == 302
    assert (as_owner.get("/admin/").status_code, elsewhere.get("/admin/").status_code) == (200, 302)


@pytest.mark.parametrize("weak", ["short1!", "password", "12345678901"])
def test_weak_passwords_are_refused(owner: User, as_owner: Client, weak: str) -> None:
    typed = {"old_password": "pass-owner", "new_password1": weak, "new_password2": weak}
    assert as_owner.post("/admin/password_change/", typed).status_code == 200
    assert User.objects.get(pk=owner.pk).check_password("pass-owner")


def test_guessing_a_password_is_locked(owner: User) -> None:
    said = [Client().post("/admin/login/", {"username": "owner", "password": f"guess-{n}"}) for n in range(11)]
    assert said[0].status_code == 200
    assert said[-1].status_code == 429
    right = Client().post("/admin/login/", {"username": "owner", "password": "pass-owner"})
    assert right.status_code == 429


def test_passwords_are_kept_by_a_slow_function(settings: Any) -> None:
    from django.conf import global_settings

    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS
    assert User.objects.create_user("slow", password="anything").password.startswith("pbkdf2_sha256$")
