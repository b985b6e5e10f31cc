"""The next grid: around what was preferred, and weighed as the votes weigh. Nothing is launched by it."""

from evaluation.core.suggestion.suggest import NoSuggestionError, Suggestion, suggest

__all__ = ["NoSuggestionError", "Suggestion", "suggest"]
