"""Sources of a program's own: what they store comes with the next batch."""

from __future__ import annotations

import logging
import threading
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger("millrace")


class Receiver(Generic[T]):
    """Derive from it and override `run`, which gets rows from somewhere and stores them. It runs in
    a thread of the program, from the start of the stream on, and is called again when it ends or
    raises; it leaves when `stopping` is set.

        class Ticks(Receiver[float]):
            def run(self):
                while not self.stopping.wait(0.1):
                    self.store(time.time())
    """

    #: Rows that wait for a batch before `store` does.
    most_waiting = 1 << 20
    #: Seconds until `run` is called again.
    restart_after = 1.0

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._rows: list[T] = []
        self._changed = threading.Condition()

    def run(self) -> None:
        raise NotImplementedError

    def store(self, row: T) -> None:
        """Waits while too much has not been taken by a batch."""
        with self._changed:
            while len(self._rows) >= self.most_waiting and not self.stopping.is_set():
                self._changed.wait(0.1)
            self._rows.append(row)

    # ---- for the stream

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._serve, daemon=True,
                                        name=f"receiver {type(self).__name__}")
        self._thread.start()

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                self.run()
            except Exception:
                _log.exception("the receiver %s failed; it is called again in %s s",
                               type(self).__name__, self.restart_after)
            self.stopping.wait(self.restart_after)

    def _end(self) -> None:
        self.stopping.set()
        with self._changed:
            self._changed.notify_all()

    def _take(self) -> list[T]:
        with self._changed:
            rows, self._rows = self._rows, []
            self._changed.notify_all()
        return rows


def stream_of(ssc: Any, receiver: Receiver[Any]) -> Any:
    """The pyspark stream of what a receiver stores."""
    from pyspark.streaming.dstream import DStream
    ssc._receivers.append(receiver)
    return DStream(ssc, lambda time: ssc._sc.parallelize(receiver._take()))
