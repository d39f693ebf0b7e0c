"""DStreams: a rule that gives an RDD for each batch time."""

import operator
import sys
from types import GenericAlias

from pyspark import steps
from pyspark.errors import Py4JJavaError
from pyspark.partitioning import portable_hash
from pyspark.rdd import RDD
from pyspark.resultiterable import ResultIterable
from pyspark.storagelevel import StorageLevel
from pyspark.streaming.util import (arguments_of, datetime_of, milliseconds_of, rddToFileName)


class DStream:
    """Spark's members with Spark's meaning; durations are in seconds. `compute(time_ms)` gives the
    RDD of a time, or None; it is called once a time, by the thread that makes the batch."""

    __class_getitem__ = classmethod(GenericAlias)  # DStream[int], in annotations

    # Whether an RDD is made of the one before it: then each is kept, and cut off from the last.
    _is_state = False

    def __init__(self, ssc, compute, parents=(), slide=None):
        ssc._check_building()
        self._ssc = ssc
        self._sc = ssc._sc
        self._compute = compute
        self._parents = list(parents)
        self._slide = slide or (parents[0]._slide if parents else ssc._batch_ms)
        self._remembers = 0
        self._rdds = {}
        self._level = StorageLevel.NONE
        self.is_cached = False
        self.is_checkpointed = False
        ssc._streams.append(self)

    # ---- for the context

    def _rdd(self, time):
        if time in self._rdds:
            return self._rdds[time]
        if not self._has(time):
            return None
        rdd = self._compute(time)
        if rdd is not None and self.is_cached and not rdd.is_cached and not _is_source(rdd):
            rdd.persist(self._level)
        self._rdds[time] = rdd
        return rdd

    def _has(self, time):
        zero = self._ssc._zero_ms
        return zero is not None and time > zero and (time - zero) % self._slide == 0

    def _remember(self, at_least):
        at_least = max(at_least, self._slide)
        if self._is_state:
            at_least = max(at_least, 2 * self._slide)
        if at_least > self._remembers:
            self._remembers = at_least
            for parent in self._parents:
                parent._remember(at_least + self._parents_remember())

    def _parents_remember(self):
        """How much longer than itself its parents must."""
        return 0

    def _forget(self, done):
        for time in [time for time in self._rdds if time <= done - self._remembers]:
            del self._rdds[time]

    def _between(self, begin, end):
        """The RDDs of [begin, end], in milliseconds."""
        found = []
        for time in range(begin, end + 1, self._slide):
            rdd = self._rdd(time)
            if rdd is not None:
                found.append(rdd)
        return found

    def _each(self, f):
        """f of the RDD of every batch that has one."""

        def compute(time):
            rdd = self._rdd(time)
            return None if rdd is None else f(rdd)

        return DStream(self._ssc, compute, [self])

    def _default(self, numPartitions):
        return self._sc.defaultParallelism if numPartitions is None else numPartitions

    # ---- what it is

    def context(self):
        return self._ssc

    @property
    def _slideDuration(self):
        return self._slide

    # ---- row by row

    def map(self, f, preservesPartitioning=False):
        return self._each(lambda rdd: rdd.map(f, preservesPartitioning))

    def flatMap(self, f, preservesPartitioning=False):
        return self._each(lambda rdd: rdd.flatMap(f, preservesPartitioning))

    def filter(self, f):
        return self._each(lambda rdd: rdd.filter(f))

    def mapPartitions(self, f, preservesPartitioning=False):
        return self._each(lambda rdd: rdd.mapPartitions(f, preservesPartitioning))

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        return self._each(lambda rdd: rdd.mapPartitionsWithIndex(f, preservesPartitioning))

    def mapValues(self, f):
        return self._each(lambda rdd: rdd.mapValues(f))

    def flatMapValues(self, f):
        return self._each(lambda rdd: rdd.flatMapValues(f))

    def glom(self):
        return self._each(lambda rdd: rdd.glom())

    def repartition(self, numPartitions):
        return self._each(lambda rdd: rdd.repartition(numPartitions))

    # ---- within a batch

    def count(self):
        return self._each(lambda rdd: rdd._then("count", steps.Count())).reduce(operator.add)

    def reduce(self, func):
        return self.map(_with_none).reduceByKey(func, 1).map(steps.second_of)

    def reduceByKey(self, func, numPartitions=None):
        n = self._default(numPartitions)
        return self._each(lambda rdd: rdd.reduceByKey(func, n))

    def combineByKey(self, createCombiner, mergeValue, mergeCombiners, numPartitions=None):
        n = self._default(numPartitions)
        return self._each(
            lambda rdd: rdd.combineByKey(createCombiner, mergeValue, mergeCombiners, n))

    def groupByKey(self, numPartitions=None):
        n = self._default(numPartitions)
        return self._each(lambda rdd: rdd.groupByKey(n))

    def partitionBy(self, numPartitions, partitionFunc=portable_hash):
        return self._each(lambda rdd: rdd.partitionBy(numPartitions, partitionFunc))

    def countByValue(self):
        return self.map(_with_one).reduceByKey(operator.add)

    # ---- RDD by RDD

    def transform(self, func):
        count = arguments_of(func)
        if count == 1:
            return self._transformed(lambda time, rdd: func(rdd))
        assert count == 2, "func should take one or two arguments"
        return self._transformed(lambda time, rdd: func(datetime_of(time), rdd))

    def _transformed(self, func):
        def compute(time):
            return _an_rdd(func(time, _needed(self, time)), self._sc)

        return DStream(self._ssc, compute, [self])

    def transformWith(self, func, other, keepSerializer=False):
        count = arguments_of(func)
        assert count in (2, 3), "func should take two or three arguments"
        _check_same_slide([self, other])

        def compute(time):
            rdds = _needed(self, time), _needed(other, time)
            if count == 3:
                return _an_rdd(func(datetime_of(time), *rdds), self._sc)
            return _an_rdd(func(*rdds), self._sc)

        return DStream(self._ssc, compute, [self, other])

    def _with(self, other, f):
        return self.transformWith(lambda a, b: f(a, b), other)

    def union(self, other):
        if self._slide != other._slide:
            raise ValueError("the two DStream should have same slide duration")
        return self._with(other, RDD.union)

    def cogroup(self, other, numPartitions=None):
        n = self._default(numPartitions)
        return self._with(other, lambda a, b: a.cogroup(b, n))

    def join(self, other, numPartitions=None):
        n = self._default(numPartitions)
        return self._with(other, lambda a, b: a.join(b, n))

    def leftOuterJoin(self, other, numPartitions=None):
        n = self._default(numPartitions)
        return self._with(other, lambda a, b: a.leftOuterJoin(b, n))

    def rightOuterJoin(self, other, numPartitions=None):
        n = self._default(numPartitions)
        return self._with(other, lambda a, b: a.rightOuterJoin(b, n))

    def fullOuterJoin(self, other, numPartitions=None):
        n = self._default(numPartitions)
        return self._with(other, lambda a, b: a.fullOuterJoin(b, n))

    # ---- outputs

    def foreachRDD(self, func):
        if arguments_of(func) == 1:
            self._ssc._add_output(self, lambda time, rdd: func(rdd))
        else:
            self._ssc._add_output(self, lambda time, rdd: func(datetime_of(time), rdd))

    def pprint(self, num=10):
        rule = "-------------------------------------------"

        def show(time, rdd):
            rows = rdd.take(num + 1)
            lines = [rule, f"Time: {datetime_of(time)}", rule, *map(str, rows[:num])]
            if len(rows) > num:
                lines.append("...")
            print("\n".join(lines) + "\n", flush=True)

        self._ssc._add_output(self, show)

    def saveAsTextFiles(self, prefix, suffix=None):
        def save(time, rdd):
            try:
                rdd.saveAsTextFile(rddToFileName(prefix, suffix, time))
            except Py4JJavaError as failure:
                # The batch was run before, and this one is a repetition.
                if "FileAlreadyExistsException" not in str(failure):
                    raise

        self._ssc._add_output(self, save)

    # ---- keeping

    def cache(self):
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel):
        self._ssc._check_building()
        self._level = storageLevel
        self.is_cached = storageLevel != StorageLevel.NONE
        return self

    def checkpoint(self, interval):
        self._ssc._check_building()
        self.is_checkpointed = True
        self._is_state = True
        self.persist(StorageLevel.MEMORY_ONLY)
        return self

    def slice(self, begin, end):
        """The RDDs of all times from `begin` to `end`, both included."""
        if self._ssc._zero_ms is None:
            raise Py4JJavaError("org.apache.spark.SparkException: this DStream has not been "
                                "initialized")
        zero = self._ssc._zero_ms
        first, last = ((milliseconds_of(when) - zero) // self._slide * self._slide + zero
                       for when in (begin, end))
        return self._between(max(first, zero), last)

    # ---- windows

    def _check_window(self, window, slide):
        for name, duration in (("windowDuration", window), ("slideDuration", slide)):
            if duration is not None and int(duration * 1000) % self._slide != 0:
                raise ValueError("%s must be multiple of the slide duration (%d ms)"
                                 % (name, self._slide))

    def window(self, windowDuration, slideDuration=None):
        self._check_window(windowDuration, slideDuration)
        return WindowedDStream(self, windowDuration, slideDuration)

    def reduceByWindow(self, reduceFunc, invReduceFunc, windowDuration, slideDuration):
        keyed = self.map(_one_key)
        reduced = keyed.reduceByKeyAndWindow(reduceFunc, invReduceFunc, windowDuration,
                                             slideDuration, 1)
        return reduced.map(steps.second_of)

    def countByWindow(self, windowDuration, slideDuration):
        return self.map(_one).reduceByWindow(operator.add, operator.sub, windowDuration,
                                             slideDuration)

    def countByValueAndWindow(self, windowDuration, slideDuration, numPartitions=None):
        counted = self.map(_with_one).reduceByKeyAndWindow(
            operator.add, operator.sub, windowDuration, slideDuration, numPartitions)
        return counted.filter(_is_counted)

    def groupByKeyAndWindow(self, windowDuration, slideDuration, numPartitions=None):
        lists = self.mapValues(_in_list)
        grouped = lists.reduceByKeyAndWindow(_extended, _without_first, windowDuration,
                                             slideDuration, numPartitions)
        return grouped.mapValues(ResultIterable)

    def reduceByKeyAndWindow(self, func, invFunc, windowDuration, slideDuration=None,
                             numPartitions=None, filterFunc=None):
        self._check_window(windowDuration, slideDuration)
        n = self._default(numPartitions)
        reduced = self.reduceByKey(func, n)
        if invFunc is None:
            return reduced.window(windowDuration, slideDuration).reduceByKey(func, n)
        return ReducedWindowedDStream(reduced, func, invFunc, windowDuration, slideDuration, n,
                                      filterFunc)

    def updateStateByKey(self, updateFunc, numPartitions=None, initialRDD=None):
        if initialRDD is not None and not isinstance(initialRDD, RDD):
            initialRDD = self._sc.parallelize(initialRDD)
        return StateDStream(self, updateFunc, self._default(numPartitions), initialRDD)


