"""Voting: asks people."""

from django.apps import AppConfig


class VotingApp(AppConfig):
    name = "studyplatform.voting"
    label = "voting"
    verbose_name = "Studies"
