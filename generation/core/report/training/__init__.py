"""What trained networks say: a table in the shape of a paper's, sentences, curves, and the spread of the seeds.

The names of the losses are those of ``generation.core.colorization``: g_gan, g_l1 and g in the units of the run,
ab_error in Lab units, each with its val_ twin on the photographs kept apart, and what a grey picture would score.
"""
