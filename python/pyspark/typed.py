"""Datasets of the engine's own rows: where all that is done to lines of text is known, no row
becomes Python's before it leaves the engine. What is known is no guess (see recognised.py), and
lines of text are str and nothing else: no value that comes up later can be one that does not fit."""

import sys

from pyspark import recognised, steps
from pyspark.partitioning import portable_hash

# How often a row may be counted by unions of sums: with numbers up to a thousand, no sum of fewer than
# 10^12 rows passes 64 bits.
_MOST_TIMES = 4096

_ROUNDS = {"siphash13": (1, 3), "siphash24": (2, 4)}


def hash_of_workers(conf_environment):
    """How Python workers hash text: (seed, rounds); None: not known."""
    rounds = _ROUNDS.get(sys.hash_info.algorithm)
    seed = conf_environment.get("PYTHONHASHSEED", "0")
    other_python = conf_environment.get("PYSPARK_PYTHON", sys.executable) != sys.executable
    if rounds is None or sys.hash_info.cutoff or not seed.isdigit() or other_python:
        return None
    return int(seed), *rounds


def hash_in_words(known, environment):
    """What is written beside what was hashed so; of a hash that is another with each run, a text
    that is."""
    if known is not None:
        return f"{sys.hash_info.algorithm} with seed {known[0]}"
    seed = environment.get("PYTHONHASHSEED", "0")
    if not seed.isdigit():
        import uuid
        seed = str(uuid.uuid4())
    python = environment.get("PYSPARK_PYTHON", sys.executable)
    return f"{python} with seed {seed}"


class TypedRows:
    """What an RDD knows of rows of the engine's own."""

    _typed_dataset = None
    _times = 1  # how often a row of text may be counted in it
    _adds = None  # (RDD of pairs, partitions): it is their sums by key
    _base = None  # the nearest RDD before this one, in the same chain of steps, that is such sums
    _base_at = 0  # how many of the steps lie before it

    def _typed(self):
        """The same rows as a dataset of text or of counts; None: they are rows of Python's."""
        if not self.ctx._knows_functions or self.is_checkpointed:
            return None
        if self._typed_dataset is None:
            made = self.ctx._call(self._make_typed)
            self._typed_dataset = made if made is not None else False
            if made is not None and self.is_cached and self._leaf is None:
                made.keep(True)
        return self._typed_dataset or None

    def _make_typed(self):
        engine = self.ctx._engine
        if self._adds is not None:
            return self._make_sums(engine, *self._adds)
        if self._leaf is not None:
            if not self._unicode or self._native().rows != "text":
                return None
            return engine.decoded(self._native(), False)
        if self._gives_frames:
            return None
        if self._base is not None and self._base._typed() is not None:
            begin, made_steps = self._base, self._steps[self._base_at:]
        elif self._source is not None or len(self._parents) != 1:
            return self._make_union(engine)
        else:
            begin, made_steps = self._parents[0], self._steps
        if begin is self._parents[0] and self._inputs is not None or len(made_steps) > 2:
            return None
        made = begin._typed()
        self._times = begin._times
        for step in made_steps:
            if made is None or made.rows != "text":
                return None
            made = _one_step(engine, begin, made, step)
        return made

    def _make_sums(self, engine, pairs, partitions):
        typed = pairs._typed()
        if typed is None:
            typed = pairs._make_union(engine, any_partitions=True)
        if typed is None or typed.rows != "counts":
            return None
        self._times = pairs._times
        return engine.summed(typed, partitions, *self.ctx._knows_functions)

    def _make_union(self, engine, any_partitions=False):
        """Of RDDs that are typed alike. `any_partitions`: only what rows there are matters."""
        if self._operation != "union" or self._steps:
            return None
        if not any_partitions and any(len(slots) != 1 or len(slots[0]) != 1
                                      for slots in self._inputs):
            return None
        typed = [parent._typed() for parent in self._parents]
        if not typed or None in typed or len({one.rows for one in typed}) != 1:
            return None
        self._times = sum(parent._times for parent in self._parents)
        return engine.union_of(typed) if self._times <= _MOST_TIMES else None


def _one_step(engine, begin, made, step):
    if type(step) is steps.FlatMap:
        separator = recognised.cut_at(step.arguments[0])
        if separator == "":
            # Before anything else was done to it: white space is whatever Unicode says.
            raw = begin._leaf is not None and made is begin._typed_dataset
            return engine.words(engine.decoded(begin._native(), True)) if raw else None
        if separator is not None and len(separator) == 1 and separator.isascii() and \
                separator not in "\r\n":
            return engine.split(made, separator)
    elif type(step) is steps.Map:
        number = recognised.paired_with(step.arguments[0])
        if number is not None:
            return engine.counted(made, number)
    return None


def adds_up(create, merge, partition_function):
    """Whether combining by key is adding, with keys where their hash puts them."""
    return create is None and partition_function is portable_hash and recognised.is_sum(merge)
