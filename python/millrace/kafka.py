"""Kafka: topics as a stream, read exactly once, and a topic as a sink, written exactly once.

    from millrace import kafka

    clicks = streaming.stream(kafka.topics("host:9092", ["clicks"]))
    clicks.map(lambda record: (record.key, record.value)).write(kafka.topic("host:9092", "copies"))
"""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Iterator, Literal, Mapping, NamedTuple, Sequence

from millrace.cells import blocks_of, number_cell, text_cell
from millrace.dstream import DStream

if TYPE_CHECKING:
    from millrace.context import Context
    from millrace.rdd import RDD


class Record(NamedTuple):
    """A record of a topic."""

    key: bytes | None
    value: bytes | None
    """None: a tombstone, where the topic is compacted."""
    headers: list[tuple[str, bytes | None]]
    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970, as the producer or the broker set it."""


class Message(NamedTuple):
    """A row that says all of what is sent."""

    key: str | bytes | None
    value: str | bytes | None
    headers: Sequence[tuple[str, str | bytes]] = ()
    partition: int | None = None
    """None: by the key."""
    timestamp: int | None = None
    """Milliseconds since 1970; None: now."""


class OffsetRange(NamedTuple):
    """From `from_offset` up to, without, `until_offset`."""

    topic: str
    partition: int
    from_offset: int
    until_offset: int


def _native() -> Any:
    try:
        import _millrace  # noqa: F401  what it stands on
        import _millrace_kafka
    except ImportError as why:
        raise ImportError(
            f"millrace.kafka is not to be had here: {why}. Either millrace was built without "
            "librdkafka-dev, or librdkafka is missing (Debian: librdkafka1)") from why
    return _millrace_kafka


@dataclass(frozen=True)
class topics:
    """A source: `streaming.stream(kafka.topics("host:9092", ["clicks"]))` gives `Record`s, a partition
    of a batch for each partition of the topics.

    The driver names the offsets that a batch reads, so a batch that runs again reads the same
    records. Offsets live in the checkpoint; without one each run begins at `start`. No consumer group
    ever rebalances; `group` is for those who watch the lag. While the brokers can't be reached
    batches are empty, and a task waits for its records up to `patience`."""

    brokers: str
    #: Topics by their names. One of this, `pattern` and `partitions` says what is read.
    names: Sequence[str] = ()
    _: dataclasses.KW_ONLY
    #: A regular expression (ECMAScript); the whole name of a topic.
    pattern: str = ""
    partitions: Sequence[tuple[str, int]] = ()
    #: To which offsets are committed after a batch. Empty: nowhere.
    group: str = ""
    #: Or the offset of each (topic, partition), those left out from their beginning; or the first
    #: records of a time or later.
    start: Literal["latest", "earliest"] | Mapping[tuple[str, int], int] | datetime = "latest"
    #: Where records that were to be read are gone.
    on_data_loss: Literal["fail", "skip"] = "fail"
    on_missing_topic: Literal["fail", "wait"] = "fail"
    #: How often new partitions and topics are looked for.
    discovery: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(minutes=5)
    #: Settings of librdkafka by their names; `name.file` and `name.env` take the value from a file
    #: or from the environment.
    settings: Mapping[str, str] = field(default_factory=dict)

    def _options(self) -> dict[str, Any]:
        start: Any = self.start
        if isinstance(start, datetime):
            start = int(start.timestamp() * 1000)
        elif not isinstance(start, str):
            start = dict(start)
        elif start not in ("latest", "earliest"):
            raise ValueError(f"kafka.topics: start is latest, earliest, offsets or a time: {start!r}")
        return {"brokers": self.brokers, "names": list(self.names), "pattern": self.pattern,
                "partitions": list(self.partitions), "group": self.group, "start": start,
                "on_data_loss": self.on_data_loss, "on_missing_topic": self.on_missing_topic,
                "discovery_ms": _ms(self.discovery), "patience_ms": _ms(self.patience),
                "settings": list(self.settings.items())}

    def _stream(self, ssc: Any) -> DStream[Record]:
        return DStream(ssc._input("kafka", _native().records, ssc._native.engine,
                                  self._options()))


def offsets_of(rdd: RDD[Any]) -> list[OffsetRange]:
    """The offsets that a dataset of a Kafka stream reads, partition by partition, through operations
    row by row. Raises where there are none, as behind a shuffle."""
    sc = rdd.spark.ctx
    return [OffsetRange(*facts) for facts in sc._call(_native().offsets_of, rdd.spark._native())]


def read(context: Context, brokers: str, ranges: Sequence[OffsetRange], *,
         settings: Mapping[str, str] | None = None) -> RDD[Record]:
    """These records as a dataset, a partition a range."""
    from millrace.rdd import RDD as Rdd
    from pyspark.rdd import RDD as SparkRdd
    native, sc = _native(), context.spark
    options = topics(brokers, settings=settings or {})._options()
    return Rdd(SparkRdd._of_leaf(sc, "kafka.read", lambda: native.read(
        sc._engine, options, [tuple(one) for one in ranges])))


@dataclass(frozen=True)
class topic:
    """A sink: `counts.write(kafka.topic("host:9092", "counts"))`. Rows are pairs (key and value),
    `Message`s, `Record`s, or values without a key. Text is sent as UTF-8, bytes as they are, None as
    null, anything else as `str` has it.

    `exactly_once`: a batch is one transaction, so that whoever reads only what is committed
    (isolation.level=read_committed) sees each batch once. The transaction and the consumer group in
    which the sink keeps the newest batch are called "millrace.<application>.<operation>": the
    program's name and the stream's (`DStream.named`) must stay the same and be no other program's.
    `at_least_once`: what runs again is sent again."""

    brokers: str
    name: str
    _: dataclasses.KW_ONLY
    delivery: Literal["exactly_once", "at_least_once"] = "exactly_once"
    #: How long a batch waits for brokers that don't answer, before it fails.
    patience: timedelta = timedelta(minutes=5)
    settings: Mapping[str, str] = field(default_factory=dict)

    def _output(self, stream: Any) -> Any:
        from pyspark.streaming.batches import EngineOutput
        native = _native()
        if self.delivery not in ("exactly_once", "at_least_once"):
            raise ValueError(f"kafka.topic: delivery is exactly_once or at_least_once: "
                             f"{self.delivery!r}")

        def add() -> None:
            frames = stream._computed_in_engine(
                lambda rdd: rdd._then_frames("write", _sent)._native())
            if stream._given_name:
                frames.named(stream._given_name)
            native.write(frames, self.brokers, self.name, self.delivery == "exactly_once",
                         _ms(self.patience), list(self.settings.items()))

        return EngineOutput(add)


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


_SIZES = struct.Struct("<II")
_PLAIN = b"\0\0\0"  # no partition, no time, no headers


def _sent(split: int, rows: Any) -> Iterator[tuple[int, int, bytes]]:
    return blocks_of(map(_cells, rows))


def _part(value: Any) -> str | bytes | None:
    return value if value is None or isinstance(value, (str, bytes)) else str(value)


def _cells(row: Any) -> bytes:
    if isinstance(row, Record):
        row = Message(row.key, row.value, [(k, v or b"") for k, v in row.headers], None,
                      row.timestamp)
    if not isinstance(row, Message):
        key, value = row if isinstance(row, tuple) and len(row) == 2 else (None, row)
        return text_cell(_part(key)) + text_cell(_part(value)) + _PLAIN
    headers = b""
    for name, value in row.headers:
        parts = [part.encode("utf-8") if isinstance(part, str) else part for part in (name, value)]
        headers += _SIZES.pack(*map(len, parts)) + b"".join(parts)
    return b"".join([text_cell(_part(row.key)), text_cell(_part(row.value)),
                     number_cell(row.partition), number_cell(row.timestamp),
                     text_cell(headers if headers else None)])
