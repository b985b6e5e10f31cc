"""A study in which everything is decided otherwise than a new one has it."""

from datetime import UTC, datetime
from decimal import Decimal

from django.contrib.auth.models import User

from studyplatform.voting.models import Panel, Study
from studyplatform.voting.services import DESIGN_FIELDS
from tests import factories


def decided(owner: User) -> Study:
    """A study in which no option has its default."""
    grid = factories.rendered_grid(owner=owner)
    study = factories.study(
        owner=owner,
        grid=grid,
        questions=("style", "natural"),
        reward=Decimal("2.50"),
        currency="GBP",
        panel_fee_percent=33.3,
        public_report=True,
        data_licence="CC0-1.0",
        opens_at=datetime(2026, 1, 1, 9, tzinfo=UTC),
        ends_at=datetime(2026, 2, 1, 9, tzinfo=UTC),
    )
    for name in DESIGN_FIELDS:
        field = Study._meta.get_field(name)
        value = getattr(study, name)
        if field.choices:
            setattr(study, name, [c for c, _ in field.choices if c != field.get_default()][-1])
        elif isinstance(value, bool):
            setattr(study, name, not field.get_default())
        elif name not in ("slug", "title", "trials_per_session", "sessions_planned"):
            setattr(
                study,
                name,
                f"“{name}”\n\nin words" if isinstance(value, str) else value + (1 if isinstance(value, int) else 0.01),
            )
    study.save()
    study.left_out_scenes.add(grid.cells.first().scene)
    study.left_out_conditions.add(grid.conditions.last().condition)
    study.quotas.create(kind="parameter", parameter="group", value="a", most=3)
    Panel.objects.create(
        study=study, provider="generic", id_parameter="who", captured="wave", complete_code="SECRET",
        return_address="https://panel.example/?credit_token=SECRET&c={code}",
    )  # fmt: skip
    study.memberships.create(user=factories.user("colleague"), role="editor")
    return study
