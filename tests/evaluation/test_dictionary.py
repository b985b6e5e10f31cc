"""One registry of columns: the API calls a field what an export calls its column, and the dictionary says both."""

import pytest
from rest_framework import serializers

from evaluation.core.dictionary import dictionary
from studyplatform.voting.api import serializers as shapes

TYPES = {
    serializers.IntegerField: {"integer"},
    serializers.FloatField: {"number"},
    serializers.BooleanField: {"boolean"},
    serializers.DateTimeField: {"time"},
    serializers.CharField: {"text"},
}
#: What only programs that talk to the house need; each says itself what it is.
OWN = {"row", "supersedes", "reasks", "reserved_at", "client", "render", "src", "width", "height"}


def columns(*tables: str) -> dict[str, str]:
    found = {t["table"]: {c["name"]: c["type"] for c in t["columns"]} for t in dictionary()}
    return {name: kind for table in tables for name, kind in found[table].items()}


@pytest.mark.parametrize(
    ("shape", "tables"),
    [
        (shapes.StimulusRow, ("stimuli", "conditions", "scenes")),
        (shapes.TrialRow, ("participants", "trials")),
        (shapes.VoteRow, ("trials",)),
    ],
)
def test_fields_of_the_api_are_columns_of_exports(shape, tables):
    known = columns(*tables)
    for name, field in shape().fields.items():
        if name in OWN:
            assert name not in known
            assert field.help_text or name in ("src", "width", "height"), name
        else:
            assert known[name] in TYPES[type(field)], name


@pytest.mark.django_db
def test_the_api_gives_the_dictionary_to_everybody(client):
    answer = client.get("/api/v1/dictionary/")
    assert answer.json() == dictionary()
    tables = {t["table"]: t for t in answer.json()}
    assert {"trials", "participants", "erasures", "votes_analysis", "hypothesis_tests"} <= set(tables)
    choice = next(c for c in tables["trials"]["columns"] if c["name"] == "choice")
    assert choice["sealed"]
    assert choice["words"] == ["left", "right", "tie", "skip", "timeout"]
