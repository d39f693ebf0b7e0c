"""What a stream keeps for each key from batch to batch: `DStream.map_with_state`."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from millrace import frames, use_drop_in

use_drop_in()

from pyspark.streaming.dstream import EngineStream
from pyspark.streaming.state import KeptStream, KeyCalls, initial_states

S = TypeVar("S")


class State(Generic[S]):
    """The state of the key that a function of `map_with_state` is called for. Lives for that
    call."""

    __slots__ = ("_value", "_exists", "_timing_out", "_changed")

    def __init__(self, value: S | None, exists: bool, timing_out: bool = False) -> None:
        self._value = value
        self._exists = exists
        self._timing_out = timing_out
        self._changed = False

    def exists(self) -> bool:
        return self._exists

    def get(self, otherwise: S | None = None) -> S | None:
        """The state; `otherwise` where the key has none."""
        return self._value if self._exists else otherwise

    def update(self, value: S) -> None:
        """From now on, and for the key's next row."""
        self._refuse("update")
        self._value, self._exists, self._changed = value, True, True

    def remove(self) -> None:
        """The key is forgotten."""
        self._refuse("remove")
        self._value, self._exists, self._changed = None, False, True

    def timing_out(self) -> bool:
        """True in the one call for a key that was idle for too long: its value is None, and the
        state goes after it."""
        return self._timing_out

    def _refuse(self, what: str) -> None:
        if self._timing_out:
            raise ValueError(f"state.{what}: the state is timing out")


class _Called(KeyCalls):
    """Calls the program's function for the rows of each key, or for keys whose time is up."""

    def called(self, keys):
        (f,) = self.arguments
        rows = []  # what it gave, of many keys
        for number, (kept, came) in enumerate(keys):
            states = kept[0] if kept else []
            if not came:
                rows += [f(k, None, State(value, True, timing_out=True)) for k, value in states]
            else:
                states = dict(states)
                if self._of_a_key(f, states, came, rows):
                    yield ((number, 1, frames.dumps_small(list(states.items()))) if states
                           else (number, 0, b""))
            if len(rows) >= 4096:
                yield -1, 0, frames.dumps(_given(rows))
                rows = []
        if rows:
            yield -1, 0, frames.dumps(_given(rows))

    @staticmethod
    def _of_a_key(f, states, came, rows):
        """Whether any state changed."""
        changed = False
        for piece in came:
            for k, values in piece:
                state = State(states.get(k), k in states)
                rows += [f(k, value, state) for value in values]
                if not state._changed:
                    continue
                changed = True
                if state.exists():
                    states[k] = state.get()
                else:
                    states.pop(k, None)
        return changed


def _given(rows):
    return [row for row in rows if row is not None]


class MappedStates(KeptStream):
    """What the function gives; `snapshots` are the states after each batch."""

    _wants_directory = False

    def __init__(self, parent, f, partitions, initial, idle_ms):
        ssc = parent._ssc
        first = initial_states(ssc._sc, initial, partitions)
        super().__init__(parent, "map_with_state", partitions, _Called(f), self._make(
            ssc._native, first, idle_ms))
        self._partitioner = None  # its rows are any
        self.snapshots = EngineStream(ssc, "snapshots", self._states, [self])

    def _make(self, native, first, idle_ms):
        def make(*facts):
            rows, self._states = native.mapped(*facts, first, idle_ms or 0)
            return rows

        return make
