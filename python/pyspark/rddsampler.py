"""Samples, as functions for `mapPartitionsWithIndex`."""

from pyspark.sampling import Sample, SampleByKey, new_seed


class RDDSampler:
    def __init__(self, withReplacement, fraction, seed=None):
        self.func = Sample(withReplacement, fraction, new_seed(seed))


class RDDStratifiedSampler:
    def __init__(self, withReplacement, fractions, seed=None):
        self.func = SampleByKey(withReplacement, fractions, new_seed(seed))
