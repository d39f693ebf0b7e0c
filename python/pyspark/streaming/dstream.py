"""DStreams: a rule that gives an RDD for each batch time."""

import operator
from types import GenericAlias

from pyspark import steps
from pyspark.errors import java_error
from pyspark.partitioning import portable_hash
from pyspark.rdd import RDD
from pyspark.resultiterable import ResultIterable
from pyspark.storagelevel import StorageLevel
from pyspark.streaming.util import (arguments_of, datetime_of, milliseconds_of, rddToFileName)


class DStream:
    """Spark's members with Spark's meaning; durations are in seconds. `compute(time_ms)` gives the
    RDD of a time, or None; it is called once a time, by the thread that makes the batch."""

    __class_getitem__ = classmethod(GenericAlias)  # DStream[int], in annotations

    _wants_directory = False  # for checkpoints
    _given_name = ""  # by the program: what sinks and checkpoints know it by
    _made_by = None  # a function of the parent's RDD, whatever the time

    def __init__(self, ssc, compute, parents=(), slide=None):
        ssc._check_building()
        self._ssc = ssc
        self._sc = ssc._sc
        self._compute = compute
        self._parents = list(parents)
        self._slide = slide or (parents[0]._slide if parents else ssc._batch_ms)
        self._remembers = 0
        self._rdds = {}
        self._fed = None
        self._level = StorageLevel.NONE
        self.is_cached = False
        self.is_checkpointed = False

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
        zero = self._ssc._zero
        return time > zero and (time - zero) % self._slide == 0

    def _remember(self, at_least):
        at_least = max(at_least, self._slide)
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

    def _each(self, f):
        """f of the RDD of every batch that has one."""

        def compute(time):
            rdd = self._rdd(time)
            return None if rdd is None else f(rdd)

        stream = DStream(self._ssc, compute, [self])
        stream._made_by = f
        return stream

    def _default(self, numPartitions):
        return self._sc.defaultParallelism if numPartitions is None else numPartitions

    # ---- for the engine, which has inputs, outputs, and what is kept from batch to batch

    def _engine_streams(self):
        """Those of the engine's streams that its RDDs are made of."""
        return list({one: None for parent in self._parents for one in parent._engine_streams()})

    def _shape(self):
        """An RDD as it has them, of no rows; None: that is not known yet."""
        if self._made_by is None:
            return None
        parents = self._parents[0]._shape()
        return None if parents is None else self._made_by(parents)

    def _computed_in_engine(self, dataset_of, like=None):
        """The engine's stream of what `dataset_of(rdd)` gives."""

        def compute(time):
            rdd = self._rdd(time)
            return None if rdd is None else dataset_of(rdd)

        return self._sc._call(self._ssc._native.computed, self._engine_streams(), self._slide, like,
                              self._ssc._reported(compute))

    def _named(self, name):
        self._given_name = name

    def _in_engine(self):
        """The engine's stream of its rows."""
        if self._fed is None:
            shape = self._shape()
            like = shape._typed() if shape is not None else None
            self._fed = self._computed_in_engine(RDD._typed if like else RDD._rows, like)
        return self._fed

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
            rdd = self._rdd(time)
            return None if rdd is None else _an_rdd(func(time, rdd))

        return DStream(self._ssc, compute, [self])

    def transformWith(self, func, other, keepSerializer=False):
        count = arguments_of(func)
        assert count in (2, 3), "func should take two or three arguments"
        _check_same_slide([self, other])

        def compute(time):
            rdds = [rdd if rdd is not None else self._sc.emptyRDD()
                    for rdd in (self._rdd(time), other._rdd(time))]
            return _an_rdd(func(datetime_of(time), *rdds) if count == 3 else func(*rdds))

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
            rdd._save_batch(rddToFileName(prefix, suffix, time))

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
        if int(interval * 1000) % self._slide != 0:
            raise java_error(
                "checkpoint", "java.lang.IllegalArgumentException: requirement failed: The "
                f"checkpoint interval has been set to {int(interval * 1000)} ms which is not a "
                f"multiple of its slide duration {self._slide} ms")
        self.is_checkpointed = True
        self._wants_directory = True
        return self.persist(StorageLevel.MEMORY_ONLY)

    def slice(self, begin, end):
        """The RDDs of all times from `begin` to `end`, both included, as far as there were
        batches."""
        if self._ssc._at_ms is None:
            raise java_error("slice", "org.apache.spark.SparkException: this DStream has not been "
                             "initialized")
        zero = self._ssc._zero
        first, last = ((milliseconds_of(when) - zero) // self._slide * self._slide + zero
                       for when in (begin, end))
        found = []

        def find():
            for time in range(max(first, zero), min(last, self._ssc._at_ms) + 1, self._slide):
                rdd = self._rdd(time)
                if rdd is not None:
                    found.append(rdd)

        self._sc._call(self._ssc._native.while_standing, find)
        return found

    # ---- windows

    def _check_window(self, window, slide):
        for name, duration in (("windowDuration", window), ("slideDuration", slide)):
            if duration is not None and int(duration * 1000) % self._slide != 0:
                raise ValueError("%s must be multiple of the parent dstream's slide (batch) "
                                 "duration (%d ms)" % (name, self._slide))

    def window(self, windowDuration, slideDuration=None):
        from pyspark.streaming.windows import WindowedDStream
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
        from pyspark.streaming.windows import MovedWindowDStream, ReducedWindowDStream
        self._check_window(windowDuration, slideDuration)
        n = self._default(numPartitions)
        reduced = self.reduceByKey(func, n)
        if invFunc is None:
            return reduced.window(windowDuration, slideDuration).reduceByKey(func, n)
        slide = slideDuration or self._slide / 1000
        if windowDuration < slide * 5:
            return ReducedWindowDStream(reduced, func, filterFunc, windowDuration, slide, n)
        return MovedWindowDStream(reduced, func, invFunc, filterFunc, windowDuration, slide, n)

    def updateStateByKey(self, updateFunc, numPartitions=None, initialRDD=None):
        from pyspark.streaming.state import StateDStream
        return StateDStream(self, updateFunc, self._default(numPartitions), initialRDD)


class EngineStream(DStream):
    """One that the engine has: an input, or what it keeps from batch to batch."""

    _partitioner = None

    def __init__(self, ssc, operation, native, parents=(), slide=None):
        super().__init__(ssc, self._given, parents, slide)
        self._operation = operation
        self._native = native

    def _given(self, time):
        dataset = self._native.dataset(time)
        return None if dataset is None else self._of(dataset)

    def _of(self, dataset):
        return RDD._of_dataset(self._sc, self._operation, dataset, self._partitioner)

    def _engine_streams(self):
        return [self._native]

    def _named(self, name):
        super()._named(name)
        self._native.named(name)

    def _shape(self):
        return self._of(self._native.nothing())

    def _in_engine(self):
        return self._native


def _is_source(rdd):
    """Whether its rows lie in memory anyway."""
    return rdd._leaf is not None and not rdd._parents


def _an_rdd(rdd):
    """What a function of the program's returned; as in Spark it may be None: no RDD."""
    if rdd is not None and not isinstance(rdd, RDD):
        raise TypeError(f"the function of transform must return an RDD, not "
                        f"{type(rdd).__name__}")
    return rdd


def _check_same_slide(streams):
    if len({stream._slide for stream in streams}) > 1:
        raise java_error("transform", "java.lang.IllegalArgumentException: requirement failed: Some "
                         "of the DStreams have different slide durations")


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
