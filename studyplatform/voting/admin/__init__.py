"""The admin of voting: studies with their questions and panel, and the rows that they gather."""

from django.contrib import admin

from studyplatform.voting.admin import pages as pages
from studyplatform.voting.admin.audit import AuditEntryAdmin
from studyplatform.voting.admin.rows import ParticipantAdmin, StimulusAdmin, TrialAdmin
from studyplatform.voting.admin.studies import StudyAdmin
from studyplatform.voting.models import AuditEntry, Participant, Stimulus, Study, Trial

admin.site.register(Study, StudyAdmin)
admin.site.register(Stimulus, StimulusAdmin)
admin.site.register(Participant, ParticipantAdmin)
admin.site.register(Trial, TrialAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)
