"""A bundle from elsewhere: the least it may hold, what is mended and said, and what is refused with its place."""

import codecs
import dataclasses
import re

import pytest

from evaluation.core import bundle
from evaluation.core.bundle.filling import UNKNOWN_QUESTION

STIMULI = "stimulus_id,scene_id,condition_id\na1,A,one\na2,A,two\nb1,B,one\nb2,B,two\n"
METRICS = "metric_id,direction\nloss,lower_better\n"
SCORES = "stimulus_id,metric_id,value\na1,loss,1.5\na2,loss,2\nb1,loss,3\nb2,loss,4\n"
TRIALS = (
    "trial_id,participant_id,stimulus_left,stimulus_right,choice\n"
    "t1,p1,a1,a2,left\nt2,p1,b2,b1,right\nt3,p2,a2,a1,tie\n"
)


def column(text, name, *values):
    """``text`` with one more column."""
    return "".join(f"{line},{cell}\n" for line, cell in zip(text.splitlines(), (name, *values), strict=True))


def files(**changed):
    """The smallest bundle, by table; ``changed`` tables are texts or bytes, None leaves one out."""
    tables = {"stimuli": STIMULI, "metrics": METRICS, "scores": SCORES, "trials": TRIALS} | changed
    return {
        f"data/{name}.csv": text.encode() if isinstance(text, str) else text
        for name, text in tables.items()
        if text is not None
    }


def notes(**changed):
    """What is noted beside the missing study.json."""
    return [n for n in bundle.read(files(**changed)).notes if "study.json" not in n]


def test_four_tables_are_a_study(tmp_path):
    (tmp_path / "My study (2)" / "data").mkdir(parents=True)
    for name, content in files().items():
        (tmp_path / "My study (2)" / name).write_bytes(content)
    loaded = bundle.load(tmp_path / "My study (2)")
    data, said = loaded.data, loaded.notes
    assert (data.slug, data.title, data.simulated, data.primary_metric) == ("My-study-2", "My study (2)", False, "")
    assert [(q.id, q.text) for q in data.questions] == [("question", UNKNOWN_QUESTION)]
    assert [(s.id, s.label, s.position) for s in data.scenes] == [("A", "A", 0), ("B", "B", 1)]
    assert [(c.id, c.label, c.role) for c in data.conditions] == [("one", "one", "grid"), ("two", "two", "grid")]
    assert [p.id for p in data.participants] == ["p1", "p2"]
    assert [(m.key, m.label) for m in data.metrics] == [("loss", "loss")]
    assert [(t.scene, t.position, t.kind, t.question) for t in data.trials] == [
        ("A", 0, "main", "question"), ("B", 1, "main", "question"), ("A", 0, "main", "question"),
    ]  # fmt: skip
    assert {s.status for s in data.scores} == {"ok"}
    assert len(said) == 1
    assert "There is no study.json: the study is called 'My-study-2' after its folder" in said[0]
    assert bundle.read(bundle.write(data)) == bundle.Loaded(data, ())


def test_everything_else_is_optional_and_taken_where_it_is():
    made = files(
        stimuli="stimulus_id,scene_id,condition_id,role,param_lr,param_opt\na1,A,one,,0.1,adam\na2,A,two,,0.2,adam\n"
        "b1,B,one,,0.1,adam\nb2,B,two,control,0.3,\n",
        scenes="scene_id,scene_label\nB,Tübingen\nA,Ulm\n",
        trials=column(
            column(TRIALS, "question_id", "better", "better", "nicer"), "rt_ms", "1500.0", "1500", ""
        ),
    )  # fmt: skip
    data = bundle.read(made).data
    said = bundle.read(made).notes
    assert [s.label for s in data.scenes] == ["Tübingen", "Ulm"]
    assert [q.id for q in data.questions] == ["better", "nicer"]
    assert [t.rt_ms for t in data.trials] == [1500, 1500, None]
    assert [dict(c.params) for c in data.conditions] == [{"lr": 0.1, "opt": "adam"}, {"lr": 0.2, "opt": "adam"}]
    assert [s.role for s in data.stimuli] == ["grid", "grid", "grid", "control"]
    assert any("line 5: the parameters are not those of the condition's first line" in n for n in said)
    assert any("'adam' is read as a text" in n for n in said)


