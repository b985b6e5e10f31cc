"""The questions of AsPredicted, answered from a study's design; each answer is a list of sentences."""

from __future__ import annotations

from collections.abc import Sequence

from studyplatform.voting.core.claims import DRAWS, SEED, logit
from studyplatform.voting.core.preregistration.families import families
from studyplatform.voting.core.preregistration.plan import Plan
from studyplatform.voting.core.quality import FAST_MS

ADJUSTMENTS = {"none": "not corrected", "holm": "corrected by Holm", "bh": "corrected by Benjamini and Hochberg"}


def form(plan: Plan) -> list[dict[str, object]]:
    """``{"question", "answer": [sentence, …]}`` for each of the ten questions, in their order."""
    answers = {
        "Have any data been collected for this study already?": _collected(plan),
        "What is the main question, or the hypothesis, of this study?": _hypothesis(plan),
        "What is the dependent variable, and how is it measured?": _measured(plan),
        "How many conditions are there, and which, and who is assigned to them?": _conditions(plan),
        "Which analyses will be conducted to examine the main question?": _analyses(plan),
        "How are outliers defined and handled, and which observations are excluded?": _exclusions(plan),
        "How many observations will be collected, or what determines the sample size?": _sample(plan),
        "Is there anything else to preregister?": _other(plan),
        "Name": [str(plan.study["title"])],
        "Type": [_type(plan)],
    }
    return [{"question": question, "answer": answer} for question, answer in answers.items()]


def stopping_rule(plan: Plan) -> str:
    """When collecting ends, in one sentence."""
    planned, main = plan.study["sessions_planned"], plan.session["main"]
    return (
        f"{planned} sessions of {main} pairs, laid before the first vote; no look at the direction of the outcome "
        "before the study closes."
    )


def _collected(plan: Plan) -> list[str]:
    said = ["No vote that counts: the platform writes this down when the study opens, before anybody can vote."]
    if plan.study["simulated"]:
        said.append("This is a rehearsal: the votes are drawn by a program (SIMULATED) and are no evidence on people.")
    if plan.pilots:
        took = "1 person took" if plan.pilots == 1 else f"{plan.pilots} people took"
        said.append(f"{took} part in a pilot. Those votes are marked as a pilot's and are in no analysis.")
    return said


def _hypothesis(plan: Plan) -> list[str]:
    said = []
    if plan.compares:
        metric = f"“{plan.primary_label}”" if plan.primary_label else "the metric that carries the verdict"
        said.append(
            "Does the image with the minimum loss match what people prefer? Put to the test: of all conditions, the "
            f"one with the best value of {metric} is the one that people prefer."
        )
    if plan.asks_which_is_real:
        said.append(
            "How often is a generated picture called real beside its photograph? Put to the test: each condition is "
            "called real half of the time. No metric's minimum is put to the test by these pairs."
        )
    own = str(plan.study["hypothesis"]).strip()
    return [*said, f"What we expect: {own}" if own else "No expectation was written down beyond this question."]


def _measured(plan: Plan) -> list[str]:
    ties = "left, right or no preference" if plan.study["allow_ties"] else "left or right"
    said = [f"Which of two pictures of a scene is chosen ({ties}), asked word for word:"]
    said += [f"“{text}”" for text in (*plan.compares, *plan.asks_which_is_real)]
    how = f"How a pair is shown: {plan.layout}."
    if plan.study["layout"] == "timed":
        how = f"Each picture of a pair is shown for {plan.study['exposure_ms']} ms, then the choice."
    said.append(how)
    if plan.study["allow_undo"]:
        said.append("The last answer may be taken back once; the one given last counts.")
    if plan.study["allow_ties"]:
        said.append("“No preference” counts as half a vote for each of the two pictures.")
    return [*said, "Answering times are recorded and are used for the rules of quality only."]


def _conditions(plan: Plan) -> list[str]:
    scenes, conditions = len(plan.scenes), len(plan.conditions)
    said = [
        f"{conditions} condition{'' if conditions == 1 else 's'}: {'; '.join(plan.conditions)}.",
        f"{scenes} scene{'' if scenes == 1 else 's'}: {'; '.join(plan.scenes)}.",
        f"Everybody sees pairs from all of them (within participants). Pairs are dealt {plan.strategy}; left and right "
        "are drawn at random.",
    ]
    if plan.shared < conditions:
        said.append(f"{plan.shared} of the conditions are shown in every scene; scenes are pooled over those.")
    if plan.study["show_photograph"]:
        said.append("The unprocessed photograph is shown too, and enters no test of the minimum.")
    kinds = {"practice": "for practice", "catch": "with a known answer", "repeat": "shown again, sides swapped"}
    also = [f"{plan.session[kind]} {words}" for kind, words in kinds.items() if plan.session.get(kind)]
    return [*said, f"Besides: {', '.join(also)}; none of these is among the votes."] if also else said


