"""Whoever is erased is nowhere any more: not in a row, a file, an export, an analysis; the hole is counted."""

import json
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder

from evaluation.core.options import Options
from evaluation.exports import Export, bundle_save
from evaluation.models import Analysis
from evaluation.services import analysis_run
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import AuditEntry, Panel, PayDecision, Study, Tombstone
from studyplatform.voting.selectors import panel_hash, participant_hash
from studyplatform.voting.services import (
    consent_give,
    instructions_read,
    participant_erase,
    participant_exclude,
    participant_include,
    participant_join,
    session_finish,
    vote_undo,
)
from tests import factories

pytestmark = pytest.mark.django_db

PANEL_ID = "60b1c2d3e4f5a6b7c8d9e0f1"
CAPTURED = "sess-77aa88bb99cc"


class _Rows(DjangoJSONEncoder):
    def default(self, o: object) -> object:
        return bytes(o).decode("latin-1") if isinstance(o, bytes | memoryview) else super().default(o)


def dump() -> str:
    """Every row of every table as text, bytes as far as they are letters."""
    return json.dumps(
        [list(model.objects.values()) for model in apps.get_models(include_auto_created=True)],
        cls=_Rows,
        ensure_ascii=False,
    )


@pytest.mark.fault("F26")
def test_nothing_of_somebody_erased_is_left(owner, tmp_path, caplog, capfd):
    study = factories.study(owner=owner, state="open", sessions_planned=8, allow_undo=True)
    stays = factories.finished(study, choice="right")
    factories.finished(study)
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    who = participant_join(study=study, arrival=Arrival("prolific", PANEL_ID, {"SESSION_ID": CAPTURED}))
    consent_give(session=who.session)
    instructions_read(session=who.session)
    factories.cast(who)
    vote_undo(session=who.session)
    factories.answer_all(who)
    session_finish(session=who.session)
    participant_exclude(participant=who, by=owner, reason=f"{PANEL_ID} wrote to us", code="other")
    participant_include(participant=who, by=owner, reason=f"a mistake about {PANEL_ID}")
    PayDecision.objects.create(participant=who, decision="approve", by=owner)
    Study.objects.filter(pk=study.pk).update(state="closed")
    study = Study.objects.get(pk=study.pk)
    [analysis] = analysis_run(study=study, options=Options(draws=199))
    code, name = who.completion_code.code, participant_hash(study, who.token)
    secrets = [who.token, name, PANEL_ID, CAPTURED, code, panel_hash(study, "prolific", PANEL_ID)]
    before = dump()
    for secret in secrets[:5]:
        assert secret in before, "the test looks for what was never there"
    assert name in json.dumps(analysis.results)
    call_command("erase_participant", study.slug, name, "--yes")
    after = dump()
    bundle_save(Export(study), tmp_path / "bundle")
    said = caplog.text + "".join(capfd.readouterr())
    for secret in secrets:
        assert secret not in after, secret
        assert secret not in said, secret
        for root in (Path(settings.VAR), tmp_path):
            for path in root.rglob("*"):
                if path.is_file() and path.suffix not in (".sqlite3", ".sqlite3-wal", ".sqlite3-shm"):
                    assert secret.encode() not in path.read_bytes(), (path, secret)
    # The others and the numbers that all made together are still there.
    assert participant_hash(study, stays.token) in after
    results = Analysis.objects.get(pk=analysis.pk).results
    assert results["headline"] == analysis.results["headline"]
    assert len(results["tables"]["participants_quality"]) == 2
    hole = Tombstone.objects.get()
    assert (hole.trials, hole.votes) == (5, 5)
    assert "erased wrote to us" in [entry.comment for entry in study.audit.all()]


@pytest.mark.parametrize("name", ["2", "12", "a.b=c+d~e", "µ–é"])
def test_a_short_or_odd_panel_id_takes_nothing_else_with_it(owner, name):
    study = factories.study(owner=owner, state="open", sessions_planned=8)
    factories.finished(study)
    Panel.objects.create(study=study, provider="generic", captured="arm")
    who, other = (
        participant_join(study=study, arrival=Arrival("generic", i, {"arm": "treatment"})) for i in (name, "x")
    )
    for one in (who, other):
        consent_give(session=one.session)
        factories.answer_all(one)
        session_finish(session=one.session)
    data = {
        "sessions_planned": [12, 30],
        "opens_at": "2026-12-02 12:30 UTC",
        "alpha": "0.2",
        "said": [f"it was {name}"],
    }
    logged = AuditEntry.objects.create(
        study=study, action="edited", data=data, comment=f"treatment: {name}, id={name}."
    )
    Study.objects.filter(pk=study.pk).update(state="closed")
    study = Study.objects.get(pk=study.pk)
    [analysis] = analysis_run(study=study, options=Options(draws=199))
    gone = participant_hash(study, who.token)
    participant_erase(participant=who, by=owner)
    logged.refresh_from_db()
    assert logged.comment == "treatment: erased, id=erased."
    assert logged.data == data | {"said": ["it was erased"]}
    before, after = analysis.results, Analysis.objects.get(pk=analysis.pk).results
    assert "erased" not in json.dumps(after)
    assert gone in json.dumps(before)
    before["tables"]["participants_quality"] = [
        row for row in before["tables"]["participants_quality"] if gone not in row.values()
    ]
    assert after["tables"] == before["tables"]
    assert after["headline"] == before["headline"]
