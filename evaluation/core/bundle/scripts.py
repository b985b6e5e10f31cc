"""For those who go on elsewhere: code that runs in the folder of a bundle as it is (specs/evaluation.md 3.3)."""

R = r"""# Run in the folder that holds README.md: Rscript code/analysis.R
# install.packages(c("BradleyTerry2", "sandwich", "lmtest", "lme4"))
suppressPackageStartupMessages({library(BradleyTerry2); library(sandwich); library(lmtest)})

votes <- read.csv("derived/votes_analysis.csv")
if (nrow(votes) == 0) { cat("Nobody has compared two pictures of the grid yet.\n"); quit() }

# The differences of the objective's parts (of all metrics where there are none) that vary and do not follow from each
# other.
metrics <- read.csv("data/metrics.csv")
parts <- paste0("dz_", metrics$key[metrics$role == "objective_part"])
independent <- function(v) {
  names <- grep("^dz_", names(v), value = TRUE)
  if (any(names %in% parts)) names <- intersect(names, parts)
  names <- names[vapply(names, \(n) is.numeric(v[[n]]) && !anyNA(v[[n]]) && isTRUE(sd(v[[n]]) > 0), TRUE)]
  if (length(names) == 0) return(names)
  q <- qr(as.matrix(v[names]))
  names[sort(q$pivot[seq_len(q$rank)])]
}

# What is fitted, or a sentence on why it is not: the rest goes on. `lacking` is known before.
told <- function(what, fit, lacking = "") {
  cat("\n", what, "\n", sep = "")
  if (nzchar(lacking)) { cat("Not fitted: ", lacking, ".\n", sep = ""); return(invisible()) }
  tryCatch(print(fit), error = function(e) {
    cat("Not fitted: the answers are too few for it or too much alike (", conditionMessage(e), ").\n", sep = "")
  })
}

for (question in unique(votes$question_id)) {
  cat("\n==== Question:", question, "\n")
  v <- votes[votes$question_id == question & !is.na(votes$win_left), ]  # ties are left out
  lv <- sort(unique(c(v$condition_left, v$condition_right)))
  lacking <- if (nrow(v) == 0) "every answer is a tie"
    else if (length(unique(v$participant_id)) < 2) "fewer than two participants chose a side"
    else if (length(unique(v$win_left)) < 2) "the same side was chosen every time"
    else ""

  file <- Filter(file.exists, c(file.path("derived", question, "pairs.csv"), "derived/pairs.csv"))
  p <- if (length(file)) read.csv(file[1]) else data.frame()
  for (scene in unique(p$scene_id)) {
    d <- p[p$scene_id == scene & p$wins_1 + p$wins_2 > 0, ]
    it <- sort(unique(c(d$item_1, d$item_2)))
    told(paste("Bradley-Terry scores of scene", scene),
         BTabilities(BTm(cbind(wins_1, wins_2), factor(item_1, it), factor(item_2, it), data = d)),
         if (nrow(d) == 0) "it has no answer" else "")
  }

  told("Bradley-Terry scores over all scenes (ties left out)",
       BTabilities(BTm(win_left, factor(condition_left, lv), factor(condition_right, lv), data = v)),
       if (nrow(v) == 0) lacking else "")

  dz <- independent(v)
  if (!nzchar(lacking) && length(dz) == 0) lacking <- "no number about the pictures differs between them"
  told("Learned weights; errors clustered by participant; the intercept is the side bias",
       coeftest(glm(reformulate(dz, "win_left"), binomial, v), vcovCL, cluster = ~participant_id), lacking)
  if (length(dz) && requireNamespace("lme4", quietly = TRUE) && length(unique(v$scene_id)) > 1) {
    crossed <- sprintf("win_left ~ %s + (0 + %s | participant_id) + (0 + %s | scene_id)", dz[1], dz[1], dz[1])
    told(paste("Crossed random slopes of", dz[1]),
         summary(lme4::glmer(as.formula(crossed), v, binomial))$coefficients, lacking)
  }

  for (x in sub("_left$", "", grep("^x_.*_left$", names(v), value = TRUE))) {
    left <- v[[paste0(x, "_left")]]; right <- v[[paste0(x, "_right")]]
    if (length(unique(na.omit(c(left, right)))) < 3) next
    told(paste("Inverted U along", x),
         coef(glm(win_left ~ I(left - right) + I(left^2 - right^2), binomial, v)), lacking)
  }
}
"""

