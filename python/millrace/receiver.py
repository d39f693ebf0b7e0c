"""Sources of a program's own: what they store comes with the next batch."""

from __future__ import annotations

import threading
import traceback
from typing import Any, Generic, Iterable, TypeVar

from millrace import frames

T = TypeVar("T")



class Receiver(Generic[T]):
    """Derive from it and override `run`, which gets rows from somewhere and stores them. It runs in
    a thread of the program, from the start of the stream on, and is called again when it ends or
    raises; it leaves when `stopping` is set.

        class Ticks(Receiver[float]):
            def run(self):
                while not self.stopping.wait(0.1):
                    self.store(time.time())

    What is stored waits in memory for its batch, at most once; with
    `spark.streaming.receiver.writeAheadLog.enable` and a checkpoint directory it survives a crash
    (see `store_all`)."""

    #: Seconds until `run` is called again.
    restart_after = 1.0

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._stored: Any = None
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        raise NotImplementedError

    def store(self, row: T) -> bool:
        """Waits while the batches have all that they may hold (spark.streaming.receiver.maxBytes),
        and to keep the rate where one is set. False: the stream ends, and the row was not taken."""
        return self._stored.store([frames.dumps_small([row])], False)

    def store_all(self, rows: Iterable[T]) -> bool:
        """The same for several, which become a partition. With a write-ahead log they are on the
        disk when it returns: that is when to acknowledge them to whoever sent them."""
        return self._stored.store([frames.dumps_small([row]) for row in rows], True)

    def report_error(self, text: str) -> None:
        """Something is wrong that it can live with: for the log, and for listeners."""
        self._stored.report(text)

    # ---- for the engine, once for each time that it is started

    def begin(self, stored: Any) -> None:
        self._stored = stored
        self.stopping.clear()
        self._thread = threading.Thread(target=self._serve, daemon=True,
                                        name=f"receiver {type(self).__name__}")
        self._thread.start()

    def _serve(self) -> None:
        try:
            self.run()
            why = f"{type(self).__name__}.run ended"
        except Exception:
            why = f"{type(self).__name__}.run raised:\n{traceback.format_exc()}"
        if not self.stopping.is_set():
            self._stored.restart(why, self.restart_after)

    def end(self) -> None:
        self.stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()


def stream_of(ssc: Any, receiver: Receiver[Any]) -> Any:
    """The pyspark stream of what a receiver stores."""
    from pyspark.streaming.dstream import EngineStream
    ssc._check_building()
    name = type(receiver).__name__
    return EngineStream(ssc, name, ssc._sc._call(ssc._native.receiver, name, receiver))
