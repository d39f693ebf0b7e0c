"""What a stream keeps for each key from batch to batch: `DStream.map_with_state`."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pyspark import steps
from pyspark.rdd import RDD
from pyspark.storagelevel import StorageLevel
from pyspark.streaming.dstream import DStream

S = TypeVar("S")

_STATE, _ROW = 0, 1


class State(Generic[S]):
    """The state of the key that a function of `map_with_state` is called for. Lives for that
    call."""

    __slots__ = ("_value", "_exists", "_timing_out", "_removed")

    def __init__(self, value: S | None, exists: bool, timing_out: bool = False) -> None:
        self._value = value
        self._exists = exists
        self._timing_out = timing_out
        self._removed = False

    def exists(self) -> bool:
        return self._exists

    def get(self, otherwise: S | None = None) -> S | None:
        """The state; `otherwise` where the key has none."""
        return self._value if self._exists else otherwise

    def update(self, value: S) -> None:
        """From now on, and for the key's next row."""
        self._refuse("update")
        self._value, self._exists, self._removed = value, True, False

    def remove(self) -> None:
        """The key is forgotten."""
        self._refuse("remove")
        self._value, self._exists, self._removed = None, False, True

    def timing_out(self) -> bool:
        """True in the one call for a key that was idle for too long: its value is None, and the
        state goes after it."""
        return self._timing_out

    def _refuse(self, what: str) -> None:
        if self._timing_out:
            raise ValueError(f"state.{what}: the state is timing out")


class KeyedStates(DStream):
    """Pairs (key, (_STATE, (state, time of its last row))) and (key, (_ROW, what f gave))."""

    _is_state = True

    def __init__(self, parent, f, partitions, initial, idle_ms):
        super().__init__(parent._ssc, self._next, [parent])
        parent._ssc._state_streams.append(self)
        self._f = f
        self._partitions = partitions
        self._idle_ms = idle_ms
        self._initial = None
        if initial is not None:
            if not isinstance(initial, RDD):
                initial = self._sc.parallelize(initial)
            self._initial = initial.mapValues(_begun)
        self._level, self.is_cached = StorageLevel.MEMORY_ONLY, True

    def _next(self, time):
        last = self._rdd(time - self._slide)
        if last is None:
            last = self._initial
        nothing = self._sc.parallelize([], 1)
        new = self._parents[0]._rdd(time)
        states = (last if last is not None else nothing).filter(_is_state).mapValues(_content)
        rows = new if new is not None else nothing
        n = self._partitions
        return states.partitionBy(n)._sides("map_with_state", [rows.partitionBy(n)], n,
                                            _Called(self._f, self._idle_ms, time))


class _Called(steps.Step):
    """Calls the program's function for the rows of a key, and when it was idle for too long."""

    def __call__(self, key, sides):
        f, idle_ms, now = self.arguments
        states, values = sides
        value, touched = states[0] if states else (None, None)
        state = State(value, bool(states))
        for row in values:
            yield key, (_ROW, f(key, row, state))
        if values:
            touched = now
        elif idle_ms is not None and states:
            if touched is None:  # it was there at the beginning
                touched = now
            elif now - touched >= idle_ms:
                yield key, (_ROW, f(key, None, State(value, True, timing_out=True)))
                return
        if state.exists():
            yield key, (_STATE, (state.get(), touched))


def _begun(state):
    return _STATE, (state, None)


def _is_state(pair):
    return pair[1][0] == _STATE


def _is_row(pair):
    return pair[1][0] == _ROW


def _content(tagged):
    return tagged[1]


def _row(pair):
    return pair[1][1]


def _snapshot(tagged):
    return tagged[1][0]


def rows_of(states: KeyedStates) -> Any:
    return states.filter(_is_row).map(_row)


def snapshots_of(states: KeyedStates) -> Any:
    return states.filter(_is_state).mapValues(_snapshot)