PYTHON = r'''"""Run in the folder that holds README.md: python code/analysis.py (needs pandas and statsmodels)."""

from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm


def bradley_terry(first, second, wins_first, wins_second):
    """Scores of all items (the first one is 0): a logistic regression on who met whom."""
    items = sorted(set(first) | set(second))
    x = np.zeros((len(first), len(items)))
    x[np.arange(len(first)), [items.index(i) for i in first]] = 1
    x[np.arange(len(first)), [items.index(i) for i in second]] -= 1
    games = np.column_stack([wins_first, wins_second])
    fit = sm.GLM(games, x[:, 1:], family=sm.families.Binomial()).fit()
    return pd.Series([0.0, *fit.params], index=items)


def told(what, fit, lacking=""):
    """Prints what is fitted, or a sentence on why it is not: the rest goes on. ``lacking`` is known before."""
    print(f"\n{what}")
    if lacking:
        print(f"Not fitted: {lacking}.")
        return
    try:
        print(fit())
    except Exception as error:
        print(f"Not fitted: the answers are too few for it or too much alike ({error}).")


votes = pd.read_csv("derived/votes_analysis.csv")
if votes.empty:
    print("Nobody has compared two pictures of the grid yet.")
metrics = pd.read_csv("data/metrics.csv")
parts = {f"dz_{key}" for key in metrics.key[metrics.role == "objective_part"]}
for question, v in votes.groupby("question_id"):
    print(f"\n==== Question: {question}: {len(v)} votes by {v.participant_id.nunique()} participants")

    pairs = next((p for p in (Path(f"derived/{question}/pairs.csv"), Path("derived/pairs.csv")) if p.exists()), None)
    if pairs:
        for scene, d in pd.read_csv(pairs).groupby("scene_id"):
            d = d[d.wins_1 + d.wins_2 > 0]
            told(
                f"Bradley-Terry scores of scene {scene}",
                lambda: bradley_terry(d.item_1.tolist(), d.item_2.tolist(), d.wins_1, d.wins_2).to_string(),
                "it has no answer" if d.empty else "",
            )

    told(
        "Bradley-Terry scores over all scenes",
        lambda: bradley_terry(v.condition_left.tolist(), v.condition_right.tolist(), v.y, 1 - v.y).to_string(),
    )

    sided = v.dropna(subset=["win_left"])
    lacking = ""
    if sided.empty:
        lacking = "every answer is a tie"
    elif sided.participant_id.nunique() < 2:
        lacking = "fewer than two participants chose a side"
    elif sided.win_left.nunique() < 2:
        lacking = "the same side was chosen every time"
    names = [n for n in v if n.startswith("dz_") and sided[n].notna().all() and sided[n].std() > 0]
    names = [n for n in names if n in parts] or names  # the objective's parts, or else all metrics
    kept = []
    for name in names:  # those that do not follow from the ones before
        if np.linalg.matrix_rank(sided[[*kept, name]]) > len(kept):
            kept.append(name)
    people = sided.participant_id.astype("category").cat.codes
    told(
        "Learned weights; errors clustered by participant; const is the side bias",
        lambda: sm.GLM(sided.win_left, sm.add_constant(sided[kept]), family=sm.families.Binomial())
        .fit(cov_type="cluster", cov_kwds={"groups": people})
        .summary(),
        lacking or ("" if kept else "no number about the pictures differs between them"),
    )
'''
