"""RDDs: datasets of Python rows. An RDD says what its rows are made of; an action runs it."""

import operator
import pickle
import random
import sys
from types import GenericAlias

from millrace import frames
from millrace.task import Task

from pyspark import steps
from pyspark.barrier import InBarrier
from pyspark.errors import PySparkRuntimeError, java_error
from pyspark.keyed import KeyedOperations
from pyspark.lineage import tree_of
from pyspark.numbers_of import BoundedFloat, NumberOperations
from pyspark.partitioning import Partitioner, portable_hash
from pyspark.sampling import Sample, SampleRange, fraction_for, new_seed
from pyspark.saving import SavingOperations
from pyspark.storagelevel import StorageLevel
from pyspark.typed import TypedRows
from pyspark.util import fail_on_stopiteration, inheritable_thread_target

__all__ = ["RDD", "PipelinedRDD", "RDDBarrier", "BoundedFloat", "portable_hash"]

# What Spark's `repr` and `toDebugString` call RDDs of ours that it makes in its JVM.
_KINDS = {"parallelize": "ParallelCollectionRDD", "emptyRDD": "EmptyRDD", "union": "UnionRDD",
          "cartesian": "CartesianRDD", "coalesce": "CoalescedRDD", "socketTextStream": "BlockRDD"}
_LARGEST_SAMPLE = sys.maxsize - int(10.0 * sys.maxsize ** 0.5)

_EMPTY = "Can not reduce() empty RDD"

NESTED = (
    "[RDD_TRANSFORM_ONLY_VALID_ON_DRIVER] It appears that you are attempting to broadcast an RDD or reference an RDD from an action or "
    "transformation. RDD transformations and actions can only be invoked by the driver, not "
    "inside of other transformations; for example, rdd1.map(lambda x: rdd2.values.count() * x) is "
    "invalid because the values transformation and count action cannot be performed inside of the "
    "rdd1.map transformation. For more information, see SPARK-5063."
)


