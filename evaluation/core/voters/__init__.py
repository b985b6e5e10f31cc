"""Who voted and how: tastes, ties, sides, quality of the answers, and what the verdict owes to them."""
