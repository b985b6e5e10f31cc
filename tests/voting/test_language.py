"""Two languages: every text a participant reads has its German, and the compiled file is the written one."""

import gettext
import re
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import translation

from studyplatform.voting.models import Question, Study
from tests import factories

LOCALE = Path(__file__).resolve().parents[2] / "studyplatform" / "voting" / "locale" / "de" / "LC_MESSAGES"
TEMPLATES = LOCALE.parents[2] / "templates" / "voting"


def compiled() -> dict[str, str]:
    with (LOCALE / "django.mo").open("rb") as file:
        return {k: v for k, v in gettext.GNUTranslations(file)._catalog.items() if isinstance(k, str)}


def test_every_word_of_the_templates_is_translated():
    known = compiled()
    used = {
        words
        for page in TEMPLATES.glob("*.html")
        for _, words in re.findall(r"""\{% translate (["'])(.+?)\1""", page.read_text())
    }
    assert len(used) > 40
    assert sorted(used - set(known)) == []


def test_questions_and_the_texts_a_study_begins_with_are_translated():
    known = compiled()
    texts = [preset.label for preset in Question.Preset]
    texts += [Study._meta.get_field(name).default for name in ("introduction", "consent")]
    assert [text for text in texts if text not in known] == []


def test_the_compiled_file_is_the_written_one():
    written = (LOCALE / "django.po").read_text()
    assert "fuzzy" not in written
    entries = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', written, re.MULTILINE)
    known = compiled()
    assert len(entries) > 60
    for english, german in entries:
        assert german
        assert known[english.replace('\\"', '"')] == german.replace('\\"', '"')
        assert re.findall(r"\{\w+\}|%\(\w+\)s", english) == re.findall(r"\{\w+\}|%\(\w+\)s", german)


@pytest.mark.django_db
def test_a_german_browser_reads_german(owner, client):
    study = factories.study(owner=owner, state="open")
    page = client.get(reverse("voting:landing", args=[study.slug]), headers={"Accept-Language": "de"}).content.decode()
    assert '<html lang="de">' in page
    assert "Beginnen" in page
    client.post(reverse("voting:start", args=[study.slug]), headers={"Accept-Language": "de"})
    assert study.participants.get().language == "de"


@pytest.mark.django_db
def test_the_language_can_be_switched(owner, client):
    study = factories.study(owner=owner, state="open")
    landing = reverse("voting:landing", args=[study.slug])
    client.post(reverse("voting:language"), {"language": "de", "next": landing})
    assert "Beginnen" in client.get(landing).content.decode()
    translation.deactivate()
