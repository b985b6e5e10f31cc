"""Answers of complete sessions kept beside their rows, and the triggers that drop them when a row changes."""

from typing import Any

from django.db import models

from studyplatform.voting.models.people import Session

#: Of each trigger: its table.
TRIGGERS = {
    "kept_vote_insert": "voting_vote",
    "kept_vote_update": "voting_vote",
    "kept_vote_delete": "voting_vote",
    "kept_trial_update": "voting_trial",
    "kept_trial_delete": "voting_trial",
}


class KeptAnswers(models.Model):
    """What the votes and trials of a complete session say, in one row; gone as soon as one of them is written to.

    The row says nothing that its votes and trials do not say, so it is in no export and may be deleted at any time.
    """

    session = models.OneToOneField(Session, models.CASCADE, primary_key=True, related_name="kept")
    form = models.CharField(max_length=16, help_text="How the bytes are to be read (core/kept.py).")
    answers = models.BinaryField()

    class Meta:
        verbose_name_plural = "kept answers"

    def __str__(self) -> str:
        return f"Kept answers of {self.session}"


def triggers_stand(connection: Any) -> bool:
    """Whether every trigger is there and at work: SQLite loses those of a table that a migration makes anew."""
    names = ", ".join(f"'{name}'" for name in TRIGGERS)
    found = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN"
    if connection.vendor == "postgresql":
        found = "SELECT count(*) FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND tgname IN"
    with connection.cursor() as cursor:
        cursor.execute(f"{found} ({names})")
        return bool(cursor.fetchone()[0] == len(TRIGGERS))


def triggers_lay(editor: Any) -> None:
    """Make the triggers anew, whichever of them are there; a migration that alters their tables does it at its end."""
    triggers_lift(editor)
    for command in _POSTGRESQL if editor.connection.vendor == "postgresql" else _SQLITE:
        editor.execute(command)


def triggers_lift(editor: Any) -> None:
    """Take the triggers away."""
    on_table = editor.connection.vendor == "postgresql"
    for name, table in TRIGGERS.items():
        editor.execute(f"DROP TRIGGER IF EXISTS {name}{f' ON {table}' if on_table else ''}")
    if on_table:
        for function in ("kept_of_vote()", "kept_of_trial()", "kept_drop(bigint)"):
            editor.execute(f"DROP FUNCTION IF EXISTS {function}")


# A session that is being completed at this moment holds its row; whoever changes its answers waits for that, and finds
# what was kept. A vote that is stored waits for nobody: while a pair waits for its answer, no session is completed.
_POSTGRESQL = (
    """
CREATE FUNCTION kept_drop(changed bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM voting_session WHERE id = changed FOR NO KEY UPDATE;
  DELETE FROM voting_keptanswers WHERE session_id = changed;
END $$
""",
    """
CREATE FUNCTION kept_of_vote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    DELETE FROM voting_keptanswers k USING voting_trial t WHERE t.id = NEW.trial_id AND k.session_id = t.session_id;
    RETURN NULL;
  END IF;
  PERFORM kept_drop(t.session_id) FROM voting_trial t WHERE t.id = OLD.trial_id;
  IF TG_OP = 'UPDATE' THEN
    PERFORM kept_drop(t.session_id) FROM voting_trial t WHERE t.id = NEW.trial_id;
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE FUNCTION kept_of_trial() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM kept_drop(OLD.session_id);
  IF TG_OP = 'UPDATE' THEN
    PERFORM kept_drop(NEW.session_id);
  END IF;
  RETURN NULL;
END $$
""",
    *(
        f"CREATE TRIGGER {name} AFTER {name.rpartition('_')[2].upper()} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION kept_of_{table.removeprefix('voting_')}()"
        for name, table in TRIGGERS.items()
    ),
)

_OF_ROWS = {"insert": "NEW.{0}", "update": "OLD.{0}, NEW.{0}", "delete": "OLD.{0}"}
_OF_TABLE = {
    "voting_vote": ("trial_id", "SELECT session_id FROM voting_trial WHERE id IN ({})"),
    "voting_trial": ("session_id", "{}"),
}


def _on_sqlite(name: str, table: str) -> str:
    when = name.rpartition("_")[2]
    column, sessions = _OF_TABLE[table]
    dropped = sessions.format(_OF_ROWS[when].format(column))
    delete = f"DELETE FROM voting_keptanswers WHERE session_id IN ({dropped})"  # noqa: S608  (our own names)
    return f"CREATE TRIGGER {name} AFTER {when.upper()} ON {table} BEGIN {delete}; END"


_SQLITE = tuple(_on_sqlite(name, table) for name, table in TRIGGERS.items())
