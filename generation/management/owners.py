"""Whose grid a command lays: a named user, or the first researcher."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import DatabaseError


def owner_named(name: str | None) -> User:
    """The user called ``name``; without a name the first member of staff, made here when there is none.

    A user made here has no usable password: `manage.py changepassword researcher` sets one.
    """
    try:
        return _owner(name)
    except DatabaseError as error:
        if "no such table" in str(error) or "does not exist" in str(error):
            raise CommandError(
                "The database has no tables yet. Run manage.py migrate first (make demo and make serve do)."
            ) from None
        raise


def _owner(name: str | None) -> User:
    if name is not None:
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name!r}. Make one with manage.py createsuperuser.")
        return user
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("pk").first()
    if staff is None:
        staff = User.objects.create_superuser("researcher")
    return staff
