from typing import Any

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def delete_previews(apps: Any, schema_editor: Any) -> None:
    """On the way back: without `preview_of` a preview would be a study like any other, with votes that count."""
    study, event = apps.get_model("voting", "Study"), apps.get_model("voting", "Event")
    previews = list(study._base_manager.exclude(preview_of=None).values_list("pk", flat=True))
    if not previews:
        return
    # Row by row through Django's collector would meet models of two states. References are checked at the end.
    using = schema_editor.connection.alias
    events = event._base_manager.filter(session__study__in=previews).values_list("pk", flat=True)
    event._base_manager.filter(pk__in=list(events))._raw_delete(using)
    for relation in study._meta.get_fields(include_hidden=True):
        if relation.auto_created and (relation.one_to_many or relation.one_to_one):
            rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": previews})
            rows._raw_delete(using)
    study._base_manager.filter(pk__in=previews)._raw_delete(using)
    # PostgreSQL alters no table whose rows still wait for their checks.
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0003_trained_networks"),
        ("voting", "0003_real_or_fake"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PayDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("decision", models.CharField(choices=[("approve", "pay"), ("reject", "do not pay")], max_length=7)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("device", "device"),
                            ("language", "language"),
                            ("parameter", "address parameter kept from the panel"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "parameter",
                    models.CharField(
                        blank=True, help_text="Its name, where the kind is an address parameter.", max_length=60
                    ),
                ),
                ("value", models.CharField(help_text="Like phone, de, or the parameter’s value.", max_length=120)),
                (
                    "most",
                    models.PositiveIntegerField(help_text="Participants of this kind who may complete the study."),
                ),
            ],
        ),
        migrations.AddField(
            model_name="exclusion",
            name="code",
            field=models.CharField(
                choices=[
                    ("catch_failed", "failed catch pairs"),
                    ("side_bias", "side bias"),
                    ("same_side_run", "long run of one side"),
                    ("too_fast", "too fast"),
                    ("incomplete", "incomplete"),
                    ("other", "another reason"),
                ],
                default="other",
                max_length=13,
            ),
        ),
        migrations.AddField(
            model_name="exclusion",
            name="undo_reason",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="exclusion",
            name="undone_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="participant",
            name="device",
            field=models.CharField(
                blank=True,
                choices=[("computer", "computer"), ("tablet", "tablet"), ("phone", "phone")],
                help_text="What the browser said at the start; its name is not kept.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="preregistration",
            name="text",
            field=models.TextField(blank=True, help_text="The same for people to read, in Markdown."),
        ),
        migrations.AddField(
            model_name="study",
            name="preview_of",
            field=models.ForeignKey(
                editable=False,
                help_text="Of a preview: the study it shows. Its pictures, plan and answers are its own and deleted with it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="voting.study",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="alpha",
            field=models.FloatField(
                default=0.05,
                help_text="How often a test may find what is not there; .05 is usual.",
                validators=[
                    django.core.validators.MinValueValidator(0.001),
                    django.core.validators.MaxValueValidator(0.2),
                ],
                verbose_name="level of the tests",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="currency",
            field=models.CharField(
                default="EUR",
                help_text="Of the reward, in three letters.",
                max_length=3,
                validators=[
                    django.core.validators.RegexValidator("^[A-Z]{3}\\Z", "Write three capital letters, like EUR.")
                ],
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="ends_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Nobody starts later; who has begun may finish.",
                null=True,
                verbose_name="last day and hour",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="flag_catch_rate",
            field=models.FloatField(
                default=0.7,
                help_text="Who fails two catch pairs or more and passes a smaller share is flagged: one slip is human.",
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)],
                verbose_name="least share of catch pairs passed",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="flag_fast_share",
            field=models.FloatField(
                default=0.5,
                help_text="A larger share flags a participant: two pictures cannot be compared so soon.",
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)],
                verbose_name="share of answers under half a second",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="flag_run",
            field=models.PositiveIntegerField(
                default=12,
                help_text="So many answers in a row on one side flag a participant.",
                validators=[django.core.validators.MinValueValidator(5), django.core.validators.MaxValueValidator(500)],
                verbose_name="longest run of one side",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="flag_side_p",
            field=models.FloatField(
                default=0.001,
                help_text="Two-sided binomial p of answering left as often as they did; below it a participant is flagged.",
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(0.05),
                ],
                verbose_name="side bias, p below",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="left_out_conditions",
            field=models.ManyToManyField(
                blank=True,
                help_text="Conditions of these grids that are not shown.",
                related_name="+",
                to="generation.condition",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="left_out_scenes",
            field=models.ManyToManyField(
                blank=True,
                help_text="Scenes of these grids that are not shown.",
                related_name="+",
                to="generation.scene",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="margin",
            field=models.FloatField(
                default=0.55,
                help_text="A rival that would win less often than this against the picture with the minimum loss counts as no better; .55 means 55 of 100 meetings.",
                validators=[
                    django.core.validators.MinValueValidator(0.505),
                    django.core.validators.MaxValueValidator(0.75),
                ],
                verbose_name="margin of equivalence",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="opens_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Nobody starts earlier; empty: as soon as it is open.",
                null=True,
                verbose_name="first day and hour",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="panel_fee_percent",
            field=models.FloatField(
                default=0,
                help_text="What the panel adds to each reward.",
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(200)],
                verbose_name="fee of the panel, in percent",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="prereg_notes",
            field=models.TextField(
                blank=True,
                help_text="What the preregistration should say besides what follows from this form; frozen with it.",
                verbose_name="anything else to preregister",
            ),
        ),
        migrations.AddField(
            model_name="study",
            name="reward",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="What one participant is paid. It is used to plan the cost; nobody is shown it.",
                max_digits=8,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddConstraint(
            model_name="study",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("opens_at__isnull", True),
                    ("ends_at__isnull", True),
                    ("opens_at__lt", models.F("ends_at")),
                    _connector="OR",
                ),
                name="a_study_ends_after_it_opens",
                violation_error_message="The last day and hour must lie after the first.",
            ),
        ),
        migrations.AddField(
            model_name="paydecision",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="paydecision",
            name="participant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="pay_decisions", to="voting.participant"
            ),
        ),
        migrations.AddField(
            model_name="quota",
            name="study",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="quotas", to="voting.study"
            ),
        ),
        migrations.AddConstraint(
            model_name="paydecision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at__isnull", True)),
                fields=("participant",),
                name="one_pay_decision_in_force",
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.UniqueConstraint(
                fields=("study", "kind", "parameter", "value"), name="quota_once_per_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "parameter"), ("parameter", ""), _connector="XOR"),
                name="only_a_parameter_quota_names_one",
            ),
        ),
        migrations.AddField(
            model_name="exportrecord",
            name="contents",
            field=models.CharField(default="everything", max_length=80),
        ),
        migrations.AlterField(
            model_name="exportrecord",
            name="data_digest",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="study",
            name="data_licence",
            field=models.CharField(
                blank=True,
                help_text="Under which exports may be used by others, for example CC0-1.0 or CC-BY-4.0. It stands in each.",
                max_length=120,
                verbose_name="licence of the data",
            ),
        ),
        migrations.AlterField(
            model_name="study",
            name="break_every",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Offer a rest after so many pairs; 0 for none.",
                validators=[django.core.validators.MaxValueValidator(500)],
            ),
        ),
        migrations.AlterField(
            model_name="study",
            name="grace_hours",
            field=models.PositiveIntegerField(
                default=24,
                help_text="For how long after closing votes of running sessions still count (marked late).",
                validators=[django.core.validators.MaxValueValidator(1440)],
            ),
        ),
        migrations.AlterField(
            model_name="study",
            name="resume_after_minutes",
            field=models.PositiveIntegerField(
                default=60,
                help_text="How long a pause may be before that applies.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(43200),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="study",
            name="seed",
            field=models.PositiveIntegerField(
                default=1,
                help_text="Seed of the order and the sides.",
                validators=[django.core.validators.MaxValueValidator(2147483647)],
            ),
        ),
        migrations.AddField(
            model_name="question",
            name="retired",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Asked in a pilot and no more; it stays for the answers it was given.",
            ),
        ),
        # The last here is the first on the way back.
        migrations.RunPython(migrations.RunPython.noop, delete_previews),
    ]
