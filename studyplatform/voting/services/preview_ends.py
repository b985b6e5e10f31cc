"""Taking previews down: everything that a preview had goes, rows and files."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from studyplatform.voting.models import Block, CompletionCode, Event, Participant, Session, Stimulus, Study, Trial, Vote

#: A preview that nobody ended is taken down when the next one starts, or the study opens.
KEPT = timedelta(hours=24)


@transaction.atomic
def previews_end(*, study: Study, only: int | None = None, old: bool = False) -> int:
    """Take down the previews of ``study``: one by its pk, the old ones, or all; returns how many.

    Their pictures are deleted once the rows are gone for good.
    """
    previews = Study.everything.filter(preview_of=study.pk)
    if only is not None:
        previews = previews.filter(pk=only)
    if old:
        previews = previews.filter(created_at__lt=timezone.now() - KEPT)
    # In three steps, so that nobody waits in a circle: whoever holds the session refers to the study before the end.
    ended = list(previews.select_for_update(no_key=True))
    list(Session.objects.select_for_update(of=("self",)).filter(study__in=ended).order_by("pk"))
    # An answer that is on its way waits for this row, and finds nothing any more.
    list(Study.everything.select_for_update().filter(pk__in=[preview.pk for preview in ended]))
    for preview in ended:
        _delete(preview)
    return len(ended)


def _delete(preview: Study) -> None:
    paths = [stimulus.path for stimulus in Stimulus.objects.filter(study=preview).select_related("study")]
    Vote.objects.filter(study=preview).delete()
    # The chains of taken-back and skipped trials point at each other.
    Trial.objects.filter(study=preview).update(supersedes=None, reasks=None)
    Event.objects.filter(session__study=preview).delete()
    for rows in (Trial, Block, CompletionCode, Session, Participant, Stimulus):
        rows._default_manager.filter(study=preview).delete()
    preview.delete()
    transaction.on_commit(lambda: _delete_files(preview.token, paths))


def _delete_files(folder: str, paths: Iterable[str]) -> None:
    storage = storages["stimuli"]
    for path in paths:
        storage.delete(path)
    # It holds what is being written just now, or the storage has no folders.
    with suppress(OSError):
        storage.delete(folder)
