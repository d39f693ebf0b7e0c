"""Rows as bytes: many rows are pickled together into a frame."""

import gc
import pickle
from itertools import islice
from typing import NamedTuple

import cloudpickle

# A frame grows until it has about so many bytes: large enough that a switch between processes is
# nothing, small enough that a few of them fit into memory anywhere.
SMALL, LARGE = 128 << 10, 1 << 20

loads = pickle.loads


def _know_named_tuples():
    """Debian's cloudpickle can't make classes of typing.NamedTuple anew, since it calls for their
    fields once more; 2.2.1 can."""
    fast = cloudpickle.cloudpickle_fast
    facts_of = fast._class_getnewargs

    def facts_with_real_bases(made):
        constructor, name, bases, *more = facts_of(made)
        return (constructor, name, made.__bases__ if NamedTuple in bases else bases, *more)

    fast._class_getnewargs = facts_with_real_bases


if cloudpickle.__version__ in ("2.0.0", "2.1.0", "2.2.0"):
    _know_named_tuples()


def dumps(value):
    # cloudpickle: rows may be instances of classes of __main__, which travel by value.
    return cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def dumps_small(value):
    """The same, faster where there is little in it that needs no cloudpickle."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:
        return dumps(value)


def frames_of(rows):
    """The rows as frames, of sizes that are found on the way."""
    rows = iter(rows)
    count = 64
    while True:
        batch = list(islice(rows, count))
        if not batch:
            return
        frame = dumps(batch)
        yield frame
        if len(frame) < SMALL:
            count *= 2
        elif len(frame) > LARGE:
            count = max(1, count // 2)


def rows_of(frames):
    """The rows of some frames, in a list."""
    rows = []
    enabled = gc.isenabled()
    gc.disable()  # nothing of what is being made can be garbage
    try:
        for frame in frames:
            rows += loads(frame)
    finally:
        if enabled:
            gc.enable()
    return rows


def lines_of(block):
    """The lines of a block of text; "\\n", "\\r" and "\\r\\n" end them, and nothing else does."""
    if b"\r" in block:
        return [line.decode("utf-8", "replace") for line in block.splitlines()]
    lines = block.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def byte_lines_of(block):
    return block.splitlines()
