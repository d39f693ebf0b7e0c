"""What RDDs of (key, value) pairs can."""

from pyspark import steps
from pyspark.partitioning import Partitioner, RangeOf, portable_hash
from pyspark.resultiterable import ResultIterable
from pyspark.sampling import SampleByKey, new_seed
from pyspark.typed import adds_up


class KeyedOperations:
    def keys(self):
        return self._then("keys", steps.Map(steps.first_of))

    def values(self):
        return self._then("values", steps.Map(steps.second_of))

    def mapValues(self, f):
        return self._then("mapValues", steps.MapValues(f), True)

    def flatMapValues(self, f):
        return self._then("flatMapValues", steps.FlatMapValues(f), True)

    def collectAsMap(self):
        return dict(self.collect())

    def _default_partitions(self):
        """Of a shuffle that is not told: what the program set, else as many as there are."""
        if "spark.default.parallelism" in self.ctx._conf._conf:
            return self.ctx.defaultParallelism
        return self.getNumPartitions()

    def partitionBy(self, numPartitions, partitionFunc=portable_hash):
        if numPartitions is None:
            numPartitions = self._default_partitions()
        partitioner = Partitioner(numPartitions, partitionFunc)
        if self.partitioner == partitioner:
            return self
        return self._shuffled("partitionBy", steps.DealByKey(numPartitions, partitionFunc),
                              numPartitions, partitioner)

    def combineByKey(self, createCombiner, mergeValue, mergeCombiners, numPartitions=None,
                     partitionFunc=portable_hash):
        return self._combined("combineByKey", createCombiner, mergeValue, mergeCombiners,
                              numPartitions, partitionFunc)

    def _combined(self, operation, create, merge_value, merge, partitions, f):
        if partitions is None:
            partitions = self._default_partitions()
        partitioner = Partitioner(partitions, f)
        if self.partitioner == partitioner:
            combined = self._then(operation, steps.Combine(create, merge_value), True)
            if adds_up(create, merge_value, f) and merge is merge_value:
                combined._adds = self, partitions
            return combined
        shuffled = self._shuffled(operation,
                                  steps.CombineAndDeal(create, merge_value, partitions, f),
                                  partitions, partitioner)
        combined = shuffled._then(operation, steps.Combine(None, merge), True)
        if adds_up(create, merge_value, f) and merge is merge_value:
            combined._adds = self, partitions
        return combined

    def reduceByKey(self, func, numPartitions=None, partitionFunc=portable_hash):
        return self._combined("reduceByKey", None, func, func, numPartitions, partitionFunc)

    def foldByKey(self, zeroValue, func, numPartitions=None, partitionFunc=portable_hash):
        return self._combined("foldByKey", _Begin(zeroValue, func), func, func, numPartitions,
                              partitionFunc)

    def aggregateByKey(self, zeroValue, seqFunc, combFunc, numPartitions=None,
                       partitionFunc=portable_hash):
        return self._combined("aggregateByKey", _Begin(zeroValue, seqFunc), seqFunc, combFunc,
                              numPartitions, partitionFunc)

    def _grouped(self, operation, step, partitions, f):
        return self.partitionBy(partitions, f)._then(operation, step, True)

    def groupByKey(self, numPartitions=None, partitionFunc=portable_hash):
        return self._grouped("groupByKey", steps.Group(ResultIterable), numPartitions,
                             partitionFunc)

    def reduceByKeyLocally(self, func):
        result = {}
        for part in self._then("reduceByKeyLocally", steps.Combine(None, func))._run(
                "reduceByKeyLocally"):
            for k, v in part:
                result[k] = func(result[k], v) if k in result else v
        return result

    def countByKey(self):
        return self.keys().countByValue()

    def lookup(self, key):
        values = self.filter(_KeyIs(key)).values()
        if self.partitioner is not None and self.ctx._hashes_as_workers():
            return self.ctx.runJob(values, list, [self.partitioner(key)])
        return values.collect()

    # ---- several RDDs by key

    def _sides(self, operation, others, partitions, then):
        """(key, what `then` makes of one list of values a side)."""
        sides = [self, *others]
        tagged = [side._then(operation, steps.Tag(i), True) for i, side in enumerate(sides)]
        if partitions is None:
            with_partitioner = [s.partitioner for s in sides if s.partitioner is not None]
            if "spark.default.parallelism" in self.ctx._conf._conf:
                partitions = self.ctx.defaultParallelism
            elif with_partitioner and len(with_partitioner) == len(sides):
                partitions = max(p.numPartitions for p in with_partitioner)
            else:
                partitions = sum(side.getNumPartitions() for side in sides)
        united = self.ctx.union(tagged)
        return united._grouped(operation, steps.GroupSides(len(sides), then), partitions,
                               portable_hash)

    def cogroup(self, other, numPartitions=None):
        return self._sides("cogroup", [other], numPartitions, _all_sides)

    def groupWith(self, other, *others):
        return self._sides("groupWith", [other, *others], None, _all_sides)

    def join(self, other, numPartitions=None):
        return self._sides("join", [other], numPartitions, _Join(False, False))

    def leftOuterJoin(self, other, numPartitions=None):
        return self._sides("leftOuterJoin", [other], numPartitions, _Join(False, True))

    def rightOuterJoin(self, other, numPartitions=None):
        return self._sides("rightOuterJoin", [other], numPartitions, _Join(True, False))

    def fullOuterJoin(self, other, numPartitions=None):
        return self._sides("fullOuterJoin", [other], numPartitions, _Join(True, True))

    def subtractByKey(self, other, numPartitions=None):
        return self._sides("subtractByKey", [other], numPartitions, _without)

    # ---- order

    def sortByKey(self, ascending=True, numPartitions=None, keyfunc=steps.identity):
        if numPartitions is None:
            numPartitions = self._default_partitions()
        sort = steps.SortByKey(keyfunc, ascending)
        if numPartitions == 1:
            one = self if self.getNumPartitions() <= 1 else self.coalesce(1)
            return one._then("sortByKey", sort, True)
        total = self.count()
        if not total:
            return self
        fraction = min(numPartitions * 20.0 / total, 1.0)
        keys = sorted((keyfunc(key) for key in self.sample(False, fraction, 1).keys().collect()))
        bounds = [keys[len(keys) * (i + 1) // numPartitions]
                  for i in range(numPartitions - 1)] if keys else []
        return self.partitionBy(numPartitions, RangeOf(bounds, ascending, keyfunc))._then(
            "sortByKey", sort, True)

    def repartitionAndSortWithinPartitions(self, numPartitions=None, partitionFunc=portable_hash,
                                           ascending=True, keyfunc=steps.identity):
        if numPartitions is None:
            numPartitions = self._default_partitions()
        return self.partitionBy(numPartitions, partitionFunc)._then(
            "repartitionAndSortWithinPartitions", steps.SortByKey(keyfunc, ascending), True)

    def sampleByKey(self, withReplacement, fractions, seed=None):
        for fraction in fractions.values():
            assert fraction >= 0.0, "Negative fraction value: %s" % fraction
        return self._then("sampleByKey", SampleByKey(withReplacement, fractions, new_seed(seed)),
                          True)


class _Begin(steps.Step):
    """The first value of a key onto a zero of its own."""

    def __call__(self, value):
        import copy
        zero, f = self.arguments
        return f(copy.deepcopy(zero), value)


class _KeyIs(steps.Step):
    def __call__(self, pair):
        return pair[0] == self.arguments[0]


def _all_sides(key, sides):
    yield key, tuple(ResultIterable(values) for values in sides)


def _without(key, sides):
    left, right = sides
    if not right:
        for value in left:
            yield key, value


class _Join(steps.Step):
    """Every left value with every right one; an empty side is [None] where that is wanted."""

    def __call__(self, key, sides):
        left, right = sides
        left_may_miss, right_may_miss = self.arguments
        left = left or ([None] if left_may_miss else [])
        right = right or ([None] if right_may_miss else [])
        return ((key, (v, w)) for v in left for w in right)
