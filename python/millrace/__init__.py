"""millrace for Python: datasets in partitions, and streams that are one dataset a batch.

    import millrace

    with millrace.Context("local[2]") as context:
        words = context.parallelize(["to be or", "not to be"]).flat_map(str.split)
        print(words.map(lambda word: (word, 1)).reduce_by_key(lambda a, b: a + b).collect())

The drop-in for Spark programs, `pyspark`, stands on the same layer; `spark` of each object here is
the one there, and `over` makes one of these of one of those."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Context", "RDD", "StreamingContext", "DStream", "State", "Receiver", "BatchFailed",
           "BadRecord", "DeadLetter", "dead_letters", "reject"]

if TYPE_CHECKING:
    from millrace.bad_records import BadRecord, DeadLetter, dead_letters, reject
    from millrace.context import Context
    from millrace.dstream import DStream
    from millrace.keyed_state import State
    from millrace.rdd import RDD
    from millrace.receiver import Receiver
    from millrace.streaming import BatchFailed, StreamingContext

_WHERE = {"Context": "context", "RDD": "rdd", "StreamingContext": "streaming",
          "DStream": "dstream", "State": "keyed_state", "Receiver": "receiver",
          "BatchFailed": "streaming", "BadRecord": "bad_records", "DeadLetter": "bad_records",
          "dead_letters": "bad_records", "reject": "bad_records"}


def drop_in() -> str:
    """The directory that has pyspark and the native module: a place of its own where this package
    was installed, else the one beside it."""
    import os
    here = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(here, "drop_in")
    return installed if os.path.isdir(installed) else os.path.dirname(here)


def use_drop_in() -> None:
    """Makes `import pyspark` find the one of `drop_in`; what needs it calls this first. Not before:
    merely to import this package must not hide a pyspark of Spark's."""
    import sys
    if drop_in() not in sys.path:
        sys.path.insert(0, drop_in())
    import pyspark
    if "millrace" not in (pyspark.__doc__ or ""):
        raise ImportError("import millrace before Spark's own pyspark: both have that name, and "
                          "one program can use one of them")


def __getattr__(name: str) -> object:
    # When asked for: worker processes import this package, and need none of them.
    if name not in _WHERE:
        raise AttributeError(f"module 'millrace' has no attribute {name!r}")
    import importlib
    return getattr(importlib.import_module(f"millrace.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