class RDD(TypedRows, KeyedOperations, NumberOperations, SavingOperations):
    """An immutable dataset in partitions. Spark's members with Spark's meaning; built by a
    SparkContext and by other RDDs. Errors in the program's functions come out of actions as
    Py4JJavaError with the worker's traceback."""

    __class_getitem__ = classmethod(GenericAlias)  # RDD[int], in annotations

    # `_leaf`: makes the engine's dataset (a source, a shuffle). Else the RDD is `_source` and
    # `_steps` over partitions of `_parents`, and adjacent ones are one task.
    _leaf = None
    _source = None
    _steps = ()
    _inputs = None  # per partition, per input: [(parent, partition)]; None: as the only parent
    _unicode = True  # lines of text are str
    _profile = None
    _gives_frames = False  # (hash, other, frame) for a shuffle, instead of rows

    def __init__(self, ctx, operation, parents=()):
        self.ctx = ctx
        self._number = None
        self._operation = operation
        self._parents = list(parents)
        self._dataset = None
        self._properties = None  # local properties that its tasks were told
        self._partitions = None
        self._name = None
        self._level = StorageLevel.NONE
        self.is_cached = False
        self.is_checkpointed = False
        self._checkpoint = None  # "local", "reliable"
        self._checkpoint_file = None
        self.partitioner = None

    # ---- how RDDs are made

    @classmethod
    def _of_leaf(cls, ctx, operation, make, partitions=None, parents=(), partitioner=None,
                 unicode=True):
        rdd = cls(ctx, operation, parents)
        rdd._leaf = make
        rdd._partitions = partitions
        rdd.partitioner = partitioner
        rdd._unicode = unicode
        return rdd

    @classmethod
    def _of_dataset(cls, ctx, operation, dataset, partitioner=None):
        """Of one that the engine has."""
        if dataset.rows == "counts":
            rdd = cls._of_leaf(ctx, operation, lambda: ctx._engine.pickled(dataset),
                               dataset.partitions, partitioner=partitioner)
            rdd._typed_dataset = dataset
            return rdd
        return cls._of_leaf(ctx, operation, lambda: dataset, dataset.partitions,
                            partitioner=partitioner)

    @classmethod
    def _of_inputs(cls, ctx, operation, parents, source, inputs, partitioner=None):
        rdd = cls(ctx, operation, parents)
        rdd._source = source
        rdd._inputs = inputs
        rdd.partitioner = partitioner
        return rdd

    def _then(self, operation, step, keeps_partitioner=False):
        """One more step on every partition."""
        child = PipelinedRDD(self.ctx, operation)
        if self._leaf is None and not self.is_cached and not self.is_checkpointed:
            child._parents = self._parents
            child._source = self._source
            child._inputs = self._inputs
            child._steps = self._steps + (step,)
            begins = self._adds is not None or (self._operation == "union" and not self._steps)
            child._base = self if begins else self._base
            child._base_at = len(self._steps) if begins else self._base_at
        else:
            child._parents = [self]
            child._steps = (step,)
        child.partitioner = self.partitioner if keeps_partitioner else None
        child._prev = self
        return child

    def _then_frames(self, operation, step):
        """The last step, which says where frames go."""
        dealt = self._then(operation, step)
        dealt._gives_frames = True
        return dealt

    def _shuffled(self, operation, deal, partitions, partitioner):
        """`deal` gives (partition, 0, frame)."""
        if partitions < 1:
            raise ValueError(f"{operation}: the number of partitions must be positive: "
                             f"{partitions}")
        dealt = self._then_frames(operation, deal)
        return RDD._of_leaf(
            self.ctx, operation,
            lambda: self.ctx._engine.shuffled(dealt._native(), partitions),
            partitions, [dealt], partitioner)

    def _native(self):
        """The engine's dataset."""
        self.ctx._check_running()
        properties = self.ctx._properties()
        if self._dataset is not None and self._leaf is None and not self.is_cached \
                and self._properties != properties:
            self._dataset = None
        if self._dataset is None:
            if self._leaf is not None:
                self._dataset = self.ctx._call(self._leaf)
            elif (typed := self._typed()) is not None:
                self._dataset = self.ctx._engine.pickled(typed)
                return self._dataset  # the typed rows are what is kept
            else:
                self._dataset = self._of_steps(properties)
                self._properties = properties
            if self.is_cached:
                self._dataset.keep(True)
        return self._dataset

    def _of_steps(self, properties):
        if self._base is not None and self._base._typed() is not None:
            made, self._parents, self._source, self._inputs = (
                self._steps[self._base_at:], [self._base], None, None)
            self._steps, self._base = made, None
        parents = [parent._native() for parent in self._parents]
        unicode = [parent._unicode for parent in self._parents] or [True]
        inputs = self._inputs or []
        slots = len(inputs[0]) if inputs else 1
        made = self._steps
        if self.ctx._profiles is not None and made:
            made = (self.ctx._profiled(self._id, made),)
        # Inputs of text are of one kind: whoever mixes them gets the first one's.
        task = Task(self._source, made, (unicode * slots)[:slots], self._gives_frames,
                    self.ctx._python_paths, properties)
        together = any(type(step) is InBarrier for step in self._steps)
        return self.ctx._engine.of_function(self._operation, self.ctx._pickled(task), parents,
                                            inputs, together)

    def _cut_lineage(self):
        """Computes all of it into memory and forgets what it was made of."""
        self._replace(self.ctx._call(self.ctx._engine.materialised, self._rows()))

    def _replace(self, dataset):
        self._dataset = dataset
        self._leaf = lambda: dataset
        self._partitions = dataset.partitions
        self._parents, self._source, self._steps, self._inputs = [], None, (), None
        self._unicode = True
        self._typed_dataset, self._adds, self._base = False, None, None
        self.__dict__.pop("_prev", None)

    def _rows(self):
        """The rows as pickles."""
        dataset = self._native()
        if dataset.rows == "frames":
            return dataset
        typed = self._typed()
        if typed is not None:
            return self.ctx._engine.pickled(typed)
        return self._then("lines", _same_rows)._native()

    # ---- what it is

    def id(self):
        return self._id

    @property
    def _id(self):
        # Given when somebody asks: RDDs in between, which nobody sees, take none.
        if self._number is None:
            self._number = self.ctx._next_rdd_id()
        return self._number

    @property
    def context(self):
        return self.ctx

    def getNumPartitions(self):
        if self._partitions is None:
            if self._inputs is not None:
                self._partitions = len(self._inputs)
            elif self._leaf is not None:
                self._partitions = self._native().partitions
            else:
                self._partitions = self._parents[0].getNumPartitions()
        return self._partitions

    def name(self):
        return self._name

    def setName(self, name):
        self._name = name
        return self

    def toDebugString(self):
        return "\n".join(tree_of(self)).encode()

    def __repr__(self):
        what = f"{self._kind()}[{self._id}] at {self._operation}"
        return f"{self._name} {what}" if self._name else what

    def _kind(self):
        """What Spark calls such an RDD."""
        if self._operation in _KINDS:
            return _KINDS[self._operation]
        if self._gives_frames:
            return "PairwiseRDD"
        if self._leaf is None:
            return "PythonRDD"
        shuffled = self._parents and self._parents[0]._gives_frames
        return "ShuffledRDD" if shuffled else "MapPartitionsRDD"

    def __reduce__(self):
        raise PySparkRuntimeError(NESTED)

    def __getnewargs__(self):
        raise PySparkRuntimeError(NESTED)

    # ---- keeping it

    def cache(self):
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel=StorageLevel.MEMORY_ONLY):
        if self._level != StorageLevel.NONE and storageLevel != self._level:
            raise java_error("persist", "java.lang.UnsupportedOperationException: Cannot change "
                             "storage level of an RDD after it was already assigned a level")
        self._level = storageLevel
        self.is_cached = storageLevel != StorageLevel.NONE
        self._keep(self.is_cached)
        return self

    def _keep(self, kept):
        typed = self._typed_dataset if self._leaf is None else None
        dataset = typed or self._dataset
        if dataset:
            dataset.keep(kept)

    def unpersist(self, blocking=False):
        self._level = StorageLevel.NONE
        self.is_cached = False
        self._keep(False)
        return self

    def getStorageLevel(self):
        return self._level

    def checkpoint(self):
        """Saved by the next action, under the directory of `SparkContext.setCheckpointDir`."""
        if self.ctx._checkpoint_dir is None:
            raise java_error("checkpoint", "org.apache.spark.SparkException: Checkpoint directory "
                             "has not been set in the SparkContext")
        self.is_checkpointed = True
        self._checkpoint = self._checkpoint or "reliable"
        self.ctx._checkpoints_wanted = True

    def isCheckpointed(self):
        return self._checkpoint == "done"

    def localCheckpoint(self):
        self.is_checkpointed = True
        self._checkpoint = "local"
        self.ctx._checkpoints_wanted = True

    def isLocallyCheckpointed(self):
        return self._checkpoint in ("local", "done") and self._checkpoint_file is None

    def getCheckpointFile(self):
        return self._checkpoint_file

    def _checkpoint_now(self):
        """After a job: what was to be saved is."""
        for parent in self._parents + [self.__dict__.get("_prev")]:
            if parent is not None:
                parent._checkpoint_now()
        how, self._checkpoint = self._checkpoint, "done" if self._checkpoint else None
        if how == "local":
            self._cut_lineage()
        elif how == "reliable":
            path = self.ctx._checkpoint_path(self._id)
            self.saveAsPickleFile(path)
            self._replace(self.ctx._saved_rows(path)._native())
            self._checkpoint_file = "file:" + path

    # ---- transformations

    def map(self, f, preservesPartitioning=False):
        return self._then("map", steps.Map(f), preservesPartitioning)

    def flatMap(self, f, preservesPartitioning=False):
        return self._then("flatMap", steps.FlatMap(f), preservesPartitioning)

    def filter(self, f):
        return self._then("filter", steps.Filter(f), True)

    def mapPartitions(self, f, preservesPartitioning=False):
        return self._then("mapPartitions", steps.MapPartitions(f), preservesPartitioning)

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        return self._then("mapPartitionsWithIndex", steps.MapPartitionsWithIndex(f),
                          preservesPartitioning)

    def mapPartitionsWithSplit(self, f, preservesPartitioning=False):
        return self.mapPartitionsWithIndex(f, preservesPartitioning)

    def glom(self):
        return self._then("glom", steps.Glom())

    def keyBy(self, f):
        return self._then("keyBy", steps.KeyBy(f))

    def groupBy(self, f, numPartitions=None, partitionFunc=portable_hash):
        return self.keyBy(f).groupByKey(numPartitions, partitionFunc)

    def distinct(self, numPartitions=None):
        return self.map(_pair_with_none).reduceByKey(_first, numPartitions).keys()

    def sample(self, withReplacement, fraction, seed=None):
        if fraction < 0:
            raise ValueError("Fraction must be nonnegative.")
        return self._then("sample", Sample(withReplacement, fraction, new_seed(seed)), True)

    def randomSplit(self, weights, seed=None):
        if any(weight < 0.0 for weight in weights):
            raise ValueError("Weights must be nonnegative")
        if sum(weights) <= 0.0:
            raise ValueError("Sum of weights must be positive")
        bounds = [0.0]
        for weight in weights:
            bounds.append(bounds[-1] + weight / float(sum(weights)))
        seed = seed if seed is not None else random.randint(0, 2 ** 32 - 1)
        return [self._then("randomSplit", SampleRange(low, high, seed), True)
                for low, high in zip(bounds, bounds[1:])]

    def union(self, other):
        return self.ctx.union([self, other])

    def __add__(self, other):
        if not isinstance(other, RDD):
            raise TypeError("unsupported operand type(s) for +: 'RDD' and '%s'"
                            % type(other).__name__)
        return self.union(other)

    def intersection(self, other):
        both = self.map(_pair_with_none).cogroup(other.map(_pair_with_none))
        return both.filter(_in_all).keys()

    def subtract(self, other, numPartitions=None):
        return self.map(_pair_with_none).subtractByKey(
            other.map(_pair_with_none), numPartitions).keys()

    def cartesian(self, other):
        inputs = [[[(0, i)], [(1, j)]] for i in range(self.getNumPartitions())
                  for j in range(other.getNumPartitions())]
        return PipelinedRDD._of_inputs(self.ctx, "cartesian", [self, other], steps.Cartesian(),
                                       inputs)

    def zip(self, other):
        if self.getNumPartitions() != other.getNumPartitions():
            raise ValueError("Can only zip with RDD which has the same number of partitions")
        inputs = [[[(0, p)], [(1, p)]] for p in range(self.getNumPartitions())]
        return PipelinedRDD._of_inputs(self.ctx, "zip", [self, other], steps.Zip(), inputs)

    def zipWithIndex(self):
        starts = [0]
        if self.getNumPartitions() > 1:
            for count in self._then("zipWithIndex", steps.Count()).collect():
                starts.append(starts[-1] + count)
        return self._then("zipWithIndex", steps.ZipWithIndex(starts, 1))

    def zipWithUniqueId(self):
        return self._then("zipWithUniqueId", steps.ZipWithIndex(None, self.getNumPartitions()))

    def coalesce(self, numPartitions, shuffle=False):
        if numPartitions < 1:
            raise ValueError("Number of partitions must be positive.")
        if shuffle:
            return self._shuffled("repartition", steps.DealInTurn(numPartitions), numPartitions,
                                  None)
        have = self.getNumPartitions()
        if numPartitions >= have:
            return self._then("coalesce", _same_rows)
        inputs = [[[(0, p) for p in range(have * i // numPartitions,
                                          have * (i + 1) // numPartitions)]]
                  for i in range(numPartitions)]
        return PipelinedRDD._of_inputs(self.ctx, "coalesce", [self], None, inputs)

    def repartition(self, numPartitions):
        return self.coalesce(numPartitions, shuffle=True)

    def sortBy(self, keyfunc, ascending=True, numPartitions=None):
        return self.keyBy(keyfunc).sortByKey(ascending, numPartitions).values()

    def barrier(self):
        return RDDBarrier(self)

    def withResources(self, profile):
        """`pyspark.resource` says what becomes of it."""
        self._profile = profile
        return self

    def getResourceProfile(self):
        return self._profile

    def cleanShuffleDependencies(self, blocking=False):
        """Nothing to do: a shuffle goes with its RDD."""

    @property
    def _jrdd_deserializer(self):
        return self.ctx.serializer

    def _reserialize(self, serializer=None):
        """Itself: how rows become bytes is not the program's business here."""
        return self

    def toDF(self, *arguments, **more):
        from pyspark.errors import needs_jvm
        raise needs_jvm("RDD.toDF")

    # ---- actions

    def _run(self, action, partitions=None):
        """The rows of each partition, in lists."""
        return self.ctx._run(self, action, partitions)

    def collect(self):
        return [row for rows in self._run("collect") for row in rows]

    def collectWithJobGroup(self, groupId, description, interruptOnCancel=False):
        before = self.ctx.getLocalProperty("spark.jobGroup.id")
        self.ctx.setJobGroup(groupId, description, interruptOnCancel)
        try:
            return self.collect()
        finally:
            self.ctx.setLocalProperty("spark.jobGroup.id", before)

    def toLocalIterator(self, prefetchPartitions=False):
        self._native()
        return self._rows_one_ahead() if prefetchPartitions else self._rows_one_by_one()

    def _rows_one_by_one(self):
        for p in range(self.getNumPartitions()):
            yield from self._run("toLocalIterator", [p])[0]

    def _rows_one_ahead(self):
        """The same; the next partition is run while one is read."""
        from concurrent.futures import ThreadPoolExecutor
        run = inheritable_thread_target(lambda p: self._run("toLocalIterator", [p])[0])
        with ThreadPoolExecutor(1) as ahead:
            coming = None
            for p in range(self.getNumPartitions()):
                rows = (coming or ahead.submit(run, p)).result()
                if p + 1 < self.getNumPartitions():
                    coming = ahead.submit(run, p + 1)
                yield from rows

    def _results(self, action, step):
        """One row a partition that has one."""
        return self._then(action, step)._run(action)

    def count(self):
        typed = self._typed()
        if typed is not None:
            return self.ctx._of_engine(self, self.ctx._engine.count, typed)
        return sum(n for (n,) in self._results("count", steps.Count()))

    def reduce(self, f):
        parts = [part for rows in self._results("reduce", steps.Reduce(f)) for part in rows]
        f = fail_on_stopiteration(f)
        if not parts:
            raise ValueError(_EMPTY)
        result = parts[0]
        for part in parts[1:]:
            result = f(result, part)
        return result

    def treeReduce(self, f, depth=2):
        if depth < 1:
            raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)
        result = self.map(_with_mark).treeAggregate(
            (None, True), _Marked(f), _Marked(f), depth)
        if result[1]:
            raise ValueError("Cannot reduce empty RDD.")
        return result[0]

    def fold(self, zeroValue, op):
        result = zeroValue
        combine = fail_on_stopiteration(op)
        for (part,) in self._results("fold", steps.Fold(zeroValue, op)):
            result = combine(result, part)
        return result

    def aggregate(self, zeroValue, seqOp, combOp):
        combOp = fail_on_stopiteration(combOp)
        result = zeroValue
        for (part,) in self._results("aggregate", steps.Fold(zeroValue, seqOp)):
            result = combOp(result, part)
        return result

    def treeAggregate(self, zeroValue, seqOp, combOp, depth=2):
        if depth < 1:
            raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)
        if self.getNumPartitions() == 0:
            return zeroValue
        partial = self._then("treeAggregate", steps.Fold(zeroValue, seqOp))
        count = partial.getNumPartitions()
        scale = max(int(round(count ** (1.0 / depth))), 2)
        while count > scale + count / scale:
            count = int(count / scale)
            partial = (partial.mapPartitionsWithIndex(_NumberedBy(count))
                       .reduceByKey(combOp, count).values())
        return partial.reduce(combOp)

    def foreach(self, f):
        self._results("foreach", steps.ForEach(f))

    def foreachPartition(self, f):
        self._results("foreachPartition", steps.ForEachPartition(f))

    def countByValue(self):
        return _sum_of_counts(self._results("countByValue", steps.CountValues()))

    def take(self, num):
        typed = self._typed()
        if typed is not None:
            return self.ctx._of_engine(self, self.ctx._engine.take_rows, typed, num)
        items = []
        total = self.getNumPartitions()
        scanned = 0
        while len(items) < num and scanned < total:
            wanted = 1
            if scanned:
                if not items:
                    wanted = scanned * 4
                else:
                    wanted = min(max(int(1.5 * num * scanned / len(items)) - scanned, 1),
                                 scanned * 4)
            chosen = list(range(scanned, min(scanned + wanted, total)))
            first = self._then("take", steps.Take(num - len(items)))
            for rows in first._run("take", chosen):
                items += rows[:num - len(items)]
            scanned += wanted
        return items

    def first(self):
        rows = self.take(1)
        if not rows:
            raise ValueError("RDD is empty")
        return rows[0]

    def isEmpty(self):
        return self.getNumPartitions() == 0 or not self.take(1)

    def top(self, num, key=None):
        results = self._results("top", steps.Largest(num, key))
        if not results:  # no partitions; for takeOrdered these are no rows
            raise ValueError(_EMPTY)
        return list(steps.nlargest(num, [row for (rows,) in results for row in rows], key=key))

    def takeOrdered(self, num, key=None):
        parts = [row for (rows,) in self._results("takeOrdered", steps.Smallest(num, key))
                 for row in rows]
        return list(steps.nsmallest(num, parts, key=key))

    def max(self, key=None):
        return self.reduce(_Extreme(max, key))

    def min(self, key=None):
        return self.reduce(_Extreme(min, key))

    def takeSample(self, withReplacement, num, seed=None):
        if num < 0:
            raise ValueError("Sample size cannot be negative.")
        if num == 0:
            return []
        total = self.count()
        if total == 0:
            return []
        if num > _LARGEST_SAMPLE:
            raise ValueError("Sample size cannot be greater than %d." % _LARGEST_SAMPLE)
        source = random.Random(seed)
        if not withReplacement and num >= total:
            rows = self.collect()
            source.shuffle(rows)
            return rows
        fraction = fraction_for(num, total, withReplacement)
        rows = self.sample(withReplacement, fraction, seed).collect()
        while len(rows) < num:
            seed = source.randint(0, 2 ** 63 - 1)
            rows = self.sample(withReplacement, fraction, seed).collect()
        source.shuffle(rows)
        return rows[:num]


class PipelinedRDD(RDD):
    """Steps over partitions of other RDDs: adjacent ones run as one task."""


class RDDBarrier:
    """Steps whose tasks run together and can wait for each other (BarrierTaskContext)."""

    def __init__(self, rdd):
        self.rdd = rdd

    def mapPartitions(self, f, preservesPartitioning=False):
        return self._together(steps.MapPartitions(f), preservesPartitioning)

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        return self._together(steps.MapPartitionsWithIndex(f), preservesPartitioning)

    def _together(self, step, keeps_partitioner):
        meeting = self.rdd.ctx._barrier_meeting(self.rdd.getNumPartitions())
        return self.rdd._then("barrier", InBarrier(meeting, step), keeps_partitioner)


def _same_rows(split, rows):
    return rows


def _pair_with_none(x):
    return x, None


def _first(a, b):
    return a


def _in_all(groups):
    return all(len(values) for values in groups[1])


def _with_mark(x):
    return x, False  # not the zero


def _sum_of_counts(results):
    from collections import defaultdict
    counts = defaultdict(int)
    for (part,) in results:
        for value, n in part.items():
            counts[value] += n
    return counts


class _Marked(steps.Step):
    """Combines rows of which some are no value at all."""

    def __call__(self, a, b):
        if a[1]:
            return b
        if b[1]:
            return a
        return self.arguments[0](a[0], b[0]), False


class _Extreme(steps.Step):
    def __call__(self, a, b):
        which, key = self.arguments
        return which(a, b) if key is None else which(a, b, key=key)


class _NumberedBy(steps.Step):
    def __call__(self, split, rows):
        return ((split % self.arguments[0], row) for row in rows)
