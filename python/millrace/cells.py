"""Rows of columns as bytes, for the engine (native/cells.hpp)."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, Callable, Iterable, Iterator

_TEXT, _INTEGER, _REAL, _BOOLEAN = (struct.Struct("<" + form) for form in ("BI", "Bq", "Bd", "B?"))

# What a program calls a column's type, and the engine's letter for it.
KINDS = {str: "s", bytes: "s", int: "i", float: "f", bool: "o", datetime: "s", date: "s",
         dict: "s", list: "s"}


def text_cell(value: str | bytes | None) -> bytes:
    if value is None:
        return b"\0"
    data = value.encode("utf-8") if isinstance(value, str) else bytes(value)
    return _TEXT.pack(1, len(data)) + data


def _text_of(value: Any) -> bytes:
    if isinstance(value, (datetime, date)):
        value = value.isoformat()
    elif isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    elif value is not None and not isinstance(value, (str, bytes)):
        raise TypeError(f"a text is wanted, not {value!r}")
    return text_cell(value)


def number_cell(value: int | None) -> bytes:
    if value is None:
        return b"\0"
    if not -2 ** 63 <= value < 2 ** 63:
        raise OverflowError(f"a whole number of at most 64 bits is wanted, not {value!r}")
    return _INTEGER.pack(1, value)


_CELLS: dict[str, Callable[[Any], bytes]] = {
    "s": _text_of,
    "i": number_cell,
    "f": lambda value: b"\0" if value is None else _REAL.pack(1, value),
    "o": lambda value: b"\0" if value is None else _BOOLEAN.pack(1, value),
}


class Columns:
    """How rows become columns of these names and kinds: rows are tuples or lists in their order,
    mappings, or objects with such attributes."""

    def __init__(self, names: list[str], kinds: str) -> None:
        self.names = names
        self.kinds = kinds

    def cells(self, row: Any) -> bytes:
        try:
            return b"".join([_CELLS[kind](value)
                             for kind, value in zip(self.kinds, values_of(row, self.names))])
        except (TypeError, OverflowError, struct.error) as why:
            raise type(why)(f"{why}, in the row {row!r} for the columns {self.names}") from None


def values_of(row: Any, names: list[str]) -> list[Any]:
    if isinstance(row, Mapping):
        return [row[name] for name in names]
    if isinstance(row, (tuple, list)):
        if len(row) != len(names):
            raise TypeError(f"the row has {len(row)} values for {len(names)} columns")
        return list(row)
    if dataclasses.is_dataclass(row) or not isinstance(row, (str, bytes, int, float)):
        return [getattr(row, name) for name in names]
    if len(names) == 1:
        return [row]
    raise TypeError(f"this is no row of {len(names)} columns")


def blocks_of(rows: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Encoded rows as frames."""
    rows = iter(rows)
    while some := list(islice(rows, 1024)):
        yield 0, 0, b"".join(some)
