"""The columns of ``derived/*.csv`` with their types (s text, i integer, f number, b boolean), in order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

_WHY = "status:s reason_code:s message:s"
_INTERVAL = "ci_low:f ci_high:f"

_TABLES = {
    "pairs": f"scene_id:s item_1:s item_2:s condition_1:s condition_2:s wins_1:f wins_2:f ties:i n:i n_participants:i "
    f"p_1:f {_INTERVAL} p_value:f q_bh:f class:s",
    "human_scores": f"scope:s scene_id:s item:s theta:f se_model:f se_cluster:f {_INTERVAL} theta_jod:f p_best:f "
    "in_favourite_set:b n_votes:i",
    "head_to_head": "scope:s scene_id:s metric_id:s minimiser:s rival:s win_prob_model:f win_share_observed:f n:i se:f "
    f"{_INTERVAL} p_raw:f p_adj:f",
    "metric_agreement": "metric_id:s subset:s n_votes:i n_participants:i n_scenes:i accuracy:f se_c1:f ci_low_c1:f "
    "ci_high_c1:f p_c1:f se_c2:f p_c2:f p_c3:f deff:f log_loss:f deviance_explained:f slope:f ceiling_loo:f "
    "ceiling_majority:f human_human:f accuracy_normalised:f auc_ds:f auc_bw:f c0:f n_different:i n_similar:i top1:f "
    "top1_chance:f regret_plugin:f regret_crossfit:f regret_low:f regret_up:f",
    "metric_comparison": "metric_a:s metric_b:s difference:f se_c1:f p_c1:f p_c2:f p_adj:f q_bh:f",
    "correlations": "scope:s scene_id:s metric_id:s k:i spearman:f kendall_b:f pearson:f p_perm:f p_c3:f "
    "p_min_possible:f reliability:f",
    "regression": f"model:s term:s coef:f se_cluster:f se_naive:f t:f df:f p:f {_INTERVAL} vif:f",
    "dose_response": f"parameter:s x:f condition_id:s theta:f {_INTERVAL} shape:s p_interior_peak:f p_lind_mehlum:f "
    "peak_x:f peak_low:f peak_high:f",
    "ceilings": f"scope:s scene_id:s kind:s value:f se:f {_INTERVAL} n_votes:i n_participants:i",
    "hypothesis_tests": "test_id:s hypothesis:s family:s confirmatory:b claim_level:s scope:s scene_id:s metric_id:s "
    f"metric_id_2:s estimate:f unit:s null_value:f margin:f se:f {_INTERVAL} ci_level:f statistic:f df:f p_raw:f "
    "p_adj:f adjustment:s verdict:s n_votes:i n_participants:i n_scenes:i n_conditions:i method:s n_resamples:i "
    "rng_seed:i",
}


def _columns(text: str) -> dict[str, str]:
    return {name: kind for name, _, kind in (part.partition(":") for part in text.split())}


#: Table -> column -> type. A table that is not here has the columns of its rows.
COLUMNS = {name: _columns(f"{text} {_WHY}") for name, text in _TABLES.items()} | {
    "flow": _columns("step:s words:s n_trials:i n_participants:i")
}

#: Table -> the columns that tell its rows apart.
KEYS = {
    "pairs": ("scene_id", "item_1", "item_2"),
    "human_scores": ("scope", "scene_id", "item"),
    "metric_agreement": ("metric_id", "subset"),
    "flow": ("step",),
    "hypothesis_tests": ("test_id",),
}

#: Columns that every votes_analysis.csv has; those of metrics (d_, dz_) and scales (x_) are numbers.
VOTES = _columns(
    "trial_id:s question_id:s participant_id:s scene_id:s stimulus_left:s stimulus_right:s condition_left:s "
    "condition_right:s choice:s win_left:i y:f rt_ms:i simulated:b"
)


def schemas(paths: Iterable[str]) -> dict[str, tuple[dict[str, str], tuple[str, ...]]]:
    """What is known of the columns of the derived tables at ``paths``: their types, and which tell the rows apart."""
    found: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {}
    for path in paths:
        name = PurePosixPath(path).stem
        if name == "votes_analysis":
            found[path] = (VOTES, ("trial_id",))
        elif name in COLUMNS:
            found[path] = (COLUMNS[name], KEYS.get(name, ()))
    return found
