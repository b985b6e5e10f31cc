"""Keeping what people gave: a copy of the whole house that is consistent under load, and the way back."""

from studyplatform.config.keeping.backup import backup_make, backups_forget
from studyplatform.config.keeping.drill import Drill, backup_check
from studyplatform.config.keeping.manifest import KeepingError, Manifest
from studyplatform.config.keeping.restore import Restored, backup_restore, rows_at_stake

__all__ = [
    "Drill",
    "KeepingError",
    "Manifest",
    "Restored",
    "backup_check",
    "backup_make",
    "backup_restore",
    "backups_forget",
    "rows_at_stake",
]
