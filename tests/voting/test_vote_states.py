"""F5: in whatever order people vote, replay, skip, undo, withdraw and are paused, the table equals the model."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from studyplatform.voting import services
from studyplatform.voting.models import Participant, Study, Vote
from studyplatform.voting.selectors import next_trial, plan_of, progress_of
from studyplatform.voting.services import NotTakingPart, VoteRefused, VoteStored
from tests import factories
from tests.fault_table import FULL

STEPS = 30
OTHER = {"left": "right", "right": "tie", "tie": "left", "skip": "left"}
choices = st.sampled_from(["left", "right", "tie", "skip"])
who = st.sampled_from([0, 1])


@dataclass
class Person:
    """What the model believes of one participant. ``plan``: trials in the order of answering, with those to come."""

    row: Participant
    plan: list[int]
    votes: dict[int, tuple[str, UUID]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # trials as they were answered
    asked: dict[int, int] = field(default_factory=dict)  # trial -> how often its pair has been asked
    superseding: set[int] = field(default_factory=set)
    waiting: int | None = None  # the trial that an undo made and nobody has answered yet
    consented: bool = False
    withdrew: bool = False
    complete: bool = False

    @property
    def next(self) -> int | None:
        return next((t for t in self.plan if t not in self.votes), None)


class Voting(RuleBasedStateMachine):
    """Two people in one study. ``cast`` is what is tested; a planted fault takes its place in the positive control."""

    study: Study
    people: list[Person] = []
    strangers = 0
    cast: Any = staticmethod(services.vote_cast)

    @initialize(consents=st.booleans())
    def join(self, consents: bool) -> None:
        self.paused = False
        Study.objects.filter(pk=self.study.pk).update(state="open")
        rows = [services.participant_join(study=self.study) for _ in range(2)]
        self.people = [Person(row, [t.pk for t in row.trials.in_turn()]) for row in rows]
        self.strangers = Vote.objects.count()
        for number in range(2 if consents else 0):
            self.consent(number=number)

    def send(self, person: Person, trial: int, choice: str, uuid: UUID) -> VoteStored | VoteRefused:
        sent = {"study": self.study.slug, "participant": person.row.token, "trial": trial}
        with transaction.atomic():
            return self.cast(**sent, choice=choice, uuid=uuid)

    @rule(number=who)
    def consent(self, number: int) -> None:
        person = self.people[number]
        person.row.session.refresh_from_db()
        services.consent_give(session=person.row.session)
        person.consented = person.consented or not person.withdrew

    @rule(number=who, choice=choices)
    def vote(self, number: int, choice: str) -> None:
        person = self.people[number]
        trial, uuid = person.next, uuid4()
        if trial is None:
            return
        answer = self.send(person, trial, choice, uuid)
        if person.withdrew or not person.consented or self.paused:
            assert isinstance(answer, VoteRefused), answer
            return
        assert isinstance(answer, VoteStored), answer
        assert not answer.replayed
        person.votes[trial] = (choice, uuid)
        person.order.append(trial)
        person.waiting = None if person.waiting == trial else person.waiting
        asked = person.asked.get(trial, 1)
        if choice == "skip" and asked < 3:
            again = answer.appended["id"]
            person.plan.append(again)
            person.asked[again] = asked + 1
        else:
            assert answer.appended is None

    @rule(number=who, place=st.integers(0, 40), same=st.booleans(), new_uuid=st.booleans())
    def send_again(self, number: int, place: int, same: bool, new_uuid: bool) -> None:
        person = self.people[number]
        if not person.order:
            return
        trial = person.order[place % len(person.order)]
        choice, uuid = person.votes[trial]
        answer = self.send(person, trial, choice if same else OTHER[choice], uuid4() if new_uuid else uuid)
        if same:
            assert isinstance(answer, VoteStored), answer
            assert (answer.replayed, answer.uuid, answer.choice) == (True, str(uuid), choice)
        else:
            assert (answer.status, answer.code) == (409, "conflict")

    @rule(number=who, place=st.integers(0, 40), choice=choices)
    def jump(self, number: int, place: int, choice: str) -> None:
        person = self.people[number]
        ahead = [t for t in person.plan if t not in person.votes][1:]
        if ahead:
            answer = self.send(person, ahead[place % len(ahead)], choice, uuid4())
            assert isinstance(answer, VoteRefused), answer
            if person.consented and not person.withdrew and not self.paused:
                assert (answer.code, answer.expected) == ("out_of_order", person.next)

    @rule(number=who, choice=choices)
    def vote_for_somebody_else(self, number: int, choice: str) -> None:
        trial = self.people[1 - number].next
        if trial is not None:
            answer = self.send(self.people[number], trial, choice, uuid4())
            assert (answer.status, answer.code) == (404, "not_found")

    @rule(number=who, choice=choices)
    def use_a_number_again(self, number: int, choice: str) -> None:
        person = self.people[number]
        if person.order and person.next is not None:
            answer = self.send(person, person.next, choice, person.votes[person.order[-1]][1])
            assert isinstance(answer, VoteRefused), answer

    @rule(number=who)
    def undo(self, number: int) -> None:
        person = self.people[number]
        last = person.order[-1] if person.order else None
        person.row.session.refresh_from_db()
        try:
            trial = services.vote_undo(session=person.row.session)
        except NotTakingPart:
            trial = None
        if (
            last is None
            or self.paused
            or last in person.superseding
            or person.votes[last][0] == "skip"
            or person.withdrew
            or person.complete
        ):
            assert trial is None
        elif person.waiting is not None:
            assert trial.pk == person.waiting
        else:
            assert trial.supersedes_id == last
            person.plan.insert(person.plan.index(last) + 1, trial.pk)
            person.asked[trial.pk] = person.asked.get(last, 1)
            person.superseding.add(trial.pk)
            person.waiting = trial.pk

    @rule(number=who)
    def finish(self, number: int) -> None:
        person = self.people[number]
        person.row.session.refresh_from_db()
        try:
            services.session_finish(session=person.row.session)
            done = True
        except NotTakingPart:
            done = False
        assert done == (person.next is None and person.consented and not person.withdrew)
        person.complete = person.complete or done

    @rule(number=who)
    def withdraw(self, number: int) -> None:
        services.session_withdraw(session=self.people[number].row.session)
        self.people[number].withdrew = True

    @rule()
    def pause(self) -> None:
        self.paused = not self.paused
        Study.objects.filter(pk=self.study.pk).update(state="paused" if self.paused else "open")

    @invariant()
    def the_table_is_the_model(self) -> None:
        rows = Vote.objects.filter(trial__participant__in=[person.row for person in self.people])
        stored = {trial: (choice, uuid) for trial, choice, uuid in rows.values_list("trial", "choice", "uuid")}
        assert stored == {trial: vote for person in self.people for trial, vote in person.votes.items()}

    def teardown(self) -> None:
        """At the end of each story: the plan, what is next, and that nobody else's votes were touched."""
        for person in self.people:
            upcoming = next_trial(person.row.session)
            assert (upcoming.pk if upcoming else None) == person.next
            plan = [pair["id"] for pair in plan_of(person.row.session)]
            assert plan == [t for t in person.plan if t in plan]
            assert progress_of(person.row.session).total == len(plan)
            assert Vote.objects.filter(trial__participant=person.row).count() == len(person.votes)
        assert Vote.objects.count() == self.strangers + sum(len(person.votes) for person in self.people)


