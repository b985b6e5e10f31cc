"""The servers that vote_endpoint.py measures: the bare insert, ours, and the usual page."""

import json
import os
import statistics
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from copied_rows import COPIES_FROM, copy, unchecked
from vote_load import Votes, ballots, forms, play

from tests.live_postgres import Gunicorn, OwnPostgres, house

CONNECTIONS = 16
TRIALS = 40
OTHERS = 1_000_000

# A study, sessions that have begun, and the first thousand votes.
SEED = f"""
import json, sys
from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret
from studyplatform.voting.identity import cookie_name, participant_key
from studyplatform.voting.selectors import plan_of
from tests import factories
many, voted = int(sys.argv[1]), {1000 // TRIALS}
grid = factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])
study = factories.study("bench", grid=grid, trials_per_session={TRIALS}, sessions_planned=many + voted, state="open")
factories.study("elsewhere", grid=grid, trials_per_session={TRIALS}, state="open")
people = [factories.participant(study) for _ in range(many + voted)]
for person in people[:voted]:
    while factories.next_trial(person):
        factories.cast(person)
secret = _get_new_csrf_string()
sessions = [
    {{
        "cookie": f"{{cookie_name('bench')}}={{participant_key(person)}}",
        "trials": [pair["id"] for pair in plan_of(person.session)],
    }}
    for person in people[voted:]
]
print(json.dumps({{"study": study.pk, "secret": secret, "token": _mask_cipher_secret(secret), "sessions": sessions}}))
"""

FLOOR = """
import json, os, threading
import psycopg2
here = threading.local()
INSERT = '''INSERT INTO floor_vote (study_id, uuid, trial_id, choice, rt_ms, shown_at, submitted_at, late, client)
VALUES (%s, %s, %s, %s, %s, %s, now(), false, %s)'''

def application(environ, start_response):
    ballot = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    if not hasattr(here, "connection"):
        here.connection = psycopg2.connect(os.environ["FLOOR_DSN"])
    values = [int(os.environ["FLOOR_STUDY"]), ballot["uuid"], ballot["trial"], ballot["choice"], ballot["rt_ms"]]
    with here.connection.cursor() as cursor:
        cursor.execute(INSERT, [*values, ballot["shown_at"], json.dumps(ballot["client"])])
    here.connection.commit()
    body = json.dumps({"trial": ballot["trial"], "uuid": ballot["uuid"]}).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""

# What a tutorial leads to: the settings of startproject, with persistent connections.
USUAL = """
import os
import django
from django.conf import settings
import environ
settings.configure(
    SECRET_KEY="of the benchmark alone", ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF="usual", USE_TZ=True,
    DATABASES={"default": environ.Env().db("USUAL_DATABASE") | {"CONN_MAX_AGE": None}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "django.contrib.messages", "usual.Usual"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware",
                "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [os.path.dirname(__file__)],
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                                   "django.contrib.auth.context_processors.auth",
                                                   "django.contrib.messages.context_processors.messages"]}}],
)
from django.apps import AppConfig

class Usual(AppConfig):
    name = "usual"
    default_auto_field = "django.db.models.BigAutoField"
    path = os.path.dirname(__file__)

django.setup()
from django import forms
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

class Pair(models.Model):
    left, right = models.CharField(max_length=80), models.CharField(max_length=80)

class Answer(models.Model):
    pair = models.ForeignKey(Pair, models.CASCADE)
    person = models.CharField(max_length=40, db_index=True)
    choice = models.CharField(max_length=5, choices=[("left", "left"), ("right", "right")])
    rt_ms = models.PositiveIntegerField()
    submitted_at = models.DateTimeField(auto_now_add=True)

class AnswerForm(forms.ModelForm):
    class Meta:
        model, fields = Answer, ["pair", "choice", "rt_ms"]

def page(request):
    place = request.session.get("place", 0)
    pair = get_object_or_404(Pair, pk=place % 40 + 1)
    form = AnswerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        answer = form.save(commit=False)
        answer.person = request.session.session_key
        answer.save()
        request.session["place"] = place + 1
        return redirect("/")
    return render(request, "page.html", {"pair": pair, "form": form, "place": place % 40 + 1})

urlpatterns = [path("", page)]
application = get_wsgi_application()
"""

PAGE = """<!doctype html><html lang="en"><head><title>Which looks more natural?</title></head><body>
<h1>Pair {{ place }} of 40</h1>{% if messages %}<ul>{% for m in messages %}<li>{{ m }}</li>{% endfor %}</ul>{% endif %}
<img src="/media/{{ pair.left }}" alt="Left image"><img src="/media/{{ pair.right }}" alt="Right image">
<form method="post">{% csrf_token %}{{ form.as_p }}<button>Send</button></form></body></html>"""

USUAL_SEED = f"""
import json
import usual
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection
from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret
call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(usual.Pair)
    editor.create_model(usual.Answer)
usual.Pair.objects.bulk_create(usual.Pair(left=f"{{n}}a.png", right=f"{{n}}b.png") for n in range(40))
keys = []
for _ in range({CONNECTIONS}):
    store = SessionStore()
    store["place"] = 0
    store.save()
    keys.append(store.session_key)
