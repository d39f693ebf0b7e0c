"""`millrace.file`, `millrace.sql`, dead letters: what comes in and goes out of streams."""

import dataclasses
import datetime
import gzip
import json
import sqlite3
from collections import namedtuple

import pytest

import millrace
from millrace import file, sql
from millrace.pytest_plugin import millrace_context, millrace_streams  # noqa: F401

Click = namedtuple("Click", "page user")


@dataclasses.dataclass
class Visit:
    page: str
    seconds: int


@pytest.fixture
def streams(millrace_streams, tmp_path):  # noqa: F811
    (tmp_path / "in").mkdir()
    (tmp_path / "in2").mkdir()
    return millrace_streams


def put(directory, name, text):
    """A file that appears whole."""
    hidden = directory / f".{name}"
    hidden.write_bytes(text if isinstance(text, bytes) else text.encode())
    hidden.rename(directory / name)


def lines_in(directory):
    return [line for path in sorted(directory.glob("[!_.]*"))
            for line in path.read_text().splitlines()]


# ---- files

def test_lines_of_files(streams, tmp_path):
    put(tmp_path / "in", "before", "left out\n")
    lines = streams.streaming.stream(file.text(tmp_path / "in"))
    lines.map(str.upper).named("upper").write(file.text(tmp_path / "out"))
    lines.write(file.text(tmp_path / "same"))
    streams.step()
    put(tmp_path / "in", "1", "a\nb é\n")
    streams.step()
    put(tmp_path / "in", "2", b"\xff\n")
    streams.step()
    assert lines_in(tmp_path / "out")[:2] == ["A", "B É"]
    assert {path.name.split(".")[1] for path in (tmp_path / "out").glob("*.txt")} == {"upper"}
    raw = b"".join(path.read_bytes() for path in sorted((tmp_path / "same").glob("*.txt")))
    assert raw == "a\nb é\n".encode() + b"\xff\n"  # without a detour over Python


def test_files_of_several_batches(streams, tmp_path):
    streams.input(["a"], ["b"], ["c"], partitions=1).write(
        file.text(tmp_path / "out", roll_interval=datetime.timedelta(hours=1)))
    streams.step(3)
    streams.stop()
    (only,) = (tmp_path / "out").glob("*.txt")
    assert only.read_text() == "a\nb\nc\n"


def test_what_was_there_and_below(streams, tmp_path):
    put(tmp_path / "in", "before", "1\n")
    (tmp_path / "in" / "below").mkdir()
    put(tmp_path / "in" / "below", "2", "2\n")
    lines = streams.streaming.stream(
        file.text(tmp_path / "in", new_files_only=False, recursive=True))
    assert [sorted(rows) for rows in streams.run(lines, 1)] == [["1", "2"]]


def test_json(streams, tmp_path):
    values = streams.streaming.stream(file.json(tmp_path / "in"))
    got = streams.collect(values)
    streams.input([Click("a", 1), Visit("b", 2), {"c": None}, [1, "é"]], partitions=1).write(
        file.json(tmp_path / "out"))
    streams.step()
    put(tmp_path / "in", "1", '{"n": 1}\n\n[2, "é"]\n')
    put(tmp_path / "in", "2.gz", gzip.compress(b"3\n"))
    streams.step()
    assert sorted(got[1], key=str) == [3, [2, "é"], {"n": 1}]
    assert [json.loads(line) for line in lines_in(tmp_path / "out")] == [
        {"page": "a", "user": 1}, {"page": "b", "seconds": 2}, {"c": None}, [1, "é"]]


def test_csv(streams, tmp_path):
    rows = streams.streaming.stream(file.csv(tmp_path / "in"))
    other = streams.streaming.stream(
        file.csv(tmp_path / "in2", columns=("x", "y"), header=False, delimiter=";"))
    got, got_other = streams.collect(rows), streams.collect(other)
    streams.input([Click("a,b", 1), ("c", None), {"page": 'say "d"', "user": 3}, Visit("e", 0)][:3],
                  partitions=1).write(file.csv(tmp_path / "out", columns=("page", "user")))
    put(tmp_path / "in2", "before", "left;out\n")
    streams.step()
    put(tmp_path / "in", "1", 'page,user\n"a,b",1\n"two\nlines",\n')
    put(tmp_path / "in2", "1", "1;2\n")
    streams.step()
    assert got[1] == [{"page": "a,b", "user": "1"}, {"page": "two\nlines", "user": ""}]
    assert got_other[1] == [{"x": "1", "y": "2"}]
    assert lines_in(tmp_path / "out") == ["page,user", '"a,b",1', "c,", '"say ""d""",3']


def test_csv_wants_names(streams, tmp_path):
    with pytest.raises(ValueError, match="named"):
        streams.streaming.stream(file.csv(tmp_path, header=False))
    with pytest.raises(ValueError, match="named"):
        streams.input([]).write(file.csv(tmp_path))


# ---- bad records

