"""Which pictures a study shows, how many pairs they offer, and their publication."""

from studyplatform.voting.services.pictures.catches import known_pairs, known_words
from studyplatform.voting.services.pictures.chosen import pictures_of
from studyplatform.voting.services.pictures.offers import check_offer, known_again, offer_words, pairs_offered
from studyplatform.voting.services.pictures.photographs import is_photograph
from studyplatform.voting.services.pictures.picture import Picture
from studyplatform.voting.services.pictures.publishing import pictures_publish, stimulus_file, stimulus_of

__all__ = [
    "Picture",
    "check_offer",
    "is_photograph",
    "known_again",
    "known_pairs",
    "known_words",
    "offer_words",
    "pairs_offered",
    "pictures_of",
    "pictures_publish",
    "stimulus_file",
    "stimulus_of",
]
