from collections.abc import Iterator
from itertools import count

from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def names_once(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    """The first picture of a name keeps it; the later ones of the same owner get a number."""
    sources = apps.get_model("generation", "SourceImage")
    taken: set[tuple[int, str]] = set()
    for source in sources.objects.order_by("pk"):
        name = next(n for n in _names(source.name) if (source.owner_id, n) not in taken)
        taken.add((source.owner_id, name))
        if name != source.name:
            sources.objects.filter(pk=source.pk).update(name=name)


def _names(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name[:70]}-{number}"


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0003_trained_networks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("holder", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.RunPython(names_once, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="sourceimage",
            constraint=models.UniqueConstraint(fields=("owner", "name"), name="source_name_once_per_owner"),
        ),
        migrations.AddIndex(
            model_name="score",
            index=models.Index(fields=["metric", "status"], name="score_by_metric"),
        ),
    ]
