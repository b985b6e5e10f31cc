"""The one registry of ``derived/*.csv``: tables, their columns in order, types (s text, i integer, f number, b
boolean), units and meanings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from evaluation.core.bundle.columns import Column
from evaluation.core.derived.meanings import COLUMN, TABLE

_WHY = "status:s reason_code:s message:s"
_INTERVAL = "ci_low:f ci_high:f"

_TABLES = {
    "pairs": f"scene_id:s item_1:s item_2:s condition_1:s condition_2:s wins_1:f wins_2:f ties:i n:i n_participants:i "
    f"p_1:f {_INTERVAL} p_value:f q_bh:f class:s {_WHY}",
    "human_scores": f"scope:s scene_id:s item:s theta:f se_model:f se_cluster:f {_INTERVAL} theta_jod:f p_best:f "
    f"in_favourite_set:b n_votes:i {_WHY}",
    "head_to_head": "scope:s scene_id:s metric_id:s minimiser:s rival:s win_prob_model:f win_share_observed:f n:i se:f "
    f"{_INTERVAL} p_raw:f p_adj:f {_WHY}",
    "metric_agreement": "metric_id:s subset:s n_votes:i n_participants:i n_scenes:i accuracy:f se_c1:f ci_low_c1:f "
    "ci_high_c1:f p_c1:f se_c2:f p_c2:f p_c3:f deff:f log_loss:f deviance_explained:f slope:f ceiling_loo:f "
    "ceiling_majority:f human_human:f accuracy_normalised:f auc_ds:f auc_bw:f c0:f n_different:i n_similar:i top1:f "
    f"top1_chance:f regret_plugin:f regret_crossfit:f regret_low:f regret_up:f {_WHY}",
    "metric_comparison": f"metric_a:s metric_b:s difference:f se_c1:f p_c1:f p_c2:f p_adj:f q_bh:f {_WHY}",
    "correlations": "scope:s scene_id:s metric_id:s k:i spearman:f kendall_b:f pearson:f p_perm:f p_c3:f "
    f"p_min_possible:f reliability:f {_WHY}",
    "regression": f"model:s term:s coef:f se_cluster:f se_naive:f t:f df:f p:f {_INTERVAL} vif:f {_WHY}",
    "dose_response": f"parameter:s x:f condition_id:s theta:f {_INTERVAL} shape:s p_interior_peak:f p_lind_mehlum:f "
    f"peak_x:f peak_low:f peak_high:f {_WHY}",
    "ceilings": f"scope:s scene_id:s kind:s value:f se:f {_INTERVAL} n_votes:i n_participants:i {_WHY}",
    "hypothesis_tests": "test_id:s hypothesis:s family:s confirmatory:b claim_level:s scope:s scene_id:s metric_id:s "
    f"metric_id_2:s estimate:f unit:s null_value:f margin:f se:f {_INTERVAL} ci_level:f statistic:f df:f p_raw:f "
    "p_adj:f adjustment:s verdict:s n_votes:i n_participants:i n_scenes:i n_conditions:i method:s n_resamples:i "
    f"rng_seed:i {_WHY}",
    "flow": "step:s words:s n_trials:i n_participants:i",
    "votes_to_flip": f"favourite:s rival:s votes:i share:f participants:i n_votes:i n_participants:i {_WHY}",
}
#: Tables that are written only where they have rows, with the columns that their rows have.
_WHERE_ROWS = {
    "participants_quality": "participant:s n:i catch_failed:i n_catch:i left_rate:f left_p:f longest_run:i "
    "median_rt_ms:f share_fast:f loo_agreement:f loo_loglik:f oddities:s included:b exclusion_reason:s",
    "factors": f"family:s factor:s level:s kind:s unit:s change:f {_INTERVAL} rank:i p_rank_first:f status:s "
    "reason_code:s",
    "fooling": f"kind:s condition_1:s condition_2:s metric_id:s estimate:f se:f {_INTERVAL} p_raw:f n_trials:i "
    "n_participants:i status:s reason_code:s",
}
_VOTES = (
    "trial_id:s question_id:s participant_id:s scene_id:s stimulus_left:s stimulus_right:s condition_left:s "
    "condition_right:s choice:s win_left:i y:f rt_ms:i simulated:b"
)


def _columns(table: str, text: str) -> tuple[Column, ...]:
    found = []
    for name, _, kind in (part.partition(":") for part in text.split()):
        about, unit = COLUMN.get(f"{table}.{name}") or COLUMN[name]
        found.append(Column(name, name, kind, about, unit))
    return tuple(found)


#: Table -> its columns; those of metrics (d_, dz_) and scales (x_) of votes_analysis come on top.
REGISTRY = {name: _columns(name, text) for name, text in {"votes_analysis": _VOTES, **_TABLES, **_WHERE_ROWS}.items()}
#: Table -> what a row is.
ABOUT = {name: TABLE[name] for name in REGISTRY}
#: Columns of votes_analysis beyond those of every study: name, type, meaning.
WIDE = (
    ("param_<name>_left, param_<name>_right", "s", "A parameter that differs between conditions, of either picture."),
    ("x_<name>_left, x_<name>_right", "f", "The same where it is numeric and has two levels at least: log10, or as it "
     "is where a level is not above zero."),
    ("<metric>_left, <metric>_right", "f", "The metric of either picture, as stored."),
    ("d_<metric>", "f", "Left less right; empty where a value is missing."),
    ("dz_<metric>", "f", "The same in standard deviations of the scene's grid; empty where a score of the scene is "
     "missing or its values are not comparable."),
)  # fmt: skip

#: Table -> column -> type: the tables that are always written.
COLUMNS = {name: {c.name: c.type for c in REGISTRY[name]} for name in _TABLES}
#: The same of those that are written where they have rows.
WHERE_ROWS = {name: {c.name: c.type for c in REGISTRY[name]} for name in _WHERE_ROWS}
#: Columns that every votes_analysis.csv has.
VOTES = {c.name: c.type for c in REGISTRY["votes_analysis"]}

#: Table -> the columns that tell its rows apart.
KEYS = {
    "votes_analysis": ("trial_id",),
    "pairs": ("scene_id", "item_1", "item_2"),
    "human_scores": ("scope", "scene_id", "item"),
    "metric_agreement": ("metric_id", "subset"),
    "flow": ("step",),
    "hypothesis_tests": ("test_id",),
    "participants_quality": ("participant",),
}


def schemas(paths: Iterable[str]) -> dict[str, tuple[tuple[Column, ...], tuple[str, ...]]]:
    """What is known of the columns of the derived tables at ``paths``, and which of them tell the rows apart."""
    stems = {path: PurePosixPath(path).stem for path in paths}
    return {path: (REGISTRY[name], KEYS.get(name, ())) for path, name in stems.items() if name in REGISTRY}
