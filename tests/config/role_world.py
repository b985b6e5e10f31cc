"""A house with everybody in it: a researcher's studies and grid, their colleagues in each role, strangers, visitors."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import storages
from django.test import Client

from evaluation.core.options import Options
from evaluation.plan import plan_start
from evaluation.services import analysis_run, figure_name
from generation.models import Job, Training
from studyplatform.voting.identity import cookie_name, participant_key
from studyplatform.voting.models import Membership, Participant, Study
from studyplatform.voting.services import study_transition, study_update
from tests import factories
from tests.config.addresses import Route

#: In the order of the columns of the table in ``role_table``.
ACTORS = (
    "anonymous", "participant", "elsewhere", "account",
    "owner", "editor", "analyst", "viewer", "researcher", "nobody", "superuser",
)  # fmt: skip
SECRET = "kept-to-ourselves"  # in the addresses of what strangers do not see


class World:
    """The rows that addresses name, and a browser for each actor.

    ``participant`` takes part in the owner's open study, ``elsewhere`` in a stranger's; ``account`` may sign in and is
    no researcher; ``researcher`` has studies and grids of their own, ``nobody`` has none.
    """

    def __init__(self) -> None:
        people = {
            name: factories.user(name) for name in ("owner", "editor", "analyst", "viewer", "researcher", "nobody")
        }
        people |= {
            "account": factories.user("account", staff=False),
            "superuser": factories.user("root", superuser=True),
        }
        owner: User = people["owner"]
        self.grid = factories.rendered_grid(SECRET, owner=owner)
        self.closed = self._closed(owner)
        self.secrets = (self.closed.title, self.grid.title)
        self.open = factories.study("to-take-part", owner=owner, grid=self.grid, state="open")
        for study in (self.closed, self.open):
            for role in ("editor", "analyst", "viewer"):
                Membership.objects.create(study=study, user=people[role], role=role)
        own = factories.rendered_grid("own", owner=people["researcher"], contents=("dog", "tea"))
        other = factories.study("other", owner=people["researcher"], grid=own, state="open")
        self.voters = {"participant": factories.participant(self.open), "elsewhere": factories.participant(other)}
        self.clients = {name: Client() for name in ACTORS}
        for name, user in people.items():
            self.clients[name].force_login(user)
        for name, voter in self.voters.items():
            self.clients[name].cookies[cookie_name(voter.study.slug)] = participant_key(voter)
        self.rows = self._one_of_each(people)

    def _closed(self, owner: User) -> Study:
        study = factories.study(
            SECRET, owner=owner, grid=self.grid, title="Found by us", state="open", trials_per_session=6
        )
        for choice in ("left", "right"):
            factories.finished(study, choice=choice)
        study_transition(study=study, to="closed", by=owner)
        study_update(study=study, by=owner, public_report=False)
        [self.analysis] = analysis_run(study=study, options=Options(draws=19))
        figures = storages["reports"].listdir(figure_name(self.analysis, ""))[1]
        self.figure = min(name for name in figures if name.endswith(".csv"))
        self.plan = plan_start(study=study, by=owner, people=[8], replicates=20)
        return study

    def _one_of_each(self, people: dict[str, User]) -> dict[str, int]:
        """Model -> the row of it that is the owner's (or the house's)."""
        voter = Participant.objects.filter(study=self.closed).earliest("pk")
        render = self.grid.cells.earliest("pk").render
        job = Job.objects.create(kind=Job.Kind.RENDER, digest="1" * 64, task=self.grid.task, spec={})
        training = Training.objects.create(
            digest="2" * 64, task=self.grid.task, spec={"seed": 1}, data=render.image, job=job
        )
        type(render).objects.filter(pk=render.pk).update(job=job, training=training)
        return {
            "voting.study": self.closed.pk,
            "voting.stimulus": self.closed.stimuli.earliest("pk").pk,
            "voting.participant": voter.pk,
            "voting.trial": voter.trials.earliest("pk").pk,
            "voting.auditentry": self.closed.audit.earliest("pk").pk,
            "evaluation.analysis": self.analysis.pk,
            "generation.grid": self.grid.pk,
            "generation.sourceimage": people["owner"].sources.earliest("pk").pk,
            "generation.job": job.pk,
            "generation.render": render.pk,
            "generation.training": training.pk,
            "generation.metric": self.grid.metrics.earliest("pk").metric_id,
            "auth.user": people["owner"].pk,
            "auth.group": Group.objects.create(name="group").pk,
        }

    def values(self, route: Route) -> dict[str, Any]:
        """What the address of a route captures, of the owner's rows."""
        return {name: self._value(route, name) for name in route.captures}

    def _value(self, route: Route, name: str) -> Any:
        app, _, view = route.name.partition(":")
        if name in ("object_id", "id", "pk") and route.pattern.startswith("admin/"):
            parts = route.pattern.split("/")
            return self.rows.get(f"{parts[1]}.{parts[2]}", 1)
        stimulus = self.closed.stimuli.filter(role="grid").earliest("pk")
        of_app = {
            "evaluation": {"slug": self.closed.slug, "analysis": self.analysis.pk, "name": stimulus.public_name},
            "generation": {"slug": self.grid.slug, "sha256": self.grid.cells.earliest("pk").render.image_id},
            "voting": {"slug": self.open.slug, "folder": self.open.token},
            "admin": {
                "app_label": "voting",
                "content_type_id": ContentType.objects.get_for_model(Study).pk,
                "participant": self.rows["voting.participant"],
                "token": "0" * 32,
                "sha256": self.grid.cells.earliest("pk").render.image_id,
                "plan": self.plan.pk,
                "url": "no-such-page/",
                "decision": "approve",
            },
        }
        of_route: dict[str, dict[str, Any]] = {
            "admin:voting_study_preregistration_file": {"name": "prereg.json"},
            "evaluation:figure": {"name": self.figure},
            "evaluation:table": {"table": "stimuli"},
            "evaluation:derived": {"table": next(iter(self.analysis.results.get("tables", {"none": 0})))},
            "evaluation:format": {"question": "natural", "name": "arena"},
            "voting:stimulus": {"name": self.open.stimuli.earliest("pk").public_name},
            "generation:report-file": {"name": "losses.csv"},
        }
        if view in RESEARCH_API:
            return {"slug": self.closed.slug}[name]
        found = of_route.get(route.name, {}).get(name, of_app.get(app, {}).get(name))
        return route.made_up(name) if found is None else found

    def own_values(self, route: Route) -> dict[str, Any] | None:
        """The same with the stranger's own study or grid in front; ``None`` where nothing of the owner's is left."""
        values = self.values(route)
        if not set(values) & set(IDENTITIES):
            return None
        if "slug" in values and route.name.startswith("generation:"):
            return values | {"slug": "own"}
        if "slug" in values:
            return values | {"slug": "other"}
        return values | {"pk": Study.objects.get(slug="other").pk} if "pk" in values else None


# Captures that name a row by itself, beside the study or grid in front of it.
IDENTITIES = ("analysis", "participant", "plan", "sha256")
RESEARCH_API = ("api-stimuli", "api-trials", "api-study-votes", "api-exports")
