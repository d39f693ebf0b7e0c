"""Records that a function which parses can't take, and what was kept of them."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from millrace.context import Context
    from millrace.rdd import RDD

Policy = Literal["fail", "quarantine", "skip"]

_POLICIES = {"quarantine": 1, "skip": 2}  # native/worker_pool.cpp
_SIZES = struct.Struct("<IIII")

#: Of the task that this process runs; None: it runs none.
driver: Any = None


class BadRecord(ValueError):
    """A record that a function, or a source, can't take, where that is fatal."""


def reject(raw: bytes | str, reason: str, *, policy: Policy = "quarantine", source: str = "python",
           position: str = "") -> None:
    """What becomes of a record that can't be taken; called by a function that runs in a worker.

    `fail`: raises BadRecord. `quarantine`: it is kept on disk as it came, with its place and the
    reason (`dead_letters` reads it back), in the directory of the setting deadLetters.directory,
    else `dead_letters` in the checkpoint directory. `skip`: it is left out. Both are told to the
    log and to listeners. A task that runs again reports again; a record of the same source,
    position and bytes is kept once.

        def parsed(line):
            try:
                yield json.loads(line)
            except ValueError as why:
                millrace.reject(line, str(why), source="clicks")

        clicks = lines.flat_map(parsed)
    """
    if policy == "fail":
        raise BadRecord(f"{source}{', ' + position if position else ''}: {reason}: {raw!r}")
    if policy not in _POLICIES:
        raise ValueError(f"there is no policy for bad records {policy!r}: fail, quarantine, skip")
    if driver is None:
        raise RuntimeError("reject: called outside of a function that runs in a worker")
    parts = [part.encode("utf-8", "surrogateescape") if isinstance(part, str) else bytes(part)
             for part in (source, position, reason, raw)]
    driver.reject(_POLICIES[policy], _SIZES.pack(*map(len, parts)) + b"".join(parts))


class DeadLetter(NamedTuple):
    """A record that was kept because nobody could take it."""

    time: datetime
    """When it was kept."""
    batch_time: datetime | None
    source: str
    """What it came from."""
    position: str
    """Where in there; may be empty."""
    reason: str
    bytes: bytes
    """As it came."""


def _letter(facts: tuple[int, int | None, bytes, bytes, bytes, bytes]) -> DeadLetter:
    begin = datetime(1970, 1, 1, tzinfo=timezone.utc)
    kept, batch, *words, raw = facts
    source, position, reason = (word.decode("utf-8", "replace") for word in words)
    return DeadLetter(begin + timedelta(microseconds=kept),
                      None if batch is None else begin + timedelta(milliseconds=batch),
                      source, position, reason, raw)


def dead_letters(context: Context, directory: str) -> RDD[DeadLetter]:
    """The dead letters of a directory (deadLetters.directory, or `dead_letters` in a checkpoint
    directory), in the order in which they were kept. To replay them, make rows of their bytes. A
    directory that is not there holds none; a damaged file fails its task with path and offset."""
    from millrace.rdd import RDD as Rdd
    from pyspark.rdd import RDD as SparkRdd
    sc = context.spark
    kept = SparkRdd._of_leaf(sc, "dead_letters",
                             lambda: sc._engine.dead_letters(str(directory)))
    return Rdd(kept.map(_letter))
