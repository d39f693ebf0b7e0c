"""Which partition a key belongs to."""

import os
import sys
from bisect import bisect_left


def portable_hash(x):
    """The hash by which keys are dealt out: None is 0, tuples are hashed by their parts, all else
    as Python does; so text needs one PYTHONHASHSEED everywhere.

    >>> portable_hash(None)
    0
    >>> portable_hash((None, 1)) & 0xffffffff
    219750521
    """
    if type(x) is not int and "PYTHONHASHSEED" not in os.environ:
        raise Exception("Randomness of hash of string should be disabled via PYTHONHASHSEED")
    if x is None:
        return 0
    if isinstance(x, tuple):
        # The tuple hash of earlier Pythons, kept to 63 bits: programs see it in their partitions.
        h = 0x345678
        for part in x:
            h = ((h ^ portable_hash(part)) * 1000003) & sys.maxsize
        h ^= len(x)
        return -2 if h == -1 else int(h)
    return hash(x)


def place_of(key):
    """What is the same for equal keys: `portable_hash`, and a number that tells most keys apart
    which have the same one: its tuples meet often, and -1 hashes as -2 does."""
    h = portable_hash(key)
    if isinstance(key, tuple):
        return h, _mixed(key)
    return h, 1 if h == -2 and key == -1 else 0


def _mixed(x):
    if x is None:
        return 0
    if isinstance(x, tuple):
        h = len(x)
        for part in x:
            h = ((h ^ _mixed(part)) * 0xff51afd7ed558ccd) & 0xffffffffffffffff
            h ^= h >> 32
        return h >> 1
    h = hash(x)
    return -1 if h == -2 and x == -1 else h


class Partitioner:
    def __init__(self, numPartitions, partitionFunc):
        self.numPartitions = numPartitions
        self.partitionFunc = partitionFunc

    def __eq__(self, other):
        return (isinstance(other, Partitioner) and self.numPartitions == other.numPartitions
                and self.partitionFunc == other.partitionFunc)

    def __hash__(self):
        return hash((self.numPartitions, self.partitionFunc))

    def __call__(self, key):
        return self.partitionFunc(key) % self.numPartitions


class RangeOf:
    """The range that a key falls into, by upper bounds."""

    def __init__(self, bounds, ascending, keyfunc):
        self.bounds = bounds
        self.ascending = ascending
        self.keyfunc = keyfunc

    def __call__(self, key):
        at = bisect_left(self.bounds, self.keyfunc(key))
        return at if self.ascending else len(self.bounds) - at

    def __reduce__(self):
        return RangeOf, (self.bounds, self.ascending, self.keyfunc)
