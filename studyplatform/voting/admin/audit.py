"""Who did what to one's studies, in one list. Nothing here is typed in or taken away."""

from django.contrib import admin

from studyplatform.voting.admin.rows import StudyRowsAdmin
from studyplatform.voting.core.log_words import log_words
from studyplatform.voting.models import AuditEntry


class AuditEntryAdmin(StudyRowsAdmin):
    list_display = ["at", "study", "action", "user", "comment", "details"]
    list_select_related = ["study", "user"]
    list_filter = [*StudyRowsAdmin.list_filter, "action"]
    date_hierarchy = "at"
    search_fields = ["action", "comment", "user__username", "study__title"]
    fields = ["at", "study", "action", "user", "comment", "details"]
    show_full_result_count = False

    @admin.display(description="details")
    def details(self, entry: AuditEntry) -> str:
        """What else was written down, in words."""
        return "; ".join(log_words(entry.data)) or "–"
