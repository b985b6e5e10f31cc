from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from studyplatform.voting.models.kept import triggers_lay, triggers_lift


def lay(apps: Any, editor: Any) -> None:
    triggers_lay(editor)


def lift(apps: Any, editor: Any) -> None:
    triggers_lift(editor)


class Migration(migrations.Migration):
    dependencies = [("voting", "0006_joins")]

    operations = [
        migrations.CreateModel(
            name="KeptAnswers",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="kept",
                        serialize=False,
                        to="voting.session",
                    ),
                ),
                ("form", models.CharField(help_text="How the bytes are to be read (core/kept.py).", max_length=16)),
                ("answers", models.BinaryField()),
            ],
            options={"verbose_name_plural": "kept answers"},
        ),
        migrations.RunPython(lay, lift),
    ]
