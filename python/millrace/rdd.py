"""Datasets of Python rows."""

from __future__ import annotations

from typing import Any, Callable, Generic, Iterable, Iterator, TypeVar

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")


class RDD(Generic[T]):
    """An immutable dataset in partitions: a description, until an action (`collect`, `count`, a
    loop over it …) runs it. What a function raises in a worker comes out of the action, with the
    worker's traceback. Operations by key want rows that are pairs."""

    def __init__(self, spark: Any) -> None:
        self.spark = spark

    def __repr__(self) -> str:
        return f"<millrace.RDD {self.spark!r}>"

    def __iter__(self) -> Iterator[T]:
        """The rows, a partition at a time."""
        return self.spark.toLocalIterator()

    def __add__(self, other: RDD[T]) -> RDD[T]:
        return self.union_with(other)

    @property
    def partitions(self) -> int:
        return self.spark.getNumPartitions()

    def named(self, name: str) -> RDD[T]:
        self.spark.setName(name)
        return self

    def debug_string(self) -> str:
        """It and all that it is made of."""
        return self.spark.toDebugString().decode()

    # ---- keeping

    def cache(self) -> RDD[T]:
        """Kept in memory once it was computed."""
        self.spark.cache()
        return self

    def unpersist(self) -> RDD[T]:
        self.spark.unpersist()
        return self

    def checkpoint(self) -> None:
        """Written to files by the next action, which replace what it was made of."""
        self.spark.checkpoint()

    # ---- row by row

    def map(self, f: Callable[[T], U]) -> RDD[U]:
        return RDD(self.spark.map(f))

    def flat_map(self, f: Callable[[T], Iterable[U]]) -> RDD[U]:
        return RDD(self.spark.flatMap(f))

    def filter(self, keep: Callable[[T], Any]) -> RDD[T]:
        return RDD(self.spark.filter(keep))

    def key_by(self, f: Callable[[T], K]) -> RDD[tuple[K, T]]:
        return RDD(self.spark.keyBy(f))

    def map_partitions(self, f: Callable[[Iterator[T]], Iterable[U]]) -> RDD[U]:
        return RDD(self.spark.mapPartitions(f))

    def map_partitions_with_index(self, f: Callable[[int, Iterator[T]], Iterable[U]]) -> RDD[U]:
        return RDD(self.spark.mapPartitionsWithIndex(f))

    def glom(self) -> RDD[list[T]]:
        """A partition a row."""
        return RDD(self.spark.glom())

    def sample(self, replacement: bool, fraction: float, seed: int | None = None) -> RDD[T]:
        return RDD(self.spark.sample(replacement, fraction, seed))

    def random_split(self, weights: list[float], seed: int | None = None) -> list[RDD[T]]:
        return [RDD(one) for one in self.spark.randomSplit(weights, seed)]

    def pipe(self, command: str) -> RDD[str]:
        """The lines that a command makes of the rows, which it is given line by line."""
        return RDD(self.spark.pipe(command))

    def zip_with_index(self) -> RDD[tuple[T, int]]:
        return RDD(self.spark.zipWithIndex())

    # ---- together

    def union_with(self, other: RDD[T]) -> RDD[T]:
        return RDD(self.spark.union(other.spark))

    def intersection(self, other: RDD[T]) -> RDD[T]:
        return RDD(self.spark.intersection(other.spark))

    def subtract(self, other: RDD[T]) -> RDD[T]:
        return RDD(self.spark.subtract(other.spark))

    def cartesian(self, other: RDD[U]) -> RDD[tuple[T, U]]:
        return RDD(self.spark.cartesian(other.spark))

    def zip(self, other: RDD[U]) -> RDD[tuple[T, U]]:
        return RDD(self.spark.zip(other.spark))

    def distinct(self, partitions: int | None = None) -> RDD[T]:
        return RDD(self.spark.distinct(partitions))

    def repartition(self, partitions: int) -> RDD[T]:
        return RDD(self.spark.repartition(partitions))

    def coalesce(self, partitions: int) -> RDD[T]:
        return RDD(self.spark.coalesce(partitions))

    def sort_by(self, key: Callable[[T], Any], ascending: bool = True,
                partitions: int | None = None) -> RDD[T]:
        return RDD(self.spark.sortBy(key, ascending, partitions))

    def group_by(self, f: Callable[[T], K], partitions: int | None = None
                 ) -> RDD[tuple[K, list[T]]]:
        return RDD(self.spark.groupBy(f, partitions).mapValues(list))

    # ---- by key

    def keys(self: RDD[tuple[K, V]]) -> RDD[K]:
        return RDD(self.spark.keys())

    def values(self: RDD[tuple[K, V]]) -> RDD[V]:
        return RDD(self.spark.values())

    def map_values(self: RDD[tuple[K, V]], f: Callable[[V], U]) -> RDD[tuple[K, U]]:
        return RDD(self.spark.mapValues(f))

    def flat_map_values(self: RDD[tuple[K, V]], f: Callable[[V], Iterable[U]]
                        ) -> RDD[tuple[K, U]]:
        return RDD(self.spark.flatMapValues(f))

    def reduce_by_key(self: RDD[tuple[K, V]], f: Callable[[V, V], V],
                      partitions: int | None = None) -> RDD[tuple[K, V]]:
        return RDD(self.spark.reduceByKey(f, partitions))

    def combine_by_key(self: RDD[tuple[K, V]], create: Callable[[V], U],
                       merge_value: Callable[[U, V], U], merge_combiners: Callable[[U, U], U],
                       partitions: int | None = None) -> RDD[tuple[K, U]]:
        return RDD(self.spark.combineByKey(create, merge_value, merge_combiners, partitions))

    def aggregate_by_key(self: RDD[tuple[K, V]], zero: U, add: Callable[[U, V], U],
                         merge: Callable[[U, U], U], partitions: int | None = None
                         ) -> RDD[tuple[K, U]]:
        return RDD(self.spark.aggregateByKey(zero, add, merge, partitions))

    def group_by_key(self: RDD[tuple[K, V]], partitions: int | None = None
                     ) -> RDD[tuple[K, list[V]]]:
        return RDD(self.spark.groupByKey(partitions).mapValues(list))

    def partition_by(self: RDD[tuple[K, V]], partitions: int) -> RDD[tuple[K, V]]:
        return RDD(self.spark.partitionBy(partitions))

    def sort_by_key(self: RDD[tuple[K, V]], ascending: bool = True,
                    partitions: int | None = None) -> RDD[tuple[K, V]]:
        return RDD(self.spark.sortByKey(ascending, partitions))

    def join(self: RDD[tuple[K, V]], other: RDD[tuple[K, W]], partitions: int | None = None
             ) -> RDD[tuple[K, tuple[V, W]]]:
        return RDD(self.spark.join(other.spark, partitions))

    def left_outer_join(self: RDD[tuple[K, V]], other: RDD[tuple[K, W]],
                        partitions: int | None = None) -> RDD[tuple[K, tuple[V, W | None]]]:
        return RDD(self.spark.leftOuterJoin(other.spark, partitions))

    def right_outer_join(self: RDD[tuple[K, V]], other: RDD[tuple[K, W]],
                         partitions: int | None = None) -> RDD[tuple[K, tuple[V | None, W]]]:
        return RDD(self.spark.rightOuterJoin(other.spark, partitions))

    def full_outer_join(self: RDD[tuple[K, V]], other: RDD[tuple[K, W]],
                        partitions: int | None = None
                        ) -> RDD[tuple[K, tuple[V | None, W | None]]]:
        return RDD(self.spark.fullOuterJoin(other.spark, partitions))

    def cogroup(self: RDD[tuple[K, V]], other: RDD[tuple[K, W]], partitions: int | None = None
                ) -> RDD[tuple[K, tuple[list[V], list[W]]]]:
        return RDD(self.spark.cogroup(other.spark, partitions).mapValues(_lists))

    def subtract_by_key(self: RDD[tuple[K, V]], other: RDD[tuple[K, W]],
                        partitions: int | None = None) -> RDD[tuple[K, V]]:
        return RDD(self.spark.subtractByKey(other.spark, partitions))

    # ---- actions

    def collect(self) -> list[T]:
        return self.spark.collect()

    def collect_as_map(self: RDD[tuple[K, V]]) -> dict[K, V]:
        return self.spark.collectAsMap()

    def count(self) -> int:
        return self.spark.count()

    def count_by_value(self) -> dict[T, int]:
        return dict(self.spark.countByValue())

    def count_by_key(self: RDD[tuple[K, V]]) -> dict[K, int]:
        return dict(self.spark.countByKey())

    def first(self) -> T:
        """ValueError: there are no rows."""
        return self.spark.first()

    def take(self, n: int) -> list[T]:
        return self.spark.take(n)

    def take_ordered(self, n: int, key: Callable[[T], Any] | None = None) -> list[T]:
        return self.spark.takeOrdered(n, key)

    def take_sample(self, replacement: bool, n: int, seed: int | None = None) -> list[T]:
        return self.spark.takeSample(replacement, n, seed)

    def top(self, n: int, key: Callable[[T], Any] | None = None) -> list[T]:
        return self.spark.top(n, key)

    def is_empty(self) -> bool:
        return self.spark.isEmpty()

    def reduce(self, f: Callable[[T, T], T]) -> T:
        """ValueError: there are no rows."""
        return self.spark.reduce(f)

    def fold(self, zero: T, f: Callable[[T, T], T]) -> T:
        return self.spark.fold(zero, f)

    def aggregate(self, zero: U, add: Callable[[U, T], U], merge: Callable[[U, U], U]) -> U:
        return self.spark.aggregate(zero, add, merge)

    def sum(self) -> Any:
        return self.spark.sum()

    def min(self, key: Callable[[T], Any] | None = None) -> T:
        return self.spark.min(key)

    def max(self, key: Callable[[T], Any] | None = None) -> T:
        return self.spark.max(key)

    def mean(self) -> float:
        return self.spark.mean()

    def stats(self) -> Any:
        """Count, mean, variance, least and greatest in one pass."""
        return self.spark.stats()

    def histogram(self, buckets: int | list[Any]) -> tuple[list[Any], list[int]]:
        return self.spark.histogram(buckets)

    def lookup(self: RDD[tuple[K, V]], key: K) -> list[V]:
        return self.spark.lookup(key)

    def for_each(self, f: Callable[[T], Any]) -> None:
        self.spark.foreach(f)

    def for_each_partition(self, f: Callable[[Iterator[T]], Any]) -> None:
        self.spark.foreachPartition(f)

    def save_as_text_file(self, path: str) -> None:
        self.spark.saveAsTextFile(str(path))

    def save_as_object_file(self, path: str) -> None:
        self.spark.saveAsPickleFile(str(path))


def _lists(sides: tuple[Any, ...]) -> tuple[list[Any], ...]:
    return tuple(list(side) for side in sides)