class WindowedDStream(DStream):
    """All RDDs of the parent within the window, together."""

    def __init__(self, parent, window, slide):
        self._window = int(window * 1000)
        super().__init__(parent._ssc, self._union, [parent],
                         int(slide * 1000) if slide is not None else None)
        if not parent.is_cached:
            parent.persist(StorageLevel.MEMORY_ONLY)

    def _union(self, time):
        (parent,) = self._parents
        rdds = parent._between(max(time - self._window, self._ssc._zero_ms) + parent._slide, time)
        return self._sc.union(rdds) if rdds else self._sc.emptyRDD()

    def _parents_remember(self):
        return self._window

    def persist(self, storageLevel):
        self._parents[0].persist(storageLevel)
        return self


class ReducedWindowedDStream(WindowedDStream):
    """The window before, less what left it, and what came in. A short window is reduced anew."""

    _is_state = True

    def __init__(self, parent, func, inverse, window, slide, partitions, keep):
        super().__init__(parent, window, slide)
        self._compute = self._reduced
        self._func = func
        self._inverse = inverse
        self._partitions = partitions
        self._keep = keep
        self._level, self.is_cached = StorageLevel.MEMORY_ONLY, True

    def _reduced(self, time):
        (parent,) = self._parents
        begin = time - self._window
        before = self._rdd(time - self._slide)
        if before is None or self._window < self._slide * 5:
            return self._with_new(None, parent._between(
                max(begin, self._ssc._zero_ms) + parent._slide, time))
        old = parent._between(max(begin - self._slide, self._ssc._zero_ms) + parent._slide, begin)
        if old:
            left = self._sc.union(old).reduceByKey(self._func, self._partitions)
            before = before.leftOuterJoin(left, self._partitions).mapValues(
                _Less(self._inverse))
        return self._with_new(before, parent._between(time - self._slide + parent._slide, time))

    def _with_new(self, before, new):
        if not new:
            return before
        result = self._sc.union(new).reduceByKey(self._func, self._partitions)
        if before is not None:
            result = before.union(result).reduceByKey(self._func, self._partitions)
        return result if self._keep is None else result.filter(self._keep)

    def _parents_remember(self):
        return self._window + self._slide


