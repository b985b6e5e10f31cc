"""The planner's page of a study: power, time and money before it opens, simulated while one waits."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect

from evaluation import plan as planning
from evaluation.core.figures.power import CHART, assumed_words, grid_words
from evaluation.core.power import reach
from evaluation.core.sessions import Design
from evaluation.core.words import MIN_PARTICIPANTS
from evaluation.models import PowerPlan
from evaluation.plan.running import FEWEST_REPLICATES, MOST_REPLICATES, PEOPLE, REPLICATES
from evaluation.services import EvaluationError
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Study
from studyplatform.voting.services import StudyError, pictures_of

NAME = "plan"
TYPES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}


class PlanForm(forms.Form):
    """What to simulate."""

    people = forms.CharField(
        label="Numbers of participants",
        initial=PEOPLE,
        max_length=200,
        help_text=f"Separated by commas. The number that is planned joins them where it is {MIN_PARTICIPANTS} or more: "
        "fewer get no verdict.",
    )
    replicates = forms.IntegerField(
        label="Simulated studies per point",
        initial=REPLICATES,
        min_value=FEWEST_REPLICATES,
        max_value=MOST_REPLICATES,
        help_text=f"With {REPLICATES} a power is known to ± {100 * reach(REPLICATES):.0f} points at worst; four times "
        "as many halve that.",
    )

    def clean_people(self) -> list[int]:
        try:
            return planning.numbers_of(self.cleaned_data["people"])
        except EvaluationError as error:
            raise forms.ValidationError(str(error)) from error


def plan_page(request: HttpRequest, study: Study, plan: int | None = None) -> HttpResponseBase:
    """The newest plan, or the one that is asked for."""
    plans = study.power_plans.select_related("by", "study")
    shown = plans.first() if plan is None else get_object_or_404(plans, pk=plan)
    return _page(request, study, shown, PlanForm())


def start(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Begin a plan, or find the one that is the same; who reloads the page of a refused form is back at the plans."""
    if request.method != "POST":
        return redirect("admin:voting_study_plan", study.pk)
    form = PlanForm(request.POST)
    if form.is_valid():
        try:
            plan = planning.plan_start(study=study, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        except EvaluationError as error:
            messages.error(request, str(error))
        else:
            return redirect("admin:voting_study_plan_one", study.pk, plan.pk)
    return _page(request, study, study.power_plans.select_related("by", "study").first(), form)


def step(request: HttpRequest, study: Study, plan: int) -> HttpResponseBase:
    """Simulate for about two seconds; the page's script asks again until it is done, and a button does without it."""
    row = get_object_or_404(study.power_plans, pk=plan)
    if request.method != "POST":
        return redirect("admin:voting_study_plan_one", study.pk, row.pk)
    number = request.POST.get("done", "")
    if number.isascii() and number.isdecimal():
        try:
            row = planning.plan_step(plan=row, number=int(number))
        except PowerPlan.DoesNotExist as error:  # deleted with its draft meanwhile
            raise Http404 from error
    if request.headers.get("Accept") == "application/json":
        return JsonResponse(
            {
                "done": row.done,
                "total": row.total,
                "words": _words(row),
                "told": len(planning.whole_rows(row)),
                "finished": row.finished_at is not None,
            }
        )
    return redirect("admin:voting_study_plan_one", study.pk, row.pk)


def file(_request: HttpRequest, study: Study, plan: int, name: str) -> HttpResponseBase:
    """The figure, or its numbers, as far as they are simulated."""
    row = get_object_or_404(study.power_plans.select_related("study"), pk=plan)
    result = planning.plan_json(row)
    content = planning.plan_files(result).get(name) if result["rows"] else None
    if content is None:
        raise Http404
    kind = name.rpartition(".")[2]
    response = HttpResponse(content, content_type=TYPES[kind])
    if kind == "csv":
        response["Content-Disposition"] = f'attachment; filename="{study.slug}_{name}"'
    return response


def _page(request: HttpRequest, study: Study, plan: PowerPlan | None, form: PlanForm) -> HttpResponseBase:
    now, why = _design(study)
    context: dict[str, Any] = {
        "form": form,
        "refusal": why,
        "problems": [] if why else _in_the_way(study),
        "plan": plan,
        "plans": [_listed(row, now) for row in study.power_plans.select_related("by")],
        "warnings": [],
    }
    if plan is not None:
        context |= _told(study, plan, now)
    elif now is not None:
        context["warnings"] = planning.plan_warnings(
            now, minutes=planning.cost_of(study, now, 1).minutes, planned=study.sessions_planned
        )
    status = 400 if form.errors else 200
    return study_page(request, study, "evaluation/admin/plan.html", context, page=NAME, status=status)


def _design(study: Study) -> tuple[Design | None, str]:
    """The design as it is now, or why nothing can be planned."""
    try:
        return planning.design_of(study), ""
    except EvaluationError as error:
        return None, str(error)


def _in_the_way(study: Study) -> list[str]:
    """What would stop the study from opening, as its page Check says; nothing for one that has opened."""
    if study.state not in (Study.State.DRAFT, Study.State.PILOT):
        return []
    try:
        pictures_of(study)
    except StudyError as error:
        return list(error.problems)
    return []


def _listed(row: PowerPlan, now: Design | None) -> dict[str, Any]:
    return {
        "row": row,
        "people": ", ".join(map(str, row.options["people"])),
        "words": "finished" if row.finished_at is not None else "not finished",
        "current": now is not None and Design.from_json(row.design) == now,
    }


def _told(study: Study, plan: PowerPlan, now: Design | None) -> dict[str, Any]:
    """What a plan says, as far as it is simulated."""
    design, result, rows = Design.from_json(plan.design), planning.plan_json(plan), planning.whole_rows(plan)
    costs = [planning.cost_of(study, design, people) for people in plan.options["people"]]
    planned, minutes = study.sessions_planned, costs[0].minutes
    # What is said about the numbers holds once the last of them is there.
    final = rows if plan.finished_at is not None else []
    return {
        "changed": design != now,
        "words": _words(plan),
        "told": len(rows),
        "grid": grid_words(result),
        "assumed": assumed_words(result),
        "tables": planning.plan_tables(rows),
        "sentences": planning.plan_sentences(final, planned) if final else [],
        "warnings": planning.plan_warnings(design, minutes=minutes, planned=planned, rows=final),
        "reach": f"{100 * reach(plan.options['replicates']):.0f}",
        "figure": CHART.text(result) if rows else None,
        "stem": CHART.stem,
        "costs": [] if study.simulated else [_cost(study, cost) for cost in costs],
        "no_cost": planning.REHEARSAL if study.simulated else planning.NO_REWARD if study.reward is None else "",
    }


def _cost(study: Study, cost: planning.Cost) -> dict[str, Any]:
    money = "" if cost.money is None else planning.money_words(cost.money, study.currency)
    return {"people": cost.participants, "minutes": cost.minutes, "hours": f"{cost.hours:.1f}", "money": money}


def _words(plan: PowerPlan) -> str:
    return f"{plan.done:,} of {plan.total:,} studies simulated" + ("" if plan.finished_at is None else ": finished")


register(StudyPage(NAME, "Plan", plan_page, order=25))
register(StudyPage("plan_start", "Plan", start, path="plan/start/", needs="edit", tab=False))
register(StudyPage("plan_one", "Plan", plan_page, path="plan/<int:plan>/", tab=False))
register(StudyPage("plan_step", "Plan", step, path="plan/<int:plan>/step/", needs="edit", tab=False))
register(StudyPage("plan_file", "Plan", file, path="plan/<int:plan>/<str:name>", tab=False))
