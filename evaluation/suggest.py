"""The next grid of a study, from its votes. Reads only: nothing is stored, rendered or launched."""

from __future__ import annotations

import tomllib

from evaluation.core.ballots import asks_which_is_real
from evaluation.core.bundle import export_name
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.suggestion import NoSuggestionError, Suggestion, suggest
from evaluation.inputs import study_data
from evaluation.services import EvaluationError
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import is_sealed


def suggestion(study: Study) -> Suggestion:
    """What to render next. Raises :class:`EvaluationError` with a sentence where there is nothing to suggest."""
    if is_sealed(study):
        raise EvaluationError(
            f"“{study}” still takes votes ({study.state}), and a suggestion would tell its outcome. Close it first."
        )
    grids = list(study.grids.all())
    if len(grids) != 1:
        raise EvaluationError(
            f"“{study}” shows pictures of {len(grids)} grids; a suggestion continues one. Write the next grid by hand."
        )
    if not grids[0].toml:
        raise EvaluationError(
            f"The grid “{grids[0]}” was imported and has no grid file to continue: nothing here can render it again."
        )
    data = study_data(study, curves=False)
    if not data.asked or not data.trials:
        raise EvaluationError(f"“{study}” has no votes yet: open it and ask people before you look for the next grid.")
    try:
        # A question that asks for the real photograph compares no two settings.
        compared = [question.id for question in data.asked if not asks_which_is_real(data, question.id)]
        asked = (compared or [data.asked[0].id])[0]
        return suggest(gather(data, asked, Options()), tomllib.loads(grids[0].toml))
    except NoSuggestionError as error:
        raise EvaluationError(str(error)) from error


def suggestion_of(study: Study) -> tuple[str, str]:
    """(file name, text) of the next grid file; a grid that should be kept is an :class:`EvaluationError` too."""
    found = suggestion(study)
    if not found.toml:
        raise EvaluationError(found.sentence)
    slug = tomllib.loads(found.toml)["grid"]["slug"]
    return f"{export_name(slug, simulated=study.simulated)}.toml", found.toml
