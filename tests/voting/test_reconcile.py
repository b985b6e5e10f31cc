"""What a panel says was handed in, read from what panels export, and held against the votes."""

from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.core.submissions import Submission, read
from studyplatform.voting.models import Panel, PanelIdentity, Participant, Session, Study
from studyplatform.voting.selectors import participant_hash
from studyplatform.voting.selectors.people_list import rules_say
from studyplatform.voting.services import (
    consent_give,
    participant_erase,
    participant_join,
    reconcile,
    session_finish,
    session_withdraw,
    study_transition,
)
from studyplatform.voting.services.reconcile import Reconciled
from tests import factories
from tests.beside import Beside, locked, one_writer, until_waiting

PROLIFIC = """Submission id,Participant id,Status,Started at,Completed at,Time taken,Completion code,Total approvals
s1,aaa,AWAITING REVIEW,2026-11-23,2026-11-23,300,C1DONE,5
s2,bbb,APPROVED,2026-11-23,2026-11-23,300,WRONG,5
s3,ccc,RETURNED,2026-11-23,,300,,5
s4,ddd,TIMED-OUT,2026-11-23,,300,,5
"""


def test_prolifics_table_is_read_by_its_columns():
    found = read("\ufeff" + PROLIFIC, ids=True)
    assert found.handed_in == (Submission("aaa", "C1DONE"), Submission("bbb", "WRONG"))
    assert found.read_as == (
        "2 lines of a table, by “Participant id” and “Completion code”. 2 that were returned or never finished are "
        "left aside."
    )


@pytest.mark.parametrize(
    ("text", "ids", "wanted"),
    [
        (" AAA \n\nBBB\n", False, [("", "AAA"), ("", "BBB")]),
        ("aaa\nbbb", True, [("aaa", ""), ("bbb", "")]),
        ('"WorkerId"\t"AssignmentStatus"\t"Answer.surveycode"\nW1\tSubmitted\tX-1', False, [("W1", "X-1")]),
        ("participant_id\naaa\n", False, [("aaa", "")]),
        ("id;completion code\n1;AAA\n2;\n", False, [("", "AAA")]),
    ],
)
def test_other_lists(text, ids, wanted):
    assert [(s.who, s.code) for s in read(text, ids=ids).handed_in] == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2", "No column of this table is known: a, b"),
        (" \n", "Nothing"),
        ('Participant id,Status\naaa,"' + "x" * 10_001, "more than 10000 characters"),
    ],
)
def test_what_cannot_be_read_is_said(text, words):
    with pytest.raises(ValueError, match=words):
        read(text, ids=True)


@pytest.fixture
def study(owner):
    """An open study at a panel with one code for all; aaa and bbb complete, ccc not, ddd withdrew."""
    made = factories.study(owner=owner, state="open")
    Panel.objects.create(study=made, provider="prolific", complete_code="C1DONE")
    people = {n: participant_join(study=made, arrival=Arrival("prolific", n * 3, {})) for n in "abcd"}
    for name in "ab":
        consent_give(session=people[name].session)
        factories.answer_all(people[name])
        session_finish(session=people[name].session)
    session_withdraw(session=people["d"].session)
    return made


@pytest.mark.django_db
def test_ids_and_their_codes_are_compared(study):
    handed_in = [
        Submission("aaa", "C1DONE"), Submission("bbb", "NOCODE"), Submission("ddd", ""), Submission("eee", ""),
        Submission("ccc", ""), Submission("ccc", ""),
    ]  # fmt: skip
    assert reconcile(study=study, handed_in=handed_in).sentences == [
        "eee was handed in and never came here.",
        "ccc was handed in; the session here is not complete.",
        "ddd was handed in; the session here is withdrawn.",
        "ccc was handed in 2 times.",
        "bbb handed in the code NOCODE; that of complete sessions is C1DONE.",
    ]


