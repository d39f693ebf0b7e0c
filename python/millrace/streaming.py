"""The door to streams."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable, Iterable, Sequence, TypeVar

from millrace.context import Context
from millrace.dstream import DStream, Source, seconds_of
from millrace.rdd import RDD
from millrace.receiver import Receiver, stream_of

T = TypeVar("T")


class BatchFailed(Exception):
    """A batch could not be computed: the stream has stopped. The text has Python's traceback."""


class StreamingContext:
    """Builds streams of batches, starts them, waits for their end. Durations are seconds or
    timedeltas. A batch that fails stops the stream: none is skipped without a word. In a `with`
    block, whose end stops it."""

    def __init__(self, context: Context, batch: float | timedelta) -> None:
        from pyspark.streaming import StreamingContext as SparkStreaming

        class Streaming(SparkStreaming):
            _ends_with_failure = True
            _demands_directory = False

        self.context = context
        self.spark = Streaming(context.spark, seconds_of(batch))

    @classmethod
    def over(cls, spark: Any) -> StreamingContext:
        """The same as a StreamingContext of pyspark."""
        streaming = cls.__new__(cls)
        streaming.context = Context.over(spark.sparkContext)
        streaming.spark = spark
        return streaming

    @classmethod
    def get_or_create(cls, checkpoint: str, setup: Callable[[], StreamingContext]
                      ) -> StreamingContext:
        """What `setup` builds. When it is started it goes on from what an earlier run left in the
        directory: where sources were, batches that were not done, states and windows."""
        from pyspark.streaming import StreamingContext as SparkStreaming
        made: list[StreamingContext] = []

        def build() -> Any:
            made.append(setup())
            return made[0].spark

        SparkStreaming.getOrCreate(str(checkpoint), build)
        return made[0]

    def __enter__(self) -> StreamingContext:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return repr(self.spark).replace("<", "<millrace.", 1)

    # ---- sources

    def socket_text_stream(self, host: str, port: int) -> DStream[str]:
        """Lines from a server, which is sought again whenever it is gone."""
        return DStream(self.spark.socketTextStream(host, port))

    def text_file_stream(self, directory: str) -> DStream[str]:
        """The lines of files that appear in a directory."""
        return DStream(self.spark.textFileStream(str(directory)))

    def binary_records_stream(self, directory: str, length: int) -> DStream[bytes]:
        return DStream(self.spark.binaryRecordsStream(str(directory), length))

    def queue_stream(self, batches: Sequence[RDD[T] | Iterable[T]], one_at_a_time: bool = True
                     ) -> DStream[T]:
        """One of these for each batch."""
        queue = [one.spark if isinstance(one, RDD) else list(one) for one in batches]
        return DStream(self.spark.queueStream(queue, one_at_a_time))

    def receiver_stream(self, receiver: Receiver[T]) -> DStream[T]:
        """What a source of the program's own stores."""
        return DStream(stream_of(self.spark, receiver))

    def stream(self, source: Source[T]) -> DStream[T]:
        return source._stream(self.spark)

    def union_of(self, *streams: DStream[T]) -> DStream[T]:
        return DStream(self.spark.union(*(one.spark for one in streams)))

    def transform(self, f: Callable[..., RDD[T]], *streams: DStream[Any]) -> DStream[T]:
        """What `f` makes of the datasets that these streams have in a batch."""
        return DStream(self.spark.transform([one.spark for one in streams],
                                            lambda rdds: f(*map(RDD, rdds)).spark))

    # ---- life

    def checkpoint(self, directory: str) -> None:
        """Where a program that is started again finds what this one kept: where sources were,
        batches that were not done, states, windows."""
        self.spark.checkpoint(str(directory))

    def remember(self, duration: float | timedelta) -> None:
        """How long datasets of batches can be asked for, at least."""
        self.spark.remember(seconds_of(duration))

    def add_listener(self, listener: Any) -> None:
        """A pyspark.streaming.StreamingListener."""
        self.spark.addStreamingListener(listener)

    def start(self) -> None:
        self.spark.start()

    def await_termination(self, timeout: float | timedelta | None = None) -> bool:
        """Whether it has stopped. Raises BatchFailed where a batch was the reason."""
        from py4j.protocol import Py4JJavaError
        try:
            if timeout is None:
                self.spark.awaitTermination()
                return True
            return self.spark.awaitTerminationOrTimeout(seconds_of(timeout))
        except Py4JJavaError as failure:
            raise BatchFailed(str(failure)) from None

    def stop(self, *, context: bool = False, graceful: bool = False) -> None:
        """`graceful`: what was received is processed first. `context`: ends that, too."""
        self.spark.stop(stopSparkContext=context, stopGraceFully=graceful)
