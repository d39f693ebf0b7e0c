"""Random samples of partitions, the same for the same seed."""

import math
import random
import sys

from pyspark.steps import Step


def new_seed(seed):
    return seed if seed is not None else random.randint(0, sys.maxsize)


def _generator(seed, split):
    source = random.Random(seed ^ split)
    for _ in range(10):  # neighbouring seeds begin alike
        source.randint(0, 1)
    return source


def _poisson(source, mean):
    """Knuth's way; by a normal distribution where the mean is large."""
    if mean < 20:
        limit, product, count = math.exp(-mean), source.random(), 0
        while product > limit:
            count += 1
            product *= source.random()
        return count
    # exponential gaps
    total, count = source.expovariate(mean), 0
    while total < 1.0:
        count += 1
        total += source.expovariate(mean)
    return count


class Sample(Step):
    def __call__(self, split, rows):
        replace, fraction, seed = self.arguments
        source = _generator(seed, split)
        if replace:
            for row in rows:
                for _ in range(_poisson(source, fraction)):
                    yield row
        else:
            for row in rows:
                if source.random() < fraction:
                    yield row


class SampleRange(Step):
    def __call__(self, split, rows):
        low, high, seed = self.arguments
        source = _generator(seed, split)
        return (row for row in rows if low <= source.random() < high)


class SampleByKey(Step):
    def __call__(self, split, rows):
        replace, fractions, seed = self.arguments
        source = _generator(seed, split)
        for k, v in rows:
            if replace:
                for _ in range(_poisson(source, fractions[k])):
                    yield k, v
            elif source.random() < fractions[k]:
                yield k, v


def fraction_for(size, total, replace):
    """A fraction that gives at least `size` of `total` rows in almost every case."""
    fraction = size / total
    if replace:
        deviations = 9 if size < 12 else 5
        return fraction + deviations * math.sqrt(fraction / total)
    gamma = -math.log(0.00005) / total
    return min(1, fraction + gamma + math.sqrt(gamma * gamma + 2 * gamma * fraction))
