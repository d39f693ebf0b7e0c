"""Files: those that appear in a directory, and those that batches write, exactly once.

    from millrace import file

    clicks = streaming.stream(file.json("in", on_bad_record="quarantine"))
    clicks.filter(wanted).write(file.json("out"))

A **source** gives what is in files that appear in a directory, each once, in the batch after it
appeared. Move files in when they are complete.

A **sink** writes a batch's files so that they appear when all of them are on disk, under names that
its identity decides; a batch that is run again after they did is left out. The names are
`<application>.<operation>.<batch>.<partition>`; `DStream.named` gives the operation its name. What a
sink must know is kept in `<directory>/_millrace`."""

from __future__ import annotations

import csv as _csv
import dataclasses
import io
import json as _json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Iterator

from millrace import use_drop_in
from millrace.bad_records import Policy, reject
from millrace.cells import blocks_of, values_of
from millrace.dstream import DStream

use_drop_in()

from pyspark import steps


class _Lines(steps.Step):
    """Rows as frames of lines of text."""

    def __call__(self, split: int, rows: Any) -> Iterator[tuple[int, int, bytes]]:
        (line_of,) = self.arguments
        return blocks_of(line_of(row).encode("utf-8") + b"\n" for row in rows)


@dataclass(frozen=True)
class _Files:
    directory: str
    _: dataclasses.KW_ONLY
    #: A source: else what is there at the start belongs to the first batch.
    new_files_only: bool = True
    #: A source: whether the directories below are looked into too.
    recursive: bool = False
    #: A sink: `gzip`, `zstd`, `lz4`, `bzip2`.
    compression: str = ""
    #: A sink: a partition goes on in another file once one has so many bytes; 0: never.
    roll_bytes: int = 0
    #: A sink: a partition's rows of all batches within so much time go to one file, which appears
    #: with the batch that completes it or when the stream is stopped: rows are seen later, and never
    #: lost. 0: each batch has files of its own.
    roll_interval: timedelta = timedelta(0)
    #: A sink: whether a partition without rows makes a file too.
    empty_files: bool = False

    def _written(self, stream: Any, extension: str, header: str, line_of: Any) -> Any:
        from pyspark.streaming.batches import EngineOutput

        def add() -> None:
            import _millrace
            in_engine = stream._in_engine() if line_of is _text_of else None
            if in_engine is None or in_engine.rows != "text":
                in_engine = stream._computed_in_engine(
                    lambda rdd: rdd._then_frames("write", _Lines(line_of))._native())
            _millrace.write_files(in_engine, stream._given_name, str(self.directory), extension,
                                  header, self.compression, self.roll_bytes,
                                  self.roll_interval // timedelta(milliseconds=1),
                                  self.empty_files)

        return EngineOutput(add)


def _text_of(row: Any) -> str:
    return row if isinstance(row, str) else row.decode("utf-8", "replace") if isinstance(
        row, bytes) else str(row)


@dataclass(frozen=True)
class text(_Files):
    """Lines of text. A sink writes each row as `str` has it."""

    def _stream(self, ssc: Any) -> DStream[str]:
        return DStream(ssc._input("file.text", ssc._native.text_files, str(self.directory),
                                  self.new_files_only, self.recursive))

    def _output(self, stream: Any) -> Any:
        return self._written(stream, ".txt", "", _text_of)


@dataclass(frozen=True)
class json(_Files):
    """Files with one JSON value on each line. A source gives what `json.loads` makes of them; a line
    that is none goes the way of `on_bad_record`. A sink writes what `json.dumps` makes of rows, named
    tuples and dataclasses as objects."""

    on_bad_record: Policy = "fail"

    def _stream(self, ssc: Any) -> DStream[Any]:
        return _records(self, ssc, "file.json", _ReadJson(self.on_bad_record))

    def _output(self, stream: Any) -> Any:
        return self._written(stream, ".json", "", _json_of)


def _json_of(row: Any) -> str:
    return _json.dumps(_plain(row), ensure_ascii=False)


def _plain(row: Any) -> Any:
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return dataclasses.asdict(row)
    return row._asdict() if hasattr(row, "_asdict") else row


@dataclass(frozen=True)
class csv(_Files):
    """Files of comma-separated values. A source gives a dictionary a record, by the names in the
    first one of each file, or in `columns` where there is no header; all values are text. A sink
    writes rows that are tuples or lists in the order of `columns`, mappings, or objects with such
    attributes; None is an empty cell."""

    columns: tuple[str, ...] = ()
    header: bool = True
    delimiter: str = ","
    on_bad_record: Policy = "fail"

    def _stream(self, ssc: Any) -> DStream[dict[str, str]]:
        if not self.header and not self.columns:
            raise ValueError("file.csv: without a header its columns must be named")
        return _records(self, ssc, "file.csv", _ReadCsv(
            self.on_bad_record, list(self.columns), self.header, self.delimiter))

    def _output(self, stream: Any) -> Any:
        if not self.columns:
            raise ValueError("file.csv: the columns that are written must be named")
        line_of = _CsvLine(list(self.columns), self.delimiter)
        return self._written(stream, ".csv", line_of(self.columns) + "\n" if self.header else "",
                             line_of)


class _CsvLine(steps.Step):
    def __call__(self, row: Any) -> str:
        columns, delimiter = self.arguments
        line = io.StringIO()
        _csv.writer(line, delimiter=delimiter, lineterminator="").writerow(
            values_of(row, columns))
        return line.getvalue()


# ---- sources that parse

def _records(files: Any, ssc: Any, operation: str, read: Any) -> DStream[Any]:
    paths = ssc._input(operation, ssc._native.file_paths, str(files.directory),
                       files.new_files_only, files.recursive)
    return DStream(paths.flatMap(read))


def _opened(path: str) -> Any:
    if path.endswith(".gz"):
        import gzip
        return gzip.open(path, "rb")
    if path.endswith(".bz2"):
        import bz2
        return bz2.open(path, "rb")
    if path.endswith((".zst", ".lz4")):
        raise NotImplementedError(f"only .gz and .bz2 are unpacked here: {path}")
    return open(path, "rb")


class _ReadJson(steps.Step):
    def __call__(self, path: str) -> Iterator[Any]:
        (policy,) = self.arguments
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = _json.loads(line)
                except ValueError as why:
                    reject(line.rstrip(b"\r\n"), str(why), policy=policy, source="file json",
                           position=f"{path}, line {number}")
                    continue
                yield row


class _ReadCsv(steps.Step):
    def __call__(self, path: str) -> Iterator[dict[str, str]]:
        policy, columns, header, delimiter = self.arguments
        raw: list[bytes] = []  # of the record that is read

        def lines(file: Any) -> Iterator[str]:
            for line in file:
                raw.append(line)
                yield line.decode("utf-8", "surrogateescape")

        with _opened(path) as file:
            records = _csv.reader(lines(file), delimiter=delimiter, strict=True)
            names = next(records, None) if header else columns
            while names is not None:
                begin = records.line_num + 1
                raw.clear()
                try:
                    record = next(records, None)
                    if record is None:
                        return
                    if len(record) != len(names):
                        raise _csv.Error(f"{len(record)} values for {len(names)} columns")
                    "".join(record).encode("utf-8")
                except (_csv.Error, UnicodeEncodeError) as why:
                    reason = "not UTF-8" if isinstance(why, UnicodeEncodeError) else str(why)
                    reject(b"".join(raw).rstrip(b"\r\n"), reason, policy=policy,
                           source="file csv", position=f"{path}, line {begin}")
                    continue
                yield dict(zip(names, record))
