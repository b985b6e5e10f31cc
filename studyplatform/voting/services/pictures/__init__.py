"""Which pictures a study shows, how many pairs they offer, and their publication."""

from studyplatform.voting.services.pictures.catches import known_pairs
from studyplatform.voting.services.pictures.chosen import pictures_of
from studyplatform.voting.services.pictures.offers import known_again, offer_words, pairs_offered
from studyplatform.voting.services.pictures.photographs import is_photograph
from studyplatform.voting.services.pictures.picture import Picture
from studyplatform.voting.services.pictures.publishing import pictures_publish

__all__ = [
    "Picture",
    "is_photograph",
    "known_again",
    "known_pairs",
    "offer_words",
    "pairs_offered",
    "pictures_of",
    "pictures_publish",
]
