import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0004_workers_and_source_names")]

    operations = [
        migrations.AddField(
            model_name="scene",
            name="mask",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="generation.artifact",
            ),
        ),
        migrations.AddField(
            model_name="training",
            name="style",
            field=models.ForeignKey(
                blank=True,
                help_text="The style picture it is for, or the pack of them.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="generation.artifact",
            ),
        ),
    ]
