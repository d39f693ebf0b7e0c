"""Variables that tasks add to and the driver reads."""

import itertools
import threading
from types import GenericAlias

from millrace import frames

_driver = {}  # id -> the program's accumulator, in the driver alone
_task = None  # id -> what the running task gained, in a worker alone
_ids = itertools.count()
_lock = threading.Lock()


class AccumulatorParam:
    """How values are added: a program derives from it for types of its own."""

    __class_getitem__ = classmethod(GenericAlias)  # AccumulatorParam[int], in annotations

    def zero(self, value):
        raise NotImplementedError

    def addInPlace(self, value1, value2):
        raise NotImplementedError


class AddingAccumulatorParam(AccumulatorParam):
    def __init__(self, zero_value):
        self.zero_value = zero_value

    def zero(self, value):
        return self.zero_value

    def addInPlace(self, value1, value2):
        value1 += value2
        return value1


INT_ACCUMULATOR_PARAM = AddingAccumulatorParam(0)
FLOAT_ACCUMULATOR_PARAM = AddingAccumulatorParam(0.0)
COMPLEX_ACCUMULATOR_PARAM = AddingAccumulatorParam(0.0j)


class Accumulator:
    """Tasks add with `+=` or `add`; only the driver reads `value`. What a task that failed had
    added does not count."""

    __class_getitem__ = classmethod(GenericAlias)  # Accumulator[int], in annotations

    def __init__(self, aid, value, accum_param):
        self.aid = aid
        self.accum_param = accum_param
        self._value = value
        _driver[aid] = self

    def __reduce__(self):
        return _in_worker, (self.aid, self.accum_param.zero(self._value), self.accum_param)

    @property
    def value(self):
        if _task is not None:
            raise Exception("Accumulator.value cannot be accessed inside tasks")
        return self._value

    @value.setter
    def value(self, value):
        if _task is not None:
            raise Exception("Accumulator.value cannot be accessed inside tasks")
        self._value = value

    def add(self, term):
        self._value = self.accum_param.addInPlace(self._value, term)

    def __iadd__(self, term):
        self.add(term)
        return self

    def __str__(self):
        return str(self._value)

    def __repr__(self):
        return f"Accumulator<id={self.aid}, value={self._value}>"


def create(value, accum_param):
    if accum_param is None:
        if isinstance(value, int):
            accum_param = INT_ACCUMULATOR_PARAM
        elif isinstance(value, float):
            accum_param = FLOAT_ACCUMULATOR_PARAM
        elif isinstance(value, complex):
            accum_param = COMPLEX_ACCUMULATOR_PARAM
        else:
            raise TypeError("No default accumulator param for type %s" % type(value))
    return Accumulator(next(_ids), value, accum_param)


def _in_worker(aid, zero, accum_param):
    if _task is None:  # in the driver: a copy of a pickle of its own
        return _driver[aid]
    if aid not in _task:
        accumulator = Accumulator.__new__(Accumulator)
        accumulator.aid = aid
        accumulator.accum_param = accum_param
        accumulator._value = zero
        _task[aid] = accumulator
    return _task[aid]


def begin():
    """A task begins in this worker."""
    global _task
    _task = {}


def gained():
    """What the task gained, for the driver."""
    if not _task:
        return b""
    return frames.dumps([(aid, one._value) for aid, one in _task.items()])


def apply(updates):
    """In the driver: what tasks gained."""
    with _lock:
        for one in updates:
            for aid, value in frames.loads(one):
                if aid in _driver:
                    _driver[aid].add(value)