def test_bad_records_are_kept(streams, millrace_context, tmp_path):  # noqa: F811
    values = streams.streaming.stream(file.json(tmp_path / "in", on_bad_record="quarantine"))
    rows = streams.streaming.stream(file.csv(tmp_path / "in2", on_bad_record="quarantine"))
    skipped = streams.streaming.stream(file.json(tmp_path / "in", on_bad_record="skip"))
    got = [streams.collect(one) for one in (values, rows, skipped)]
    streams.step()
    put(tmp_path / "in", "1", b'1\n{"n": \xff}\n2\n')
    put(tmp_path / "in2", "1", b"a,b\n1,2\n'1',\"2\",3\n3,4\n\xff,5\n")
    streams.step()
    assert [one[1] for one in got] == [
        [1, 2], [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}], [1, 2]]
    letters = sorted(millrace.dead_letters(millrace_context, tmp_path / "checkpoint/dead_letters"),
                     key=lambda letter: (letter.source, letter.time))
    assert [(one.source, one.bytes) for one in letters] == [
        ("file csv", b"'1',\"2\",3"), ("file csv", b"\xff,5"), ("file json", b'{"n": \xff}')]
    assert [one.reason for one in letters[:2]] == ["3 values for 2 columns", "not UTF-8"]
    assert letters[2].position == f"{tmp_path}/in/1, line 2"
    assert letters[0].time.tzinfo is not None


def test_functions_that_parse_reject(streams, millrace_context, tmp_path):  # noqa: F811
    def parsed(line):
        try:
            yield int(line)
        except ValueError as why:
            millrace.reject(line, str(why), source="numbers", position="here")

    assert streams.run(streams.input(["1", "x", "3"]).flat_map(parsed)) == [[1, 3]]
    (letter,) = millrace.dead_letters(millrace_context, tmp_path / "checkpoint/dead_letters")
    assert letter[2:] == ("numbers", "here", "invalid literal for int() with base 10: 'x'", b"x")
    assert millrace.dead_letters(millrace_context, tmp_path / "nothing").collect() == []
    with pytest.raises(millrace.BadRecord, match="numbers: why: 'x'"):
        millrace.reject("x", "why", policy="fail", source="numbers")
    with pytest.raises(RuntimeError, match="outside"):
        millrace.reject("x", "why")


def test_a_bad_record_fails_its_batch(streams, tmp_path):
    streams.collect(streams.streaming.stream(file.json(tmp_path / "in")))
    streams.step()
    put(tmp_path / "in", "1", "no json\n")
    with pytest.raises(millrace.BatchFailed, match="BadRecord.*line 1"):
        streams.step()


# ---- databases

COLUMNS = {"word": str, "n": int, "mean": float, "known": bool, "day": datetime.date,
           "more": dict}


def test_rows_are_inserted(streams, millrace_context, tmp_path):  # noqa: F811
    database = f"sqlite:{tmp_path}/db"
    sql.execute(database, "CREATE TABLE t (word TEXT, n INTEGER, mean REAL, known BOOLEAN, day TEXT, "
                          "more TEXT)")
    day = datetime.date(2026, 11, 29)
    rows = [("é", 1, 0.1, True, day, {"a": [1]}), ("b", -2 ** 63, None, False, None, None)]
    streams.input(rows, [dict(zip(COLUMNS, rows[0]))]).write(sql.insert(database, "t", COLUMNS))
    streams.step(2)
    got = sql.query(millrace_context, database, "SELECT * FROM t ORDER BY word DESC", COLUMNS)
    assert got.collect() == [rows[0], rows[0], rows[1]] and got.partitions == 1
    with sqlite3.connect(tmp_path / "db") as direct:
        assert direct.execute("SELECT count(*) FROM millrace_batches").fetchone()[0] >= 2
        assert direct.execute("SELECT more FROM t WHERE n = 1").fetchone() == ('{"a": [1]}',)


def test_rows_take_the_place_of_others(streams, millrace_context, tmp_path):  # noqa: F811
    database = f"sqlite:{tmp_path}/db"
    sql.execute(database, "CREATE TABLE totals (word TEXT PRIMARY KEY, total INTEGER)")
    words = streams.input(["a", "b", "a"], ["a"]).map(lambda word: (word, 1))
    totals = words.update_state_by_key(lambda ones, total: sum(ones) + (total or 0))
    totals.named("totals").write(
        sql.upsert(database, "totals", {"word": str, "total": int}, key=("word",)))
    streams.step(2)
    query = sql.query(millrace_context, database, "SELECT total, word FROM totals ORDER BY word",
                      {"total": int, "word": str})
    assert query.collect() == [(3, "a"), (1, "b")]
    with sqlite3.connect(tmp_path / "db") as direct:
        assert direct.execute("SELECT DISTINCT operation FROM millrace_batches").fetchall() == [
            ("totals",)]


def test_rows_that_fit_no_table(streams, tmp_path):
    database = f"sqlite:{tmp_path}/db"
    sql.execute(database, "CREATE TABLE t (n INTEGER)")
    with pytest.raises(TypeError, match="the column n.*complex"):
        streams.input([]).write(sql.insert(database, "t", {"n": complex}))
    with pytest.raises(ValueError, match="key"):
        sql.upsert(database, "t", {"n": int})
    streams.input([2 ** 63]).write(sql.insert(database, "t", {"n": int}))
    with pytest.raises(millrace.BatchFailed, match="at most 64 bits.*columns \\['n'\\]"):
        streams.step()
    with sqlite3.connect(tmp_path / "db") as direct:
        assert direct.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_query_that_does_not_fit(millrace_context, tmp_path):  # noqa: F811
    database = f"sqlite:{tmp_path}/db"
    with pytest.raises(Exception, match="another number of columns"):
        sql.query(millrace_context, database, "SELECT 1, 2", {"n": int}).collect()
