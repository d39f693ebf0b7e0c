"""Times and file names of batches; how many arguments a program's function takes."""

import time
from datetime import datetime


def arguments_of(f):
    """How many arguments f is called with: one means the RDD alone."""
    code = getattr(f, "__code__", None)
    if code is not None:
        return code.co_argcount - (1 if getattr(f, "__self__", None) is not None else 0)
    import inspect
    return len([p for p in inspect.signature(f).parameters.values()
                if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY,
                                                       p.POSITIONAL_OR_KEYWORD)])


def datetime_of(ms):
    """Local and naive, as Spark's Python API gives it."""
    return datetime.fromtimestamp(ms / 1000.0)


def milliseconds_of(when):
    if isinstance(when, datetime):
        return int(time.mktime(when.timetuple())) * 1000 + when.microsecond // 1000
    return int(when * 1000)


def rddToFileName(prefix, suffix, timestamp):
    """prefix-TIME_IN_MS[.suffix]

    >>> rddToFileName("spark", None, 12345678910)
    'spark-12345678910'
    >>> rddToFileName("spark", "tmp", 12345678910)
    'spark-12345678910.tmp'
    """
    if isinstance(timestamp, datetime):
        timestamp = milliseconds_of(timestamp)
    name = f"{prefix}-{timestamp}"
    return name if suffix is None else f"{name}.{suffix}"