class StateDStream(DStream):
    """A state for each key; the function is called for each that has one or has values."""

    _is_state = True

    def __init__(self, parent, update, partitions, initial):
        super().__init__(parent._ssc, self._next, [parent])
        parent._ssc._state_streams.append(self)
        self._update = update
        self._partitions = partitions
        self._initial = initial
        self._level, self.is_cached = StorageLevel.MEMORY_ONLY, True

    def _next(self, time):
        last = self._rdd(time - self._slide)
        new = self._parents[0]._rdd(time)
        if last is None:
            last = self._initial
        if new is None:
            return last
        if last is None:
            last = self._sc.parallelize([], 1).partitionBy(self._partitions)
        return last.partitionBy(self._partitions)._sides(
            "updateStateByKey", [new.partitionBy(self._partitions)], self._partitions,
            _Updated(self._update))


def _is_source(rdd):
    """Whether its rows lie in memory anyway."""
    return rdd._leaf is not None and not rdd._parents


def _needed(stream, time):
    rdd = stream._rdd(time)
    if rdd is None:
        raise Py4JJavaError("org.apache.spark.SparkException: Couldn't generate RDD from parent at "
                            f"time {time} ms")
    return rdd


def _an_rdd(rdd, sc):
    if rdd is None:
        raise Py4JJavaError("org.apache.spark.SparkException: Transform function must not return "
                            "null. Return an empty RDD instead to represent no elements as the "
                            "result of transformation.")
    if not isinstance(rdd, RDD):
        raise TypeError(f"the function of transform must return an RDD, not "
                        f"{type(rdd).__name__}")
    return rdd


def _check_same_slide(streams):
    if len({stream._slide for stream in streams}) > 1:
        raise Py4JJavaError("java.lang.IllegalArgumentException: requirement failed: Some of the "
                            "DStreams have different slide durations")


def _with_none(x):
    return None, x


def _with_one(x):
    return x, 1


def _one_key(x):
    return 1, x


def _one(x):
    return 1


def _in_list(x):
    return [x]


def _extended(a, b):
    a.extend(b)
    return a


def _without_first(a, b):
    return a[len(b):]


def _is_counted(pair):
    return pair[1] > 0


class _Less(steps.Step):
    def __call__(self, values):
        value, gone = values
        return value if gone is None else self.arguments[0](value, gone)


class _Updated(steps.Step):
    def __call__(self, key, sides):
        states, values = sides
        state = self.arguments[0](values, states[0] if states else None)
        if state is not None:
            yield key, state
