"""A study walked through by its researchers, before and while it runs, with answers that never count.

A preview is a throwaway study of its own: a copy with the same options, pictures under names of its own and the plan of
one session. So nothing that counts, exports, deals or pays ever sees it; :class:`Study`'s manager hides it, and nobody
but the participant made here has a way in.
"""

import secrets
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from generation.core.spec import digest
from studyplatform.voting.core.previews import preview_slug
from studyplatform.voting.models import Participant, Session, Stimulus, Study
from studyplatform.voting.models.studies import PREVIEW_FOLDER
from studyplatform.voting.services.copies import design_copy
from studyplatform.voting.services.design import design_of
from studyplatform.voting.services.laying import plans_lay
from studyplatform.voting.services.pictures import Picture, pictures_of, stimulus_file, stimulus_of
from studyplatform.voting.services.preview_ends import previews_end
from studyplatform.voting.services.trials import trials_lay


def preview_start(*, study: Study, by: User, language: str = "en") -> Participant:
    """Lay a preview and let its only participant in; old previews of the study are taken down.

    The pairs are those of one session, drawn anew each time. Only their pictures are published, and none of the study.
    Raises :class:`StudyError` with one sentence per problem where the study could not be opened either, a
    picture without its master among them; nothing of the preview stays then.
    """
    previews_end(study=study, old=True)
    pictures = pictures_of(study)
    with transaction.atomic():
        preview = design_copy(
            study=study,
            owner=by,
            slug=preview_slug(study.pk, secrets.token_hex(8)),
            preview_of=study,
            state=Study.State.PILOT,
            token=PREVIEW_FOLDER + secrets.token_hex(12),
            seed=secrets.randbelow(2**31),
            sessions_planned=1,
        )
        preview.design = design_of(preview, pictures)
        preview.design_digest = digest(preview.design)
        preview.save(update_fields=["design", "design_digest"])
        plan, shown = _planned(preview, pictures)
        participant = Participant.objects.create(
            study=preview, is_preview=True, design_digest=preview.design_digest, language=language
        )
        session = Session.objects.create(participant=participant, study=preview)
        trials_lay(session=session, plan=plan, block=None)
    # Files are written after the transaction, which must not hold a lock for so long.
    try:
        for stimulus in shown:
            stimulus_file(stimulus)
    except Exception:
        previews_end(study=study, only=preview.pk)
        raise
    return participant


def _planned(preview: Study, pictures: list[Picture]) -> tuple[list[dict[str, Any]], list[Stimulus]]:
    """The plan of one session, and its pictures as rows; those that it does not show are not kept."""
    stimuli = Stimulus.objects.bulk_create([stimulus_of(preview, p) for p in pictures], batch_size=500)
    plans_lay(study=preview, stimuli=stimuli)
    plan: list[dict[str, Any]] = preview.blocks.get().plan
    preview.blocks.all().delete()
    paired = {item[side] for item in plan for side in ("left", "right")}
    scenes = {item["scene"] for item in plan}
    shown = [s for s in stimuli if s.pk in paired or (s.role == Stimulus.Role.REFERENCE and s.scene_id in scenes)]
    preview.stimuli.exclude(pk__in=[s.pk for s in shown]).delete()
    return plan, shown
