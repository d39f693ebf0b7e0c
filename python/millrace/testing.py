"""Streams without a clock: batches in, batches out.

As a plug-in of pytest (it is found by itself where millrace is installed; else
`pytest_plugins = ["millrace.pytest_plugin"]`) it gives the fixture `millrace_streams`:

    def test_lengths(millrace_streams):
        words = millrace_streams.input(["a", "bb"], [], ["ccc"])
        assert millrace_streams.run(words.map(len)) == [[1, 2], [], [3]]
"""

from __future__ import annotations

from typing import Iterable, TypeVar

from millrace.context import Context
from millrace.dstream import DStream
from millrace.streaming import BatchFailed, StreamingContext
from py4j.protocol import Py4JJavaError

T = TypeVar("T")


class ManualStreams:
    """A streaming context whose batches run when a test says so, on the calling thread."""

    def __init__(self, context: Context, checkpoint: str, batch: float = 1.0) -> None:
        self.context = context
        self.streaming = StreamingContext(context, batch)
        self.streaming.checkpoint(checkpoint)
        self._batches = 0
        self._started = False

    def input(self, *batches: Iterable[T], partitions: int = 2) -> DStream[T]:
        """A stream of these batches, and of empty ones after them."""
        self._batches = max(self._batches, len(batches))
        return self.streaming.queue_stream(
            [self.context.parallelize(batch, partitions) for batch in batches])

    def collect(self, stream: DStream[T]) -> list[list[T]]:
        """A list that fills with the rows of each batch as batches run."""
        kept: list[list[T]] = []
        stream.for_each_rdd(lambda rdd: kept.append(rdd.collect()))
        return kept

    def step(self, batches: int = 1) -> None:
        """Runs that many batches. Raises BatchFailed where one fails."""
        if not self._started:
            self.streaming.start()
            self._started = True
        try:
            self.streaming.spark._step(batches)
        except Py4JJavaError as failure:
            raise BatchFailed(str(failure)) from None

    def run(self, stream: DStream[T], batches: int | None = None) -> list[list[T]]:
        """The rows of a stream, batch by batch: as many as the longest input has."""
        kept = self.collect(stream)
        self.step(batches if batches is not None else self._batches)
        return kept

    def stop(self) -> None:
        self.streaming.stop()


def manual_context(master: str = "local[2]", name: str = "test") -> Context:
    """A context whose streams run on a clock that stands still."""
    return Context(master, name, conf={"spark.streaming.clock": "manual"})
