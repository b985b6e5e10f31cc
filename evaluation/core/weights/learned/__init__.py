"""E10: the weights of style and content loss that the votes would choose, beside the generator's own."""

from evaluation.core.weights.learned.section import learned_section

__all__ = ["learned_section"]
