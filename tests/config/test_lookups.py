"""Addresses cannot ask the database what a list does not show, a letter at a time (F21, as in CVE-2023-47117)."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from studyplatform.config.admin_site import Guarded
from tests import factories

pytestmark = pytest.mark.django_db

# Of each list: lookups through relations, backwards through them, and of columns that the list does not show.
LOOKUPS = {
    "voting_study": ["owner__password__startswith", "token__startswith", "memberships__user__email__contains",
                     "participants__token__startswith", "design__contains"],
    "voting_participant": ["token__startswith", "study__owner__password__startswith", "panel__external_id",
                           "study__token__startswith", "trials__votes__choice"],
    "voting_trial": ["votes__choice", "participant__token__startswith", "left__label", "left", "expected"],
    "voting_stimulus": ["study__owner__password__startswith", "render__scores__value__lt"],
    "voting_auditentry": ["user__password__startswith", "study__token__startswith", "data__contains"],
    "evaluation_analysis": ["study__owner__password__startswith", "results__contains", "study__votes__choice"],
    "generation_grid": ["owner__password__startswith", "studies__token__startswith"],
    "generation_sourceimage": ["owner__password__startswith"],
    "generation_job": ["lease_holder__startswith", "renders__cells__grid__owner__password__startswith"],
}  # fmt: skip


def let_through(client: Client, model: str) -> list[str]:
    """Those of the lookups that the list of a model answers."""
    address = reverse(f"admin:{model}_changelist")
    assert client.get(address).status_code == 200
    return [lookup for lookup in LOOKUPS[model] if client.get(address, {lookup: "1"}).status_code != 400]


@pytest.mark.fault("F21")
@pytest.mark.parametrize("model", LOOKUPS)
def test_the_lists_of_the_admin_refuse_lookups_that_they_do_not_offer(model: str, as_owner: Client, tried: Any) -> None:
    factories.study(owner=factories.user("owner"), state="open")
    assert let_through(as_owner, model) == []
    tried("F21", lookups=len(LOOKUPS[model]), answered=0)


@pytest.mark.fault("F21", planted=True)
@pytest.mark.parametrize("model", ["voting_study", "voting_participant", "generation_grid"])
def test_a_list_without_what_it_offers_is_seen(model: str, as_owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.study(owner=factories.user("owner"), state="open")
    monkeypatch.setitem(LOOKUPS, model, [lookup for lookup in LOOKUPS[model] if "password" in lookup])
    monkeypatch.setattr(Guarded, "lookup_allowed", lambda self, lookup, value, request: True)
    assert let_through(as_owner, model) == LOOKUPS[model] != []


def test_the_filters_that_a_list_offers_work(as_owner: Client) -> None:
    study = factories.study(owner=factories.user("owner"), state="open")
    who = factories.participant(study)
    for query, found in (
        ({"state__exact": "open"}, True),
        ({"state__exact": "closed"}, False),
        ({"q": study.title}, True),
    ):
        assert (study.title in _rows(as_owner.get("/admin/voting/study/", query).content.decode())) is found
    for query, found in (({"study__id__exact": study.pk}, True), ({"is_bot__exact": "1"}, False)):
        assert (str(who) in as_owner.get("/admin/voting/participant/", query).content.decode()) is found
    assert as_owner.get("/admin/voting/auditentry/", {"at__year": 2001}).status_code == 200
    assert as_owner.get("/admin/voting/study/", {"o": "1.-2"}).status_code == 200


def _rows(page: str) -> str:
    return page.split('id="result_list"')[1] if 'id="result_list"' in page else ""


def test_every_table_of_the_admin_is_guarded() -> None:
    assert [m._meta.label for m, admin in site._registry.items() if not isinstance(admin, Guarded)] == []
    assert all(issubclass(model, Model) for model in site._registry)


@pytest.mark.fault("F21")
@pytest.mark.parametrize("name", ["stimuli", "trials", "study-votes", "exports"])
def test_the_api_knows_no_lookups(name: str, as_owner: Client) -> None:
    study = factories.study(owner=factories.user("owner"), state="open", simulated=True)
    factories.finished(study)
    address = reverse(f"voting:api-{name}", args=[study.slug])
    whole = as_owner.get(address).json()
    for lookup in ("participant__token__startswith", "study__owner__password__startswith", "ordering", "fields"):
        assert as_owner.get(address, {lookup: "zzz"}).json() == whole, lookup


def test_the_list_of_studies_knows_no_lookups(as_owner: Client) -> None:
    factories.study(owner=factories.user("owner"))
    address = reverse("voting:api-studies")
    assert as_owner.get(address, {"owner__password__startswith": "zzz"}).json() == as_owner.get(address).json()
