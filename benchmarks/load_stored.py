"""Votes that are there already: finished sessions copied in SQL, until a study has as many as wanted."""

from contextlib import closing

from tests.live_postgres import OwnPostgres

#: Copied rows are numbered from here on, so that they are told from those that come later.
COPIES_FROM = 10_000_000
#: What a participant leaves behind, beside their trials and votes.
OF_A_PERSON = ("voting_participant", "voting_session", "voting_block", "voting_completioncode")


def store(postgres: OwnPostgres, database: str, slug: str, votes: int) -> int:
    """Copy the sessions of which every pair is answered until ``votes`` more are stored; returns how many are.

    Choices and times are drawn anew, over the twenty days before. Then everything is written to the disk and analysed.
    """
    with closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(_TEMPLATES, [slug])
        ((templates, per),) = cursor.fetchall()
        people = votes // per
        # The rows refer to each other by construction; checking four million references would take minutes.
        cursor.execute("SET session_replication_role = replica")
        for table, (given, source) in _copies(people, templates, per).items():
            cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
            columns = [name for (name,) in cursor.fetchall()]
            values = ", ".join(given.get(name, f"x.{name}") for name in columns)
            cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source}")  # noqa: S608  (names of our own tables)
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return int(people * per)


# Participants who have answered everything, numbered from 0; how many they are, and their pairs.
_TEMPLATES = """
CREATE TEMPORARY TABLE template AS
SELECT row_number() OVER (ORDER BY t.participant_id) - 1 AS place, t.participant_id AS id, count(*) AS trials
FROM voting_trial t JOIN voting_study s ON s.id = t.study_id AND s.slug = %s
LEFT JOIN voting_vote v ON v.study_id = t.study_id AND v.trial_id = t.id
GROUP BY t.participant_id HAVING count(*) = count(v.trial_id);
SELECT count(*), min(trials) FROM template
"""


def _copies(people: int, templates: int, per: int) -> dict[str, tuple[dict[str, str], str]]:
    """Table -> columns that differ from the row that is copied, and where the rows come from."""
    each = f"generate_series(1, {people}) i JOIN template m ON m.place = i % {templates}"
    person, trial = f"{COPIES_FROM} + i", f"{COPIES_FROM} + i::bigint * {per}"
    begun = f"now() - interval '20 days' * ({people} - i) / {people} - interval '1 hour'"
    whose = {"id": person, "participant_id": person}
    times = ("started_at", "consented_at", "admitted_at", "instructed_at")
    ends = ("finished_at", "debriefed_at")
    session = {name: f"CASE WHEN x.{name} IS NOT NULL THEN {begun} END" for name in times}
    session |= {name: f"CASE WHEN x.{name} IS NOT NULL THEN {begun} + interval '5 minutes' END" for name in ends}
    at = f"{begun} + interval '3 seconds' * t.turn"
    vote = {
        "uuid": "gen_random_uuid()", "trial_id": f"{trial} + t.position", "shown_at": at,
        "submitted_at": f"{at} + interval '2 seconds'", "rt_ms": "exp(random_normal(7.6, 0.5))::integer",
        "choice": "CASE WHEN random() < 0.5 THEN 'left' ELSE 'right' END",
    }  # fmt: skip
    code = {**whose, "code": "upper(substr(md5(i::text), 1, 10))"}
    block = {"id": person, "holder_id": person, "number": person}
    of_trial = {"id": f"{trial} + x.position", "participant_id": person, "session_id": person, "block_id": person}
    return {
        "voting_participant": ({"id": person, "token": "md5(i::text)"}, f"{each} JOIN voting_participant x USING (id)"),
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
