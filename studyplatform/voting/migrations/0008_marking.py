from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("voting", "0007_kept_answers")]

    operations = [
        migrations.AlterField(
            model_name="question",
            name="preset",
            field=models.CharField(
                choices=[
                    ("natural", "Which looks more natural?"),
                    ("style", "Which better shows the style of this picture?"),
                    ("content", "Which better keeps this scene?"),
                    ("colours", "Whose colours look more natural?"),
                    ("real", "Which is the real photograph?"),
                    ("marking", "Which marking fits the defect better?"),
                ],
                default="natural",
                max_length=10,
            ),
        ),
    ]
