"""Who works on a study, and in which role. Every change is in the audit log; a study is never without an owner."""

from django.contrib.auth.models import User
from django.db import transaction

from studyplatform.voting.models import Membership, Study
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.studies import audit

Role = Membership.Role


@transaction.atomic
def member_add(*, study: Study, by: User, name: str, role: str) -> Membership:
    """Let a researcher, called by user name or email, work on the study.

    Raises :class:`StudyError` where no researcher is called so, where several are, and for those who are in already.
    """
    row = Study.objects.select_for_update().get(pk=study.pk)
    user = _researcher(name)
    if user.pk == row.owner_id or row.memberships.filter(user=user).exists():
        raise StudyError(f"{user} works on “{row}” already. Change the role in the table.")
    member = Membership.objects.create(study=row, user=user, role=_role(role))
    audit(study=row, by=by, action="member added", data={"member": user.username, "role": member.role})
    return member


@transaction.atomic
def member_change(*, study: Study, by: User, user: User, role: str) -> Membership:
    """Give a member another role. Raises :class:`StudyError` for the owner and for those who are no members."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    member = _member(row, user)
    before, member.role = member.role, _role(role)
    if member.role != before:
        member.save(update_fields=["role"])
        data = {"member": user.username, "before": before, "role": member.role}
        audit(study=row, by=by, action="member's role changed", data=data)
    return member


@transaction.atomic
def member_remove(*, study: Study, by: User, user: User) -> None:
    """Let somebody no longer work on the study. Raises :class:`StudyError` as :func:`member_change` does."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    member = _member(row, user)
    member.delete()
    audit(study=row, by=by, action="member removed", data={"member": user.username, "role": member.role})


@transaction.atomic
def study_hand_over(*, study: Study, by: User, to: User) -> Study:
    """Make a member the owner; who was it stays a member in the role of an owner, and may be removed then.

    Raises :class:`StudyError` as :func:`member_change` does.
    """
    row = Study.objects.select_for_update().select_related("owner").get(pk=study.pk)
    if not (to.is_active and to.is_staff):
        raise StudyError(f"{to} cannot sign in as a researcher any more, and cannot own “{row}”.")
    _member(row, to).delete()
    before, row.owner = row.owner, to
    row.save(update_fields=["owner"])
    Membership.objects.update_or_create(study=row, user=before, defaults={"role": Role.OWNER})
    audit(study=row, by=by, action="handed over", data={"before": before.username, "owner": to.username})
    study.refresh_from_db()
    return study


def _researcher(name: str) -> User:
    """The researcher of that user name or email. Other accounts are not told from names that nobody has."""
    name = name.strip()
    staff = User.objects.filter(is_active=True, is_staff=True)
    found = list(staff.filter(username=name) or (staff.filter(email__iexact=name)[:2] if name else ()))
    if not found:
        raise StudyError(
            f"No researcher here is called “{name}”. Give a user name or an email address exactly as the account has "
            "it; a superuser makes accounts."
        )
    if len(found) > 1:
        raise StudyError(f"Several accounts have the email address {name}. Give the user name.")
    return found[0]


def _member(study: Study, user: User) -> Membership:
    if user.pk == study.owner_id:
        raise StudyError(f"{user} is the owner of “{study}”. Hand the study over to another member first.")
    member = study.memberships.filter(user=user).first()
    if member is None:
        raise StudyError(f"{user} does not work on “{study}” any more.")
    return member


def _role(role: str) -> str:
    if role not in Role.values:
        raise StudyError(f"There is no role “{role}”. Roles are {', '.join(Role.values)}.")
    return role
