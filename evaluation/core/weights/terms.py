"""Rows and tests of a fitted logit of votes: one per term, participants as clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import Evidence
from evaluation.core.sections import Json, Test
from evaluation.core.weights import logit
from evaluation.core.weights.logit import Logit
from studyplatform.voting.core.bradley_terry import IntArray

SIDE_BIAS = "side_bias"


def term_rows(
    evidence: Evidence, model: str, metrics: Sequence[str], fitted: Logit, person: IntArray, scene: IntArray
) -> tuple[list[Json], list[Test]]:
    """Rows of ``regression.csv`` and the test of each term: the side bias first, then ``metrics`` (ids), in the order
    of the design. Without enough participants the coefficients stand alone."""
    people = logit.count(person)
    df, enough = float(people - 1), people >= words.MIN_PARTICIPANTS
    se = np.sqrt(np.maximum(np.diag(fitted.by_participant(person)), 0.0))
    naive = np.sqrt(np.maximum(np.diag(fitted.bread), 0.0))
    inflation = [None, *logit.vif(fitted.design[:, 1:]).tolist()] if metrics else [None]
    rows: list[Json] = []
    tests: list[Test] = []
    for i, term in enumerate((SIDE_BIAS, *metrics)):
        b, error = float(fitted.coef[i]), float(se[i])
        low, high = clusters.t_interval(b, error, df) if enough else (None, None)
        t = b / error if enough and error > 0 else None
        p = clusters.t_p(b, error, df) if enough else None
        rows.append(
            {
                "model": model,
                "term": term,
                "coef": b,
                "se_cluster": error if enough else None,
                "se_naive": float(naive[i]),
                "t": t,
                "df": df if enough else None,
                "p": p,
                "ci_low": low,
                "ci_high": high,
                "vif": inflation[i],
            }
        )
        few = words.few_participants(people)
        tests.append(
            Test(
                hypothesis=SIDE_BIAS if term == SIDE_BIAS else "increment",
                scope=model,
                metric_id="" if term == SIDE_BIAS else term,
                estimate=b,
                unit="logit",
                null_value=0.0,
                se=error if enough else None,
                ci_low=low,
                ci_high=high,
                ci_level=0.95 if enough else None,
                statistic=t,
                df=df if enough else None,
                p_raw=p,
                n_votes=len(fitted.y),
                n_participants=people,
                n_scenes=logit.count(scene),
                method="logit of votes, CR1 t",
                status="ok" if enough else "not_computable",
                reason_code="" if enough else few.code,
                message="" if enough else evidence.voice.say(few.sentence),
            )
        )
    return rows, tests
