"""Which pairs a session is shown, in which order, on which side: plain data in, plans out.

The main trials of a plan are dealt by a strategy from decks: each scene has a deck that holds every unordered pair of
its conditions once and is shuffled anew when it runs out, so after any number of blocks the counts of two pairs of a
scene differ by one at most; drop-outs are the only source of imbalance, and their pairs are dealt again as a new block.
A question that asks which picture is the real photograph has decks of its own: the photograph with each picture.
Practice, catch and repeat trials are woven in at places that do not depend on what the main trials show.
"""

from studyplatform.voting.core.pairing.laying import lay_blocks
from studyplatform.voting.core.pairing.plans import KnownPair, Photographed, PlannedTrial
from studyplatform.voting.core.pairing.strategies import STRATEGIES, Strategy

__all__ = ["STRATEGIES", "KnownPair", "Photographed", "PlannedTrial", "Strategy", "lay_blocks"]
