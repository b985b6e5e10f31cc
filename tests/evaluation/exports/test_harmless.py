"""No cell of a bundle runs in a spreadsheet, no line is ragged, and nothing in it opens a session or names a person."""

import csv
import io
import re
from collections.abc import Mapping

import pytest

from evaluation.exports import Export
from generation.core import csv_text
from studyplatform.voting.models import Panel
from studyplatform.voting.selectors import panel_hash
from tests.evaluation.exports.conftest import (
    HOSTILE,
    PANEL_ID,
    no_formulas,
    write_hostile_texts,
    zip_files,
)

pytestmark = pytest.mark.django_db
UA = "Mozilla/5.0 (Hostile; rv:1)"


def ragged(files: Mapping[str, bytes]) -> list[str]:
    """Files of which some line has another number of cells than the first."""
    tables = {n: list(csv.reader(io.StringIO(c.decode(), newline=""))) for n, c in files.items() if n.endswith(".csv")}
    return [name for name, lines in tables.items() if len({len(line) for line in lines}) != 1]


@pytest.mark.fault("F17")
def test_hostile_texts_come_back_as_they_were_and_run_nowhere(study, tried):
    write_hostile_texts(study)
    files = zip_files(Export(study))
    no_formulas(files)
    assert ragged(files) == []
    tables = [csv.reader(io.StringIO(c.decode(), newline="")) for n, c in files.items() if n.endswith(".csv")]
    back = {cell.removeprefix("'") for table in tables for line in table for cell in line}
    assert {"=1+1", "@SUM(A1)", HOSTILE[0]} <= back
    tried("F17", tables=sum(name.endswith(".csv") for name in files), formula_cells=0, ragged=0)


@pytest.mark.fault("F17", planted=True)
def test_a_plain_writer_of_csv_is_seen(study, monkeypatch):
    write_hostile_texts(study)
    with monkeypatch.context() as plain:
        plain.setattr(csv_text, "DANGEROUS", ())
        files = zip_files(Export(study))
    with pytest.raises(AssertionError):
        no_formulas(files)
    with monkeypatch.context() as plain:
        plain.setattr(csv_text, "TO_QUOTE", re.compile("$^"))
        files = zip_files(Export(study))
    assert ragged(files)


@pytest.mark.fault("F17")
def test_nothing_in_a_bundle_opens_a_session_or_names_a_person(study, owner, client):
    Panel.objects.all().delete()
    for call in (client.get, client.post):
        call(f"/s/{study.slug}/start/", headers={"user-agent": UA}, REMOTE_ADDR="203.0.113.77")
    assert study.participants.count() == 7
    text = b"\n".join(zip_files(Export(study, images=True)).values())
    secrets = [p.token for p in study.participants.all()] + [UA, "Hostile", "203.0.113.77", PANEL_ID, "s1s1s1s1s1"]
    secrets += [code for code in study.participants.values_list("completion_code__code", flat=True) if code]
    assert len(secrets) > 9
    for secret in secrets:
        assert secret.encode() not in text, secret
    assert panel_hash(study, "prolific", PANEL_ID).encode() in text
    assert b"=failed" not in text  # what researchers write about people stays in the house
