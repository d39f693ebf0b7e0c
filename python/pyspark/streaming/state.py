"""State by key: the engine keeps it (native/python_state.hpp), and has the functions called, in
workers, with what a batch brought for the keys that it touched. What it keeps for a place of keys
(partitioning.place_of) is a pickled list of (key, state): one pair, or several that it can't tell
apart."""

from millrace import frames
from pyspark import steps
from pyspark.partitioning import Partitioner, place_of, portable_hash
from pyspark.rdd import RDD
from pyspark.streaming.dstream import EngineStream

_KEYS_AT_ONCE = 1 << 19


class Gathered(steps.Step):
    """(key, value) pairs of a partition to frames of [(key, [values])], by place."""

    def __call__(self, split, rows):
        values, left = {}, _KEYS_AT_ONCE
        for k, v in rows:
            if k in values:
                values[k].append(v)
                continue
            values[k] = [v]
            left -= 1
            if left == 0:
                yield from _by_place(values.items())
                values, left = {}, _KEYS_AT_ONCE
        yield from _by_place(values.items())


class FirstOfEach(steps.Step):
    """(key, state) pairs of a partition that has all of a key's to frames, by place; of several for
    a key the first."""

    def __call__(self, split, rows):
        states = {}
        for k, s in rows:
            states.setdefault(k, s)
        return _by_place(states.items())


def _by_place(pairs):
    places = {}
    for pair in pairs:
        places.setdefault(place_of(pair[0]), []).append(pair)
    return ((*place, frames.dumps_small(some)) for place, some in places.items())


class KeyCalls(steps.Step):
    """The source of a call (native/python_call.hpp): a frame of counts, then the frames of the
    parts of each key."""

    parts = 2  # a key: what is kept, what came

    def __call__(self, split, inputs):
        given = (frame for frame, _ in inputs[0])
        counts = iter(memoryview(next(given)).cast("i"))
        keys = zip(*[counts] * self.parts)
        return self.called(
            [[frames.loads(next(given)) for _ in range(count)] for count in key] for key in keys)


class Updated(KeyCalls):
    """updateStateByKey: a state a key, or none."""

    def called(self, keys):
        (f,) = self.arguments
        for number, (kept, came) in enumerate(keys):
            values = _together(came)
            after = []
            for k, state in kept[0] if kept else ():
                state = f(values.pop(k, []), state)
                if state is not None:
                    after.append((k, state))
            for k, new in values.items():
                state = f(new, None)
                if state is not None:
                    after.append((k, state))
            yield (number, 1, frames.dumps_small(after)) if after else (number, 0, b"")


class Moved(KeyCalls):
    """A window: what is kept, less what leaves, and what enters."""

    parts = 3

    def called(self, keys):
        f, inverse, keep = self.arguments
        for number, (kept, leaving, entering) in enumerate(keys):
            left, new = _reduced(f, leaving), _reduced(f, entering)
            after = []
            for k, value in kept[0] if kept else ():
                if k in left:
                    value = inverse(value, left[k])
                if k in new:
                    value = f(value, new.pop(k))
                after.append((k, value))
            after += new.items()
            if keep is not None:
                after = [pair for pair in after if keep(pair)]
            yield number, 0, frames.dumps_small(after) if after else b""


def _together(pieces):
    """One dictionary of the [(key, [values])] that several partitions gave."""
    values = {}
    for piece in pieces:
        for k, new in piece:
            if k in values:
                values[k] += new
            else:
                values[k] = new
    return values


def _reduced(f, pieces):
    values = _together(pieces)
    for k, (first, *rest) in values.items():
        for value in rest:
            first = f(first, value)
        values[k] = first
    return values


class KeptStream(EngineStream):
    """A stream that the engine keeps from batch to batch, by key."""

    _wants_directory = True

    def __init__(self, parent, operation, partitions, source, make, slide=None):
        """`make(feed, function, partitions, name, hashed)`: the engine's stream."""
        import _millrace
        ssc = parent._ssc
        self._function = _millrace.Function()
        self._source = source
        feed = parent._computed_in_engine(self._gathered)
        native = ssc._sc._call(make, feed, self._function, partitions, ssc._name_of(operation),
                               ssc._sc._hash_in_words)
        super().__init__(ssc, operation, native, [parent], slide)
        self._partitioner = Partitioner(partitions, portable_hash)

    def _gathered(self, rdd):
        # As functions of RDDs are: the function is what it is when the batch is made.
        self._function.set(self._sc._pickled(self._sc._task(self._source, (), (None,), True)))
        return rdd._then_frames(self._operation, Gathered())._native()


class StateDStream(KeptStream):
    """A state for each key; the function is called for each that has one or has values."""

    def __init__(self, parent, update, partitions, initial):
        ssc = parent._ssc
        first = initial_states(ssc._sc, initial, partitions)
        super().__init__(parent, "updateStateByKey", partitions, Updated(update),
                         lambda *facts: ssc._native.updated(*facts, first))


def initial_states(sc, initial, partitions):
    """Of a program's RDD, or list, of (key, state): a dataset for the engine."""
    if initial is None:
        return None
    if not isinstance(initial, RDD):
        initial = sc.parallelize(initial)
    return initial.partitionBy(partitions)._then_frames("initial", FirstOfEach())._native()
