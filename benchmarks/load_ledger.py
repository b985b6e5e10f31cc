"""What is stored, held against what the people know, and against the plans that were laid."""

from collections import defaultdict
from typing import Any

from copied_rows import COPIES_FROM
from load_people import Ledger

from tests.live_postgres import OwnPostgres

# Every pair of the study: how often it was dealt and judged, in all and with the first picture on the left.
_PAIRS = f"""
SELECT t.scene_id, t.question_id, LEAST(t.left_id, t.right_id), GREATEST(t.left_id, t.right_id),
  count(*), count(*) FILTER (WHERE t.left_id < t.right_id),
  count(v.trial_id), count(v.trial_id) FILTER (WHERE t.left_id < t.right_id)
FROM voting_trial t JOIN voting_study s ON s.id = t.study_id AND s.slug = '{{slug}}'
LEFT JOIN voting_vote v ON v.study_id = t.study_id AND v.trial_id = t.id
WHERE t.kind = 'main' AND t.participant_id < {COPIES_FROM}
GROUP BY 1, 2, 3, 4
"""  # noqa: S608  (numbers and names of our own)
_BLOCKS = f"""
SELECT max(number) - count(*) FROM voting_block b JOIN voting_study s ON s.id = b.study_id AND s.slug = '{{slug}}'
WHERE b.number < {COPIES_FROM} AND b.state <> 'free' AND NOT b.is_remainder
"""  # noqa: S608


def compare(ledger: Ledger, postgres: OwnPostgres, database: str, slug: str, after: int) -> dict[str, int]:
    """What the ledger finds lost, doubled or made up, and how far the sessions came.

    Looked at is what came from participants numbered higher than ``after``, copies apart.
    """
    rows = postgres.execute(
        "SELECT v.uuid::text, v.trial_id, v.choice FROM voting_vote v JOIN voting_trial t ON t.id = v.trial_id "  # noqa: S608
        f"JOIN voting_study s ON s.id = v.study_id AND s.slug = '{slug}' "
        f"WHERE t.participant_id > {after} AND t.participant_id < {COPIES_FROM}",
        database,
    )
    return {
        **ledger.compare(rows),
        "resolved_by_sending_again": ledger.resolved,
        "sessions_started": ledger.started,
        "sessions_finished": ledger.finished,
    }


def balance(postgres: OwnPostgres, database: str, slug: str, pairs_of_a_scene: int) -> dict[str, Any]:
    """How evenly pairs, their sides, scenes and conditions were dealt and judged.

    Plans are laid so that two pairs of a scene, the two sides of a pair and two scenes differ by one at most over any
    number of plans from the first on. Plans that are passed over (their join was killed) may add one each. What was
    dealt and is not answered yet is missing among the votes, so there the bound is larger by the most that one pair,
    one side or one scene still waits for.
    """
    rows = postgres.execute(_PAIRS.format(slug=slug), database)
    ((passed_over,),) = postgres.execute(_BLOCKS.format(slug=slug), database)
    scenes: dict[Any, list[tuple[int, ...]]] = defaultdict(list)
    for scene, question, _, _, *counts in rows:
        scenes[scene, question].append(tuple(counts))
    for found in scenes.values():
        found += [(0, 0, 0, 0)] * (pairs_of_a_scene - len(found))
    everything = [pair for found in scenes.values() for pair in found]
    dealt = [[pair[0] for pair in found] for found in scenes.values()]
    judged = [[pair[2] for pair in found] for found in scenes.values()]
    conditions = _conditions(rows)
    pairs = _line(dealt, judged, passed_over)
    return {
        "plans_passed_over": passed_over,
        "pairs": pairs,
        "sides": {
            "dealt": max(abs(2 * pair[1] - pair[0]) for pair in everything),
            "dealt_bound": 1 + passed_over,
            "judged": max(abs(2 * pair[3] - pair[2]) for pair in everything),
            "bound": 1 + passed_over + max(pair[0] - pair[2] for pair in everything),
        },
        "scenes": _line([[sum(n) for n in dealt]], [[sum(n) for n in judged]], passed_over),
        "conditions": {
            "dealt": max(max(n) - min(n) for n in conditions["dealt"]),
            "judged": max(max(n) - min(n) for n in conditions["judged"]),
            # Each condition of a scene stands in as many pairs as there are other conditions.
            "bound": (max(len(n) for n in conditions["dealt"]) - 1) * pairs["bound"],
            "fewest": min(min(n) for n in conditions["judged"]),
        },
    }


def _line(dealt: list[list[int]], judged: list[list[int]], passed_over: int) -> dict[str, int]:
    """The largest difference within a group as dealt and as judged, and what the latter may be."""
    waiting = max(d - j for some, others in zip(dealt, judged, strict=True) for d, j in zip(some, others, strict=True))
    return {
        "dealt": max(max(n) - min(n) for n in dealt),
        "dealt_bound": 1 + passed_over,
        "judged": max(max(n) - min(n) for n in judged),
        "bound": 1 + passed_over + waiting,
        "fewest": min(min(n) for n in judged),
    }


def _conditions(rows: list[tuple[Any, ...]]) -> dict[str, list[list[int]]]:
    """How often each picture of a scene was shown, as dealt and as judged."""
    counts: dict[Any, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for scene, question, low, high, dealt, _, judged, _ in rows:
        for picture in (low, high):
            counts[scene, question][picture][0] += dealt
            counts[scene, question][picture][1] += judged
    return {
        name: [[n[place] for n in pictures.values()] for pictures in counts.values()]
        for place, name in enumerate(("dealt", "judged"))
    }


def held(balanced: dict[str, Any]) -> bool:
    """Whether every difference stays within its bound."""
    within = all(
        balanced[name]["judged"] <= balanced[name]["bound"] for name in ("pairs", "sides", "scenes", "conditions")
    )
    return within and all(balanced[n]["dealt"] <= balanced[n]["dealt_bound"] for n in ("pairs", "sides", "scenes"))
