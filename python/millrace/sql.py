"""Tables of SQLite, PostgreSQL and MySQL (MariaDB): exactly-once sinks, and queries as datasets.

    from millrace import sql

    totals.write(sql.upsert("postgresql://host/shop", "totals", key=("word",),
                            columns={"word": str, "total": int}))

A database is named by a URL: `sqlite:totals.db`, `postgresql://user:password@host:5432/database`,
`mysql://user:password@host/database?socket=/run/mysqld/mysqld.sock`. Do not write passwords into
programs: `?password_env=NAME` takes it from the environment, `?password_file=PATH` from a file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping

from millrace import use_drop_in
from millrace.cells import KINDS, Columns, blocks_of

use_drop_in()

from pyspark import steps

if TYPE_CHECKING:
    from millrace.context import Context
    from millrace.rdd import RDD


def _native() -> Any:
    try:
        import _millrace  # noqa: F401  what it stands on
        import _millrace_sql
    except ImportError as why:
        raise ImportError(
            f"millrace.sql is not to be had here: {why}. Either millrace was built without "
            "libsoci-dev, libsqlite3-dev, libpq-dev and libmariadb-dev, or a library of theirs is "
            "missing (Debian: libsoci-sqlite3-4.0, libsoci-postgresql4.0, libsoci-mysql4.0)") from why
    return _millrace_sql


class _Cells(steps.Step):
    def __call__(self, split: int, rows: Any) -> Iterator[tuple[int, int, bytes]]:
        columns = Columns(*self.arguments)
        return blocks_of(map(columns.cells, rows))


@dataclass(frozen=True)
class insert:
    """A sink that inserts each row.

    **Exactly once.** The rows of a partition are written in one transaction, together with a row
    (application, operation, batch, partition) in the table `bookkeeping`, which is made if it is not
    there. It is looked for first: what was committed before is left out.

    `columns`: names and types, of str, int (64 bits), float, bool, datetime, date (as ISO 8601), dict
    and list (as JSON). Rows are tuples in that order, mappings, or objects with such attributes; None
    is NULL. The table must exist.

    A deadlock, a lost or refused connection: the transaction is run again, with growing pauses, for
    `retry_for`; then the task fails. The rows are kept for that, `most_kept` bytes of them a
    partition."""

    url: str
    table: str
    columns: Mapping[str, type]
    _: dataclasses.KW_ONLY
    bookkeeping: str = "millrace_batches"
    retry_for: timedelta = timedelta(minutes=1)
    most_kept: int = 256 << 20

    def _key(self) -> tuple[str, ...]:
        return ()

    def _output(self, stream: Any) -> Any:
        from pyspark.streaming.batches import EngineOutput
        native = _native()
        names, kinds = list(self.columns), _kinds_of(self.columns)

        def add() -> None:
            frames = stream._computed_in_engine(
                lambda rdd: rdd._then_frames("write", _Cells(names, kinds))._native())
            rows = native.columns(frames, kinds)
            if stream._given_name:
                rows.named(stream._given_name)
            native.write(rows, self.url, self.table, list(self._key()), names, kinds,
                         self.bookkeeping, self.retry_for // timedelta(milliseconds=1),
                         self.most_kept)

        return EngineOutput(add)


@dataclass(frozen=True)
class upsert(insert):
    """The same, but a row whose `key` columns are there already takes its place: all other columns are
    set. The table must have a primary key or a unique index of these columns. Of several rows with
    one key the last one counts."""

    key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("sql.upsert: the key's columns are missing")

    def _key(self) -> tuple[str, ...]:
        return tuple(self.key)


def query(context: Context, url: str, text: str, columns: Mapping[str, type]
          ) -> RDD[tuple[Any, ...]]:
    """What a query gives, as a dataset of one partition: tuples of `columns` in their order, whatever
    the query calls them; NULL is None. It runs when the dataset does, each time anew: `cache()` keeps
    what it gave."""
    from millrace.rdd import RDD as Rdd
    from pyspark.rdd import RDD as SparkRdd
    native, sc = _native(), context.spark
    made = SparkRdd._of_leaf(sc, "sql.query", lambda: native.query(
        sc._engine, url, text, _kinds_of(columns)), 1)
    return Rdd(made.map(_Converted(list(columns.values()))))


def execute(url: str, statement: str) -> None:
    """Runs one statement that gives no rows, as CREATE TABLE."""
    _native().execute(url, statement)


def _kinds_of(columns: Mapping[str, type]) -> str:
    for name, kind in columns.items():
        if kind not in KINDS:
            raise TypeError(f"the column {name} is of no type that a table has: {kind!r}; "
                            f"there are {', '.join(k.__name__ for k in KINDS)}")
    return "".join(KINDS[kind] for kind in columns.values())


def _boolean(text: str) -> bool:
    return text in ("1", "t", "true")


def _from_json(text: str) -> Any:
    import json
    return json.loads(text)


_CONVERTED: dict[type, Callable[[Any], Any]] = {
    str: str, bytes: str.encode, int: int, float: float, bool: _boolean, dict: _from_json,
    list: _from_json, datetime: datetime.fromisoformat, date: date.fromisoformat}


class _Converted(steps.Step):
    def __call__(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        (types,) = self.arguments
        return tuple([None if value is None else _CONVERTED[kind](value)
                      for kind, value in zip(types, row)])