@pytest.mark.django_db
def test_the_page_compares_a_file_and_mends(as_owner, study):
    lost = participant_join(study=study, arrival=Arrival("prolific", "fff", {}))
    consent_give(session=lost.session)
    factories.answer_all(lost)
    page = reverse("admin:voting_study_reconcile", args=[study.pk])
    file = SimpleUploadedFile("export.csv", PROLIFIC.encode())
    text = as_owner.post(page, {"file": file}).content.decode()
    for words in ("2 lines of a table", "answered every pair and was never completed", "handed in the code WRONG"):
        assert words in text
    assert reverse("admin:voting_study_participant", args=[study.pk, lost.pk]) in text
    assert Session.objects.get(participant=lost).outcome == ""
    text = as_owner.post(page, {"text": "aaa\nbbb\nfff", "mend": "1"}).content.decode()
    assert "1 session completed now" in text
    assert "Everything agrees" in text
    assert Session.objects.get(participant=lost).outcome == "complete"
    entry = study.audit.get(action="session completed")
    who = participant_hash(study, lost.token)
    assert (entry.user, entry.data) == (study.owner, {"participant": who})
    participant_erase(participant=Participant.objects.get(pk=lost.pk), by=study.owner)
    entry.refresh_from_db()
    assert entry.data == {"participant": "erased"}
    bad = as_owner.post(page, {"file": SimpleUploadedFile("photo.png", b"\x89PNG\xff")}).content.decode()
    assert "The file “photo.png” is no text" in bad
    empty = as_owner.post(page, {"file": SimpleUploadedFile("nothing.csv", b"\xef\xbb\xbf\n")}).content.decode()
    assert "The file “nothing.csv” is empty." in empty
    assert "agrees" not in empty
    wide = SimpleUploadedFile("wide.csv", PROLIFIC.encode("utf-16"))
    assert "2 lines of a table" in as_owner.post(page, {"file": wide}).content.decode()
    assert "No column of this table is known" in as_owner.post(page, {"text": "a,b\n1,2"}).content.decode()


@pytest.mark.django_db
def test_the_command_reads_the_same_file(study, tmp_path):
    file, out = tmp_path / "export.csv", StringIO()
    file.write_text(PROLIFIC)
    with pytest.raises(CommandError, match="1 things do not agree"):
        call_command("reconcile", study.slug, codes=file, stdout=out)
    assert "bbb handed in the code WRONG" in out.getvalue()
    file.write_text("aaa\nbbb\n")
    call_command("reconcile", study.slug, codes=file, stdout=out)
    assert "Everything agrees." in out.getvalue()


@pytest.mark.django_db
def test_pilots_and_bots_are_owed_nothing_once_people_are_asked(owner):
    made = factories.study(owner=owner, state="pilot", sessions_planned=8, flag_run=4)
    bot = factories.participant(made, is_bot=True)
    factories.answer_all(bot)
    session_finish(session=bot.session)
    pilot = factories.finished(made)
    assert [(r.participant, r.flags[0].code) for r in rules_say(made)] == [(pilot, "same_side_run")]
    assert reconcile(study=made).complete == 1
    study_transition(study=made, to="open", by=owner)
    made = Study.objects.get(pk=made.pk)
    stuck = factories.participant(made, is_bot=False)
    factories.answer_all(stuck)
    Study.objects.filter(pk=made.pk).update(state="open")
    who = factories.finished(made)
    assert {r.participant for r in rules_say(made)} == {who}
    session_finish(session=stuck.session)
    codes = [Submission("", one.completion_code.code) for one in (who, stuck)]
    found = reconcile(study=made, handed_in=codes)
    assert (found.sentences, found.complete, found.codes, found.votes) == ([], 2, 2, 8)
    code = pilot.completion_code.code
    assert reconcile(study=made, handed_in=[*codes, Submission("", code)]).sentences == [
        f"{code} was given out to somebody who does not count: a pilot, a preview or a simulated participant."
    ]
    Panel.objects.create(study=made, provider="prolific", complete_code="C1")
    for name, one in (("aaa", pilot), ("bbb", who), ("ccc", stuck)):
        PanelIdentity.objects.create(study=made, participant=one, provider="prolific", external_id=name)
    by_id = reconcile(study=Study.objects.get(pk=made.pk), handed_in=[Submission("bbb", "")])
    assert by_id.sentences == ["ccc is complete here and was not handed in."]


@pytest.mark.django_db
def test_a_code_of_the_study_is_known_however_it_is_typed(owner):
    study = factories.study("typed", owner=owner, state="open")
    code = session_finish(session=factories.finished(study).session).code
    found = reconcile(study=study, handed_in=read(f"{code.lower()}\nnonsense", ids=False).handed_in)
    assert found.sentences == ["nonsense was never given out."]


@one_writer
@pytest.mark.django_db(transaction=True)
def test_who_withdraws_meanwhile_keeps_nobody_else_from_being_completed_and_logged(owner):
    study = factories.study(owner=owner, state="open")
    people = [factories.participant(study) for _ in range(3)]
    for who in people:
        factories.answer_all(who)
    with locked(Session.objects.filter(participant=people[0])):
        mending = Beside(lambda: reconcile(study=Study.objects.get(pk=study.pk), mend=True, by=owner))
        until_waiting(1)
        session_withdraw(session=people[1].session)
    result = mending.ended()
    assert isinstance(result, Reconciled), result
    assert (result.mended, result.complete) == ([people[0].pk, people[2].pk], 2)
    logged = study.audit.filter(action="session completed").order_by("pk")
    assert [entry.data["participant"] for entry in logged] == [participant_hash(study, people[n].token) for n in (0, 2)]
