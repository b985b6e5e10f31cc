from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("voting", "0002_the_vote")]

    operations = [
        migrations.AlterField(
            model_name="trial",
            name="expected",
            field=models.CharField(blank=True, help_text="The right answer, where there is one.", max_length=5),
        ),
    ]
