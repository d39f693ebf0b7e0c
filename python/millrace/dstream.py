"""Streams: a dataset for each batch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Callable, Generic, Iterable, Iterator, Protocol, TypeVar

from millrace.keyed_state import MappedStates, State
from millrace.rdd import RDD

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")
S = TypeVar("S")


def seconds_of(duration: float | timedelta) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def _seconds(duration: float | timedelta | None) -> float | None:
    return None if duration is None else seconds_of(duration)


class Source(Protocol[T]):
    """Of `millrace.kafka` or `millrace.file`, for `StreamingContext.stream`."""

    def _stream(self, ssc: Any) -> DStream[T]: ...


class Sink(Protocol):
    """Of `millrace.file`, `millrace.sql` or `millrace.kafka`, for `DStream.write`."""

    def _output(self, stream: Any) -> Any: ...


class DStream(Generic[T]):
    """A rule that gives a dataset for each batch. Operations on it are operations on every
    batch's dataset; those by key want rows that are pairs."""

    def __init__(self, spark: Any) -> None:
        self.spark = spark

    # ---- row by row

    def map(self, f: Callable[[T], U]) -> DStream[U]:
        return DStream(self.spark.map(f))

    def flat_map(self, f: Callable[[T], Iterable[U]]) -> DStream[U]:
        return DStream(self.spark.flatMap(f))

    def filter(self, keep: Callable[[T], Any]) -> DStream[T]:
        return DStream(self.spark.filter(keep))

    def map_partitions(self, f: Callable[[Iterator[T]], Iterable[U]]) -> DStream[U]:
        return DStream(self.spark.mapPartitions(f))

    def map_partitions_with_index(self, f: Callable[[int, Iterator[T]], Iterable[U]]
                                  ) -> DStream[U]:
        return DStream(self.spark.mapPartitionsWithIndex(f))

    def glom(self) -> DStream[list[T]]:
        return DStream(self.spark.glom())

    def repartition(self, partitions: int) -> DStream[T]:
        return DStream(self.spark.repartition(partitions))

    # ---- within a batch

    def count(self) -> DStream[int]:
        return DStream(self.spark.count())

    def reduce(self, f: Callable[[T, T], T]) -> DStream[T]:
        return DStream(self.spark.reduce(f))

    def count_by_value(self) -> DStream[tuple[T, int]]:
        return DStream(self.spark.countByValue())

    def union_with(self, other: DStream[T]) -> DStream[T]:
        return DStream(self.spark.union(other.spark))

    def transform(self, f: Callable[[RDD[T]], RDD[U]]) -> DStream[U]:
        """What `f` makes of each batch's dataset."""
        return DStream(self.spark.transform(lambda rdd: f(RDD(rdd)).spark))

    def transform_with(self, other: DStream[V], f: Callable[[RDD[T], RDD[V]], RDD[U]]
                       ) -> DStream[U]:
        return DStream(self.spark.transformWith(lambda a, b: f(RDD(a), RDD(b)).spark,
                                                other.spark))

    # ---- by key

    def map_values(self: DStream[tuple[K, V]], f: Callable[[V], U]) -> DStream[tuple[K, U]]:
        return DStream(self.spark.mapValues(f))

    def flat_map_values(self: DStream[tuple[K, V]], f: Callable[[V], Iterable[U]]
                        ) -> DStream[tuple[K, U]]:
        return DStream(self.spark.flatMapValues(f))

    def reduce_by_key(self: DStream[tuple[K, V]], f: Callable[[V, V], V],
                      partitions: int | None = None) -> DStream[tuple[K, V]]:
        return DStream(self.spark.reduceByKey(f, partitions))

    def combine_by_key(self: DStream[tuple[K, V]], create: Callable[[V], U],
                       merge_value: Callable[[U, V], U], merge_combiners: Callable[[U, U], U],
                       partitions: int | None = None) -> DStream[tuple[K, U]]:
        return DStream(self.spark.combineByKey(create, merge_value, merge_combiners, partitions))

    def group_by_key(self: DStream[tuple[K, V]], partitions: int | None = None
                     ) -> DStream[tuple[K, list[V]]]:
        return DStream(self.spark.groupByKey(partitions).mapValues(list))

    def join(self: DStream[tuple[K, V]], other: DStream[tuple[K, W]],
             partitions: int | None = None) -> DStream[tuple[K, tuple[V, W]]]:
        return DStream(self.spark.join(other.spark, partitions))

    def left_outer_join(self: DStream[tuple[K, V]], other: DStream[tuple[K, W]],
                        partitions: int | None = None
                        ) -> DStream[tuple[K, tuple[V, W | None]]]:
        return DStream(self.spark.leftOuterJoin(other.spark, partitions))

    def full_outer_join(self: DStream[tuple[K, V]], other: DStream[tuple[K, W]],
                        partitions: int | None = None
                        ) -> DStream[tuple[K, tuple[V | None, W | None]]]:
        return DStream(self.spark.fullOuterJoin(other.spark, partitions))

    # ---- windows: `size` back from the batch, every `slide` (each batch by default)

    def window(self, size: float | timedelta, slide: float | timedelta | None = None
               ) -> DStream[T]:
        return DStream(self.spark.window(seconds_of(size), _seconds(slide)))

    def count_by_window(self, size: float | timedelta, slide: float | timedelta) -> DStream[int]:
        return DStream(self.spark.countByWindow(seconds_of(size), seconds_of(slide)))

    def reduce_by_window(self, f: Callable[[T, T], T], size: float | timedelta,
                         slide: float | timedelta, inverse: Callable[[T, T], T] | None = None
                         ) -> DStream[T]:
        return DStream(self.spark.reduceByWindow(f, inverse, seconds_of(size),
                                                 seconds_of(slide)))

    def reduce_by_key_and_window(self: DStream[tuple[K, V]], f: Callable[[V, V], V],
                                 size: float | timedelta, slide: float | timedelta | None = None,
                                 inverse: Callable[[V, V], V] | None = None,
                                 partitions: int | None = None,
                                 keep: Callable[[tuple[K, V]], Any] | None = None
                                 ) -> DStream[tuple[K, V]]:
        """`inverse` takes out what left a long window; it wants a checkpoint directory. `keep`
        says which keys stay then."""
        return DStream(self.spark.reduceByKeyAndWindow(f, inverse, seconds_of(size),
                                                       _seconds(slide), partitions, keep))

    # ---- state

    def update_state_by_key(self: DStream[tuple[K, V]],
                            f: Callable[[list[V], S | None], S | None],
                            partitions: int | None = None,
                            initial: RDD[tuple[K, S]] | Iterable[tuple[K, S]] | None = None
                            ) -> DStream[tuple[K, S]]:
        """A state for each key, computed anew in each batch; None removes it."""
        return DStream(self.spark.updateStateByKey(f, partitions, _initial(initial)))

    def map_with_state(self: DStream[tuple[K, V]],
                       f: Callable[[K, V | None, State[S]], U | None], *,
                       partitions: int | None = None,
                       initial: RDD[tuple[K, S]] | Iterable[tuple[K, S]] | None = None,
                       timeout: float | timedelta | None = None) -> MappedWithState[U, K, S]:
        """What `f(key, value, state)` gives for each row, in the order of a key's rows; None is no
        row. A key that was idle for longer than `timeout` is given to f once more, without a
        value, and forgotten. A batch costs what its own keys cost; idle ones cost nothing."""
        idle = None if timeout is None else int(seconds_of(timeout) * 1000)
        return MappedWithState(MappedStates(
            self.spark, f, self.spark._default(partitions), _initial(initial), idle))

    # ---- outputs

    def for_each_rdd(self, f: Callable[[RDD[T]], Any]) -> None:
        self.spark.foreachRDD(lambda rdd: f(RDD(rdd)))

    def for_each_batch(self, f: Callable[[datetime, RDD[T]], Any]) -> None:
        """The same with the batch's time."""
        self.spark.foreachRDD(lambda time, rdd: f(time, RDD(rdd)))

    def print(self, rows: int = 10) -> None:
        self.spark.pprint(rows)

    def save_as_text_files(self, prefix: str, suffix: str | None = None) -> None:
        self.spark.saveAsTextFiles(str(prefix), suffix)

    def write(self, sink: Sink) -> None:
        """Exactly once where the sink says so."""
        self.spark._ssc._add_output(self.spark, sink._output(self.spark))

    def named(self, name: str) -> DStream[T]:
        """What this stream is called in checkpoints, by sinks and in messages; give it before
        anything is made of the stream."""
        self.spark._named(name)
        return self

    # ---- keeping

    def cache(self) -> DStream[T]:
        self.spark.cache()
        return self

    def slice(self, begin: datetime, end: datetime) -> list[RDD[T]]:
        """The datasets of all batches from `begin` to `end`, both included."""
        return [RDD(one) for one in self.spark.slice(begin, end)]


class MappedWithState(DStream[U], Generic[U, K, S]):
    """What `map_with_state` gives; `snapshots` are the states after each batch."""

    spark: MappedStates

    def __init__(self, states: MappedStates) -> None:
        super().__init__(states)

    def snapshots(self) -> DStream[tuple[K, S]]:
        return DStream(self.spark.snapshots)


def _initial(initial: Any) -> Any:
    return initial.spark if isinstance(initial, RDD) else initial