secret = _get_new_csrf_string()
print(json.dumps({{"secret": secret, "token": _mask_cipher_secret(secret), "keys": keys}}))
"""


@dataclass
class Peer:
    """A server under measure: CPU in seconds per vote, rates in votes per second, one of each per round."""

    name: str
    server: Gunicorn
    scripts: Callable[[], list[Votes]]
    rates: list[float] = field(default_factory=list)
    web_cpu: list[float] = field(default_factory=list)
    database_cpu: list[float] = field(default_factory=list)
    client_cpu: list[float] = field(default_factory=list)
    non_2xx: int = 0

    def round(self, postgres: OwnPostgres, seconds: float) -> None:
        """A second to warm up, then ``seconds`` that count."""
        scripts = self.scripts()
        self.non_2xx += play(self.server.port, scripts, 1.0).non_2xx
        web, database = cpu(self.server.processes()), cpu(postgres.processes())
        played = play(self.server.port, scripts, seconds)
        self.rates.append(played.votes / played.seconds)
        self.web_cpu.append((cpu(self.server.processes()) - web) / played.votes)
        self.database_cpu.append((cpu(postgres.processes()) - database) / played.votes)
        self.client_cpu.append(played.client_cpu / played.votes)
        self.non_2xx += played.non_2xx

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu(self) -> list[float]:
        """Of gunicorn and PostgreSQL together."""
        return [w + d for w, d in zip(self.web_cpu, self.database_cpu, strict=True)]

    def report(self) -> dict[str, float]:
        us = {"web": self.web_cpu, "database": self.database_cpu, "load": self.client_cpu}
        named = {f"{name}_cpu_us": round(statistics.median(values) * 1e6) for name, values in us.items()}
        whole = round(statistics.median(self.cpu) * 1e6)
        return {"votes_per_s": round(self.rate), "cpu_us": whole, **named, "non_2xx": self.non_2xx}


def cpu(processes: list[psutil.Process]) -> float:
    """User and system seconds of these processes and of the children that have ended."""
    total = 0.0
    for process in processes:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def million(postgres: OwnPostgres, database: str) -> None:
    """A million votes of other sessions, half in the same study and half in another; whole rows copied in SQL."""
    people = OTHERS // TRIALS
    half = "(SELECT id FROM voting_study WHERE slug = CASE i % 2 WHEN 0 THEN 'bench' ELSE 'elsewhere' END)"
    many = f"generate_series(1, {people}) i"
    each = f"{many}, generate_series(0, {TRIALS - 1}) k"
    person, trial = f"{COPIES_FROM} + i", f"{COPIES_FROM} + i * {TRIALS} + k"
    whose = {"id": person, "study_id": half}
    rows: list[tuple[str, str, dict[str, str]]] = [
        ("voting_participant", many, {**whose, "token": "md5(i::text)"}),
        ("voting_session", many, {**whose, "participant_id": person}),
        ("voting_trial", each, {
            "id": trial, "study_id": half, "participant_id": person, "session_id": person, "position": "k",
        }),
        ("voting_vote", each, {"study_id": half, "uuid": "gen_random_uuid()", "trial_id": trial}),
    ]  # fmt: skip
    with unchecked(postgres, database) as cursor:
        for table, series, given in rows:
            copy(cursor, table, given, f"(SELECT * FROM {table} LIMIT 1) x, {series}")  # noqa: S608  (names of our own tables)


def ours(name: str, postgres: OwnPostgres, folder: Path, seed: dict[str, Any]) -> Peer:
    """The real endpoint on the database of that name; sessions go on from round to round."""
    sessions = deque(seed["sessions"])
    scripts = [ballots(seed, sessions) for _ in range(CONNECTIONS)]
    server = Gunicorn("studyplatform.config.wsgi", house(postgres.url(name), folder))
    return Peer(name, server, lambda: scripts)


def floor(postgres: OwnPostgres, folder: Path, seed: dict[str, Any]) -> Peer:
    """The bare INSERT into a table with the columns, keys and references of ours, emptied before each round."""
    postgres.execute("CREATE TABLE floor_vote (LIKE voting_vote INCLUDING ALL)", "small")
    for column, table in (("study_id", "voting_study"), ("trial_id", "voting_trial")):
        reference = f"FOREIGN KEY ({column}) REFERENCES {table} (id) DEFERRABLE INITIALLY DEFERRED"
        postgres.execute(f"ALTER TABLE floor_vote ADD {reference}", "small")
    (folder / "floor.py").write_text(FLOOR)
    dsn = postgres.url("small").replace("postgres://postgres@/", "postgresql://postgres@/")
    environment = {**os.environ, "FLOOR_DSN": dsn, "FLOOR_STUDY": str(seed["study"])}

    def scripts() -> list[Votes]:
        postgres.execute("TRUNCATE floor_vote", "small")
        sessions = deque(seed["sessions"])
        return [ballots(seed, sessions) for _ in range(CONNECTIONS)]

    return Peer("floor", Gunicorn("floor", environment, folder=folder), scripts)


def usual(postgres: OwnPostgres, folder: Path) -> Peer:
    """The usual page with a database of its own."""
    postgres.execute("CREATE DATABASE usual")
    (folder / "usual.py").write_text(USUAL)
    (folder / "page.html").write_text(PAGE)
    environment = {**os.environ, "USUAL_DATABASE": postgres.url("usual"), "PYTHONPATH": str(folder)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-c", USUAL_SEED], env=environment, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    seed = json.loads(done.stdout)
    scripts = [forms(seed, key) for key in seed["keys"]]
    return Peer("usual", Gunicorn("usual", environment, folder=folder), lambda: scripts)


def latency(peer: Peer, rate: float, seconds: float) -> tuple[float, float]:
    """The 50th and 99th percentile in seconds at ``rate`` votes per second."""
    played = play(peer.server.port, peer.scripts(), seconds, rate)
    peer.non_2xx += played.non_2xx
    cuts = statistics.quantiles(played.latencies, n=100)
    return cuts[49], cuts[98]