def _analyses(plan: Plan) -> list[str]:
    alpha, margin = plan.study["alpha"], plan.study["margin"]
    said = []
    if plan.compares:
        said += [
            "Bradley-Terry scores of the conditions are estimated from the votes, pooled over scenes, with "
            "participants as the sampling unit (the larger of the model's and the delete-one-participant standard "
            "errors).",
            f"At the level {alpha:g}, the minimum is refuted if some rival scores higher (max-t over rivals), "
            "confirmed if it scores higher than every rival (intersection-union), equivalent if no rival would win "
            f"{100 * margin:g} of 100 meetings or more ({logit(margin):.3f} logit), else inconclusive.",
        ]
    if plan.asks_which_is_real:
        said.append(
            "The share of trials in which a condition is called real is tested against one half at the level "
            f"{alpha:g}, with participants as the sampling unit."
        )
    if plan.compares and not plan.primary_label:
        said.append("The grids declare no common primary metric, so no test of a metric is confirmatory.")
    if plan.others and plan.compares:
        said.append(f"Other metrics held against the votes: {'; '.join(plan.others)}.")
    said += [_family_sentence(row) for row in families(plan)]
    return [*said, "All other tests are exploratory.", *(claim.sentence for claim in plan.claims if plan.compares)]


def _family_sentence(row: dict[str, object]) -> str:
    kind = "confirmatory" if row["confirmatory"] else "exploratory"
    over = str(row["over"])
    return f"{over[0].upper()}{over[1:]}: {kind}, {ADJUSTMENTS[str(row['adjustment'])]}."


def _exclusions(plan: Plan) -> list[str]:
    study = plan.study
    rules = []
    if plan.session.get("catch"):
        rules.append(
            f"two or more pairs with a known answer failed, and fewer than {100 * study['flag_catch_rate']:g} % passed"
        )
    rules += [
        f"one side chosen so often that the two-sided binomial p is below {study['flag_side_p']:g}",
        f"{study['flag_run']} answers or more in a row on one side",
        f"more than {100 * study['flag_fast_share']:g} % of the answers under {FAST_MS} ms",
    ]
    said = [
        f"A participant is flagged by any of these: {'; '.join(rules)}.",
        "Who is left out is decided with a written reason, without a look at the direction of the outcome, and stands "
        "in the study's log; nobody is left out for disagreeing with others.",
        "The verdict is given with everybody, and without those who are flagged; where the two differ, it says so.",
        "Not among the votes: previews, the pilot, practice pairs, pairs with a known answer, pairs shown again, "
        "answers replaced by a later one, pictures that did not load, and people who withdrew.",
        "Answers of sessions that were not finished count.",
    ]
    if study["screen_out"]:
        said.append("Who fails a screen check twice leaves before the first pair.")
    return said


def _sample(plan: Plan) -> list[str]:
    said = [stopping_rule(plan), "Places of those who stop early, withdraw or are left out are given to others."]
    if plan.opens_at or plan.ends_at:
        first = f"from {_day(plan.opens_at)}" if plan.opens_at else "from the opening"
        last = f" to {_day(plan.ends_at)}" if plan.ends_at else ""
        said.append(f"Participants may start {first}{last}.")
    if plan.quotas:
        said.append(f"Quotas: {'; '.join(plan.quotas)}.")
    return [
        *said,
        "Dates and quotas may be changed while nobody can see the outcome; each change stands in the study's log.",
        f"After closing, votes of running sessions are taken for {plan.study['grace_hours']} more hours.",
    ]


def _other(plan: Plan) -> list[str]:
    notes: Sequence[str] = [line.strip() for line in str(plan.study["prereg_notes"]).splitlines() if line.strip()]
    return [
        *(notes or ["Nothing."]),
        f"Seeds: {plan.study['seed']} of order and sides, {SEED} of the {DRAWS} resamplings.",
        f"SHA-256 of the whole design: {plan.design_sha256}.",
    ]


def _type(plan: Plan) -> str:
    kind = "Online experiment within participants, forced choice between two pictures"
    return f"{kind}; a rehearsal with simulated participants." if plan.study["simulated"] else f"{kind}."


def _day(at: str) -> str:
    return f"{at[:10]} {at[11:16]} UTC"
