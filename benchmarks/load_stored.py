"""Votes that are there already: finished sessions copied in SQL, until a study has as many as wanted."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copied_rows import COPIES_FROM, copy, unchecked

from tests.live_postgres import OwnPostgres

#: What a participant leaves behind, beside their trials and votes.
OF_A_PERSON = ("voting_participant", "voting_session", "voting_block", "voting_completioncode")


@dataclass(frozen=True)
class Dialect:
    """What the two databases say differently; ``ago`` is a moment so many ``{seconds}`` before now."""

    people: str
    whole: str
    ago: str
    uuid: str
    digits: str
    rt_ms: str
    left: str


POSTGRESQL = Dialect(
    people="SELECT i FROM generate_series(1, {people}) i",
    whole="bigint",
    ago="now() - interval '1 second' * ({seconds})",
    uuid="gen_random_uuid()",
    digits="md5(i::text)",
    rt_ms="exp(random_normal(7.6, 0.5))::integer",
    left="random() < 0.5",
)
SQLITE = Dialect(
    people="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {people}) SELECT i FROM n",
    whole="integer",
    ago="strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds')",
    uuid="lower(hex(randomblob(16)))",
    digits="printf('%032x', i)",
    rt_ms="400 + abs(random() % 4000)",
    left="random() > 0",
)


def store(postgres: OwnPostgres, database: str, slug: str, votes: int) -> int:
    """Copy the sessions of which every pair is answered until ``votes`` more are stored; returns how many are.

    Choices and times are drawn anew, over the twenty days before. Then everything is written to the disk and analysed.
    """
    with unchecked(postgres, database) as cursor:
        return _store(cursor, POSTGRESQL, slug, votes)


def store_sqlite(file: Path, slug: str, votes: int) -> int:
    """The same in a file of SQLite."""
    with closing(sqlite3.connect(file)) as connection, connection:
        stored = _store(connection.cursor(), SQLITE, slug, votes)
        connection.execute("ANALYZE")
    return stored


def _store(cursor: Any, dialect: Dialect, slug: str, votes: int) -> int:
    # A slug is letters, digits and hyphens.
    cursor.execute(_TEMPLATES.format(slug=slug))
    cursor.execute("SELECT count(*), min(trials) FROM template")
    ((templates, per),) = cursor.fetchall()
    people = votes // per
    cursor.execute(f"CREATE TEMPORARY TABLE person AS {dialect.people.format(people=people)}")
    for table, (given, source) in _copies(dialect, people, templates, per).items():
        copy(cursor, table, given, source)
    return int(people * per)


# Participants who have answered everything, numbered from 0; how many they are, and their pairs.
_TEMPLATES = """
CREATE TEMPORARY TABLE template AS
SELECT row_number() OVER (ORDER BY t.participant_id) - 1 AS place, t.participant_id AS id, count(*) AS trials
FROM voting_trial t JOIN voting_study s ON s.id = t.study_id AND s.slug = '{slug}'
LEFT JOIN voting_vote v ON v.study_id = t.study_id AND v.trial_id = t.id
GROUP BY t.participant_id HAVING count(*) = count(v.trial_id)
"""


def _copies(d: Dialect, people: int, templates: int, per: int) -> dict[str, tuple[dict[str, str], str]]:
    """Table -> columns that differ from the row that is copied, and where the rows come from."""
    each = f"person JOIN template m ON m.place = i % {templates}"
    person, trial = f"{COPIES_FROM} + i", f"{COPIES_FROM} + cast(i AS {d.whole}) * {per}"
    begun = f"1728000.0 * ({people} - i) / {people} + 3600"
    whose = {"id": person, "participant_id": person}
    times = ("started_at", "consented_at", "admitted_at", "instructed_at")
    ends = ("finished_at", "debriefed_at")
    began, ended = d.ago.format(seconds=begun), d.ago.format(seconds=f"{begun} - 300")
    session = {name: f"CASE WHEN x.{name} IS NOT NULL THEN {began} END" for name in times}
    session |= {name: f"CASE WHEN x.{name} IS NOT NULL THEN {ended} END" for name in ends}
    shown = f"{begun} - 3 * t.turn"
    vote = {
        "uuid": d.uuid, "trial_id": f"{trial} + t.position", "shown_at": d.ago.format(seconds=shown),
        "submitted_at": d.ago.format(seconds=f"{shown} - 2"), "rt_ms": d.rt_ms,
        "choice": f"CASE WHEN {d.left} THEN 'left' ELSE 'right' END",
    }  # fmt: skip
    code = {**whose, "code": f"upper(substr({d.digits}, 23, 10))"}
    block = {"id": person, "holder_id": person, "number": person}
    of_trial = {"id": f"{trial} + x.position", "participant_id": person, "session_id": person, "block_id": person}
    return {
        "voting_participant": ({"id": person, "token": d.digits}, f"{each} JOIN voting_participant x ON x.id = m.id"),
        "voting_session": (whose | session, f"{each} JOIN voting_session x ON x.participant_id = m.id"),
        "voting_block": (block, f"{each} JOIN voting_block x ON x.holder_id = m.id"),
        "voting_completioncode": (code, f"{each} JOIN voting_completioncode x ON x.participant_id = m.id"),
        "voting_trial": (of_trial, f"{each} JOIN voting_trial x ON x.participant_id = m.id"),
        "voting_vote": (
            vote,
            f"{each} JOIN voting_trial t ON t.participant_id = m.id "
            "JOIN voting_vote x ON x.study_id = t.study_id AND x.trial_id = t.id",
        ),
    }


def weights(postgres: OwnPostgres, database: str) -> dict[str, float]:
    """Bytes on the disk, indexes included, of a vote, of a trial and of all else that a participant leaves behind."""
    ((votes,),) = postgres.execute("SELECT count(*) FROM voting_vote", database)
    ((people,),) = postgres.execute("SELECT count(*) FROM voting_participant", database)

    def size(what: str, *tables: str) -> int:
        return sum(int(postgres.execute(f"SELECT pg_{what}_size('{table}')", database)[0][0]) for table in tables)

    return {
        "votes": votes,
        "vote": round(size("total_relation", "voting_vote") / votes, 1),
        "vote_rows": round(size("table", "voting_vote") / votes, 1),
        "vote_indexes": round(size("indexes", "voting_vote") / votes, 1),
        "trial": round(size("total_relation", "voting_trial") / votes, 1),
        "person": round(size("total_relation", *OF_A_PERSON) / people),
        "person_with_trials_and_votes": round(
            size("total_relation", *OF_A_PERSON, "voting_trial", "voting_vote") / people
        ),
    }
