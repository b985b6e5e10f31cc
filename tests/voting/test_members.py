"""Who works on a study: added by name, given roles, removed, the study handed over; each step is in the log."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from studyplatform.voting import services
from studyplatform.voting.models import Membership, Study
from studyplatform.voting.selectors import may_download, may_edit, may_own, studies_visible
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(owner: User) -> Study:
    return factories.study(owner=owner)


def page_of(study: Study) -> str:
    return reverse("admin:voting_study_members", args=[study.pk])


def do(client: Client, study: Study, **sent: Any) -> str:
    return client.post(page_of(study), sent, follow=True).content.decode()


def log(study: Study) -> list[tuple[str, str, dict[str, Any]]]:
    return [(str(e.user), e.action, e.data) for e in study.audit.order_by("pk")]


def test_a_researcher_is_added_changed_and_removed_and_each_step_is_logged(as_owner, study, colleague):
    User.objects.filter(pk=colleague.pk).update(email="Colleague@example.org")
    assert "“colleague” is viewer of the study now" in do(
        as_owner, study, do="add", name=" colleague@example.org ", role="viewer"
    )
    member = study.memberships.get()
    assert (member.user, member.role) == (colleague, "viewer")
    do(as_owner, study, do="role", member=member.pk, role="editor")
    assert may_edit(colleague, study)
    do(as_owner, study, do="role", member=member.pk, role="editor")  # the same again changes nothing
    assert "“colleague” no longer works on the study" in do(as_owner, study, do="remove", member=member.pk)
    assert not studies_visible(colleague).exists()
    assert log(study) == [
        ("owner", "member added", {"member": "colleague", "role": "viewer"}),
        ("owner", "member's role changed", {"member": "colleague", "before": "viewer", "role": "editor"}),
        ("owner", "member removed", {"member": "colleague", "role": "editor"}),
    ]


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("owner", (True, True, True)),
        ("editor", (True, True, False)),
        ("analyst", (False, True, False)),
        ("viewer", (False, False, False)),
    ],
)
def test_a_role_is_what_the_page_says(study, colleague, role, rights):
    Membership.objects.create(study=study, user=colleague, role=role)
    assert (may_edit(colleague, study), may_download(colleague, study), may_own(colleague, study)) == rights
    assert factories.signed_in(colleague).get(page_of(study)).status_code == (200 if role == "owner" else 403)


def test_a_wrong_name_says_so_and_does_not_tell_who_has_an_account(as_owner, study):
    factories.user("participant-of-the-house", staff=False)
    gone = factories.user("gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    said = {
        name: do(as_owner, study, do="add", name=name, role="viewer").replace(name, "NAME")
        for name in ("nobody-at-all", "participant-of-the-house", "gone")
    }
    assert "No researcher here is called “NAME”." in said["nobody-at-all"]
    tokens = {name: page.split("csrfmiddlewaretoken")[0] for name, page in said.items()}
    assert len(set(tokens.values())) == 1
    assert not study.memberships.exists()


def test_nobody_is_listed_who_does_not_work_on_the_study(as_owner, study, colleague, stranger):
    Membership.objects.create(study=study, user=colleague, role="viewer")
    page = as_owner.get(page_of(study)).content.decode()
    assert colleague.username in page
    assert stranger.username not in page


def test_two_accounts_of_one_address_are_told_apart_by_user_name(as_owner, study, colleague, stranger):
    User.objects.filter(pk__in=[colleague.pk, stranger.pk]).update(email="lab@example.org")
    assert "Give the user name" in do(as_owner, study, do="add", name="lab@example.org", role="viewer")
    do(as_owner, study, do="add", name="stranger", role="analyst")
    assert study.memberships.get().user == stranger


def test_who_is_in_already_is_not_added_twice(as_owner, study, owner, colleague):
    Membership.objects.create(study=study, user=colleague, role="viewer")
    for name in ("owner", "colleague"):
        assert "already" in do(as_owner, study, do="add", name=name, role="editor")
    assert study.memberships.get().role == "viewer"


def test_the_study_is_handed_over_and_the_last_owner_cannot_go(as_owner, study, owner, colleague):
    with pytest.raises(services.StudyError, match="Hand the study over"):
        services.member_remove(study=study, by=owner, user=owner)
    with pytest.raises(services.StudyError, match="Hand the study over"):
        services.member_change(study=study, by=owner, user=owner, role="viewer")
    with pytest.raises(services.StudyError, match="does not work on"):
        services.study_hand_over(study=study, by=owner, to=colleague)
    member = Membership.objects.create(study=study, user=colleague, role="viewer")
    assert "“colleague” owns the study now" in do(as_owner, study, do="hand over", member=member.pk)
    study.refresh_from_db()
    assert (study.owner, study.memberships.get().user, study.memberships.get().role) == (colleague, owner, "owner")
    assert log(study)[-1] == ("owner", "handed over", {"before": "owner", "owner": "colleague"})
    # The earlier owner is a member like others now, and may leave.
    do(as_owner, study, do="remove", member=study.memberships.get().pk)
    assert not studies_visible(owner).exists()
    assert as_owner.get(page_of(study)).status_code == 404


def test_a_study_is_not_handed_to_an_account_that_cannot_sign_in(study, owner, colleague):
    Membership.objects.create(study=study, user=colleague, role="editor")
    User.objects.filter(pk=colleague.pk).update(is_staff=False)
    colleague.refresh_from_db()
    with pytest.raises(services.StudyError, match="cannot sign in"):
        services.study_hand_over(study=study, by=owner, to=colleague)
    study.refresh_from_db()
    assert study.owner == owner


@pytest.mark.parametrize("role", ["editor", "analyst", "viewer"])
def test_members_who_do_not_own_change_nobody_nor_themselves(study, colleague, role):
    member = Membership.objects.create(study=study, user=colleague, role=role)
    client = factories.signed_in(colleague)
    for sent in (
        {"do": "role", "member": member.pk, "role": "owner"},
        {"do": "hand over", "member": member.pk},
        {"do": "add", "name": "owner", "role": "owner"},
        {"do": "remove", "member": member.pk},
    ):
        assert client.post(page_of(study), sent).status_code == 403
    assert [(m.user, m.role) for m in study.memberships.all()] == [(colleague, role)]
    assert log(study) == []


def test_a_member_of_another_study_is_not_reached_from_this_one(as_owner, study, stranger, colleague):
    other = factories.study("other", owner=stranger)
    foreign = Membership.objects.create(study=other, user=colleague, role="viewer")
    assert "removed meanwhile" in do(as_owner, study, do="remove", member=foreign.pk)
    assert Membership.objects.filter(pk=foreign.pk).exists()


def test_the_log_of_one_s_studies_is_one_list(as_owner, study, stranger):
    services.study_update(study=study, by=study.owner, title="Renamed")
    page = as_owner.get("/admin/voting/auditentry/").content.decode()
    assert "title: “The study study” → “Renamed”" in page
    assert "Renamed" not in factories.signed_in(stranger).get("/admin/voting/auditentry/").content.decode()
    entry = study.audit.get()
    assert as_owner.get(f"/admin/voting/auditentry/{entry.pk}/change/").status_code == 200
    for path in ("change", "delete"):
        assert as_owner.post(f"/admin/voting/auditentry/{entry.pk}/{path}/", {"post": "yes"}).status_code == 403
    assert study.audit.get() == entry