def machine(made: Study, cast: Any = services.vote_cast) -> type[Voting]:
    return type("Machine", (Voting,), {"study": made, "cast": staticmethod(cast)})


def play(kind: type[Voting], examples: int, *, shrink: bool = True) -> None:
    # A planted fault need only be found, each time by the same stories; making its story short takes minutes.
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=quiet,
            database=None,
            phases=phases,
            report_multiple_bugs=False,
            derandomize=not shrink,
        ),
    )


@pytest.fixture
def study(owner) -> Study:
    grid = factories.rendered_grid(owner=owner, contents=("cat",))
    return factories.study(
        owner=owner,
        grid=grid,
        trials_per_session=3,
        sessions_planned=3000,
        allow_ties=True,
        allow_undo=True,
        state="open",
    )


@pytest.mark.fault("F5")
@pytest.mark.django_db
def test_any_order_of_requests_leaves_what_the_model_says(study, tried):
    examples = 200 if FULL else 50
    play(machine(study), examples)
    tried("F5", stories=examples, steps_each=STEPS, other_than_the_model=0)


@pytest.mark.fault("F5", planted=True)
@pytest.mark.django_db
def test_the_machine_finds_a_server_that_overwrites(study):
    """The positive control: a later answer replaces the stored one, as an upsert would."""

    def overwriting(**sent: Any) -> VoteStored | VoteRefused:
        answer = services.vote_cast(**sent)
        if isinstance(answer, VoteRefused) and answer.code == "conflict":
            Vote.objects.filter(trial=sent["trial"]).update(choice=sent["choice"])
        return answer

    with pytest.raises(AssertionError):
        play(machine(study, overwriting), 1000, shrink=False)


@pytest.mark.fault("F5", planted=True)
@pytest.mark.django_db
def test_the_machine_finds_a_server_that_takes_any_order(study):
    """The positive control for the order of trials."""

    def unordered(**sent: Any) -> VoteStored | VoteRefused:
        answer = services.vote_cast(**sent)
        if isinstance(answer, VoteRefused) and answer.code == "out_of_order":
            fields = {"study": Study.objects.get(slug=sent["study"]), "submitted_at": "2026-01-01T00:00Z"}
            row = Vote(trial_id=sent["trial"], uuid=sent["uuid"], choice=sent["choice"], **fields)
            Vote.objects.bulk_create([row])
        return answer

    with pytest.raises(AssertionError):
        play(machine(study, unordered), 1000, shrink=False)