MENDS = {
    "unknown column": (
        {"trials": column(TRIALS, "mood", "good", "", "")},
        "data/trials.csv: the column 'mood' is not used.",
    ),
    "direction": ({"metrics": "metric_id\nloss\n"}, "of every metric the lower value is taken as better"),
    "twin": ({"trials": f"{TRIALS}t1,p1,a1,a2,left\n"}, "line 5: trial_id 't1' stands in line 2 already and says"),
    "second submission": ({"trials": f"{TRIALS}t1,p1,a1,a2,right\n"}, "The first submission counts."),
    "score twin": ({"scores": f"{SCORES}a1,loss,1.5\n"}, "scores.csv, line 6: .* It counts once."),
    "text": ({"scores": SCORES.replace("1.5", "n/a")}, "line 2, .*: 'n/a' is not a number. It is taken"),
    "nan": ({"scores": SCORES.replace("1.5", "NaN")}, "line 2, column value: NaN is not finite. It is taken"),
    "inf": ({"scores": SCORES.replace("1.5", "-inf")}, "line 2, .*: -inf is not finite. It is taken"),
    "two scenes": ({"trials": TRIALS.replace("a1,a2", "a1,b2")}, "trials.csv, line 2: a1 and b2 are not of one scene"),
    "itself": ({"trials": TRIALS.replace("a1,a2", "a1,a1")}, "trials.csv, line 2: an image cannot meet itself"),
    "other scene": (
        {"trials": column(TRIALS, "scene_id", "A", "A", "A")},
        "trials.csv, line 3: both stimuli are of the scene 'B' and not of 'A'. They decide.",
    ),
    "semicolons": ({"scores": SCORES.replace(",", ";").replace(".", ",")}, "separates its cells with semicolons"),
    "tabs": ({"scores": SCORES.replace(",", "\t")}, "separates its cells with tabs"),
    "UTF-16": ({"scores": codecs.BOM_UTF16_LE + SCORES.encode("utf-16-le")}, "scores.csv is in UTF-16 and was read so"),
    "Windows-1252": (
        {"scenes": "scene_id,scene_label\nA,Tübingen\nB,x\n".encode("cp1252")},
        "scenes.csv, line 2: this is not UTF-8; the file was read as Windows-1252",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDS)
def test_what_can_be_mended_is_used_and_said(name):
    changed, words = MENDS[name]
    said = notes(**changed)
    assert len(said) == 1, said
    assert re.search(words, said[0]), said[0]


def test_what_was_mended_is_what_was_meant():
    def read(**changed):
        return bundle.read(files(**changed)).data

    plain = read()
    assert read(scores=SCORES.replace(",", ";").replace(".", ",")) == plain
    assert read(scores=codecs.BOM_UTF16_BE + SCORES.encode("utf-16-be")) == plain
    assert read(trials=TRIALS.replace("\n", "\r\n") + "\r\n,,,,\r\n") == plain
    assert read(trials=f"{TRIALS}t1,p1,a1,a2,right\n") == read(trials=f"{TRIALS}t1,p1,a1,a2,left\n") == plain
    stamped = column(TRIALS, "submitted_at", "2026-01-02", "2026-01-02", "")
    early = read(trials=f"{stamped}t1,p1,a1,a2,right,2026-01-01\n")
    assert [t.choice for t in early.trials] == ["right", "right", "tie"]
    undated = read(trials=f"{stamped}t1,p1,a1,a2,right,\n")
    assert [t.choice for t in undated.trials] == ["left", "right", "tie"]
    broken = read(scores=SCORES.replace("1.5", "inf"))
    assert (broken.scores[0].value, broken.scores[0].status) == (None, "nan")
    assert dataclasses.replace(broken, scores=plain.scores) == plain
    empty = read(scores=SCORES.replace("1.5", ""))
    assert (empty.scores[0].value, empty.scores[0].status) == (None, "unavailable")
    assert [t.id for t in read(trials=TRIALS.replace("a1,a2", "a1,b2")).trials] == ["t2", "t3"]


def test_the_settings_of_a_metric_are_a_json_object_or_empty():
    read = bundle.read(files(metrics=f"{METRICS[:-1]},\n".replace("direction", "direction,config_json", 1))).data
    assert read.metrics[0].config_json == ""
    named = METRICS.replace("direction", "direction,config_json", 1).replace(
        "better", 'better,"{""style_weight"":null}"'
    )
    assert bundle.read(files(metrics=named)).data.metrics[0].config_json == '{"style_weight":null}'


def test_many_of_a_kind_are_three_sentences_and_a_count():
    rows = "".join(f"x{i},p1,a1,a1,left\n" for i in range(500))
    said = notes(trials=TRIALS + rows)
    assert len(said) == 4
    assert said[-1] == "… and 497 more such lines in data/trials.csv."


REFUSED = {
    "no file": ({"metrics": None}, r"data/metrics\.csv is missing"),
    "empty": ({"trials": ""}, r"data/trials\.csv is empty"),
    "blank": ({"trials": " \n\n"}, r"data/trials\.csv is empty"),
    "empty though optional": ({"scenes": ""}, r"data/scenes\.csv is empty"),
    "choice": ({"trials": TRIALS.replace("left\n", "LEFT\n")}, "line 2, column choice: 'LEFT' is none of left, "),
    "column": ({"trials": TRIALS.replace("choice", "answer")}, r"trials\.csv, line 1: there is no column choice"),
    "stimulus": ({"trials": TRIALS.replace("a1,a2", "a1,a9")}, "line 2, column stimulus_right: 'a9' is not in"),
    "id": ({"stimuli": STIMULI.replace("A", "A B")}, r"stimuli\.csv, line 2: scene_id 'A B' is no id"),
    "participant id": ({"trials": TRIALS.replace("p2", "../x")}, r"line 4: participant_id '\.\./x' is no id"),
    "scores differ": ({"scores": f"{SCORES}a1,loss,7\n"}, r"scores\.csv, line 6: .* stands in line 2 already\. Remove"),
    "zero bytes": ({"scores": b"PK\x03\x04\0\0\0"}, r"scores\.csv holds zero bytes: it is no text file"),
    "broken UTF-16": ({"scores": codecs.BOM_UTF16_LE + b"a"}, "begins like UTF-16 and is not"),
    "neither encoding": ({"scores": SCORES.encode() + b"\x81"}, r"line 6: this is neither UTF-8 nor Windows-1252"),
    "no question": (
        {"questions": "question_id\nx\ny\n"},
        r"leaves out question_id and data/questions\.csv has 2 rows",
    ),
    "grid": ({"stimuli": column(STIMULI, "role", *["catch"] * 4)}, "nothing to compare"),
    **{
        f"config {text[:9]} {len(text)}": (
            {"metrics": column(METRICS, "config_json", f'"{text}"')},
            r"metrics\.csv, line 2, column config_json: .* is (no JSON object|too large a number)\. Write one as in",
        )
        for text in ("oops", "null", "[1]", "3", "[" * 100_000, "9" * 400, "9" * 5000)
    },
    **{
        f"{digits} digits": (
            {"stimuli": column(STIMULI, "param_lr", "1", "9" * digits, "1", "1")},
            r"stimuli\.csv, line 3, column param_lr: 9{80} is too large a number\. Mend the cell\.$",
        )
        for digits in (400, 5000)
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stood_on_is_refused(name):
    changed, words = REFUSED[name]
    with pytest.raises(bundle.BundleError, match=words):
        bundle.read(files(**changed))


RUBBISH = {
    "noise": bytes(range(256)) * 40_000,
    "letters": b"abc def " * 1_250_000,
    "commas": b"," * 10_000_000,
    "quotes": b'"' + b"x" * 9_999_999,
    "short lines": b"ab\n" * 3_300_000,
    "wide rows": TRIALS.encode() + b"t9" + b",x" * 400_000,
    "a long cell": TRIALS.encode() + b't9,p1,a1,a2,"' + b"x" * 900_000 + b'"\n',
    "other encoding": "ü".encode("cp1252") * 10_000_000,
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_ten_megabytes_of_rubbish_are_one_short_sentence(kind):
    with pytest.raises(bundle.BundleError, match=r"data/trials\.csv") as caught:
        bundle.read(files(trials=RUBBISH[kind]))
    assert len(str(caught.value)) < 300
    if kind in ("commas", "quotes", "letters"):
        assert "is longer than 1000000 characters" in str(caught.value)


def test_what_is_not_a_folder_of_files_is_said(tmp_path, monkeypatch):
    for name, content in files().items():
        path = tmp_path / "b" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert bundle.load(tmp_path / "b").data.slug == "b"
    with pytest.raises(bundle.BundleError, match="is not there"):
        bundle.load(tmp_path / "none")
    with pytest.raises(bundle.BundleError, match="is a file"):
        bundle.load(tmp_path / "b" / "data" / "trials.csv")

    with monkeypatch.context() as small:
        small.setattr("evaluation.core.bundle.reading.MOST_BYTES", 10)
        with pytest.raises(bundle.BundleError, match=r"data/stimuli\.csv is larger than 0 MB"):
            bundle.load(tmp_path / "b")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(bundle.BundleError, match=r"data/stimuli\.csv cannot be read \(Permission denied\)"):
        bundle.load(tmp_path / "b")
    (tmp_path / "b" / "data" / "scenes.csv").mkdir()
    monkeypatch.undo()
    with pytest.raises(bundle.BundleError, match=r"data/scenes\.csv is a folder"):
        bundle.load(tmp_path / "b")
