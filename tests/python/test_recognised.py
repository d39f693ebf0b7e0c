"""What the engine does itself of a Python program gives what Python gives: both ways are run on
random data, and compared with their order and their partitions."""

import operator
import random

import pytest

from pyspark import recognised
from pyspark.rdd import portable_hash

PIECES = ["a", "bb", "word", " ", "  ", "\t", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "é",
          "ÿ", "Ā", "日本", "\u2003", "\u2028", "\u3000", "😀", "\n", "\r", "\r\n", "\n\n", ",", "\0"]
BROKEN = [b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5"]


def random_text(source, broken):
    parts = [source.choice(PIECES).encode() for _ in range(source.randrange(200))]
    if broken:
        for _ in range(3):
            parts.insert(source.randrange(len(parts) + 1), source.choice(BROKEN))
    return b"".join(parts)


def both_ways(sc, make):
    """What `make()` gives where functions are known, and where they are not."""
    known = sc._knows_functions
    assert known is not None
    here = make()
    sc._knows_functions = None
    try:
        return here, make()
    finally:
        sc._knows_functions = known


CHAINS = {
    "fields": lambda lines: lines.flatMap(lambda line: line.split(" ")),
    "words": lambda lines: lines.flatMap(str.split),
    "at commas": lambda lines: lines.flatMap(lambda x: x.split(",")),
    "pairs": lambda lines: lines.flatMap(lambda x: x.split()).map(lambda w: (w, 1)),
    "lines": lambda lines: lines.map(lambda line: (line, -7)),
    "counts": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).reduceByKey(lambda a, b: a + b, 3),
    "more counts": lambda lines: lines.flatMap(lambda line: line.split()).map(
        lambda word: (word, 500)).reduceByKey(operator.add),
    "counts of counts": lambda lines: lines.map(lambda line: (line, 1)).reduceByKey(
        operator.add, 2).union(lines.map(lambda x: (x, 2))).reduceByKey(operator.add, 5),
    "windows": lambda lines: lines.ctx.union([lines.map(lambda w: (w, 1)).reduceByKey(
        operator.add, 2) for _ in range(3)]).reduceByKey(lambda x, y: x + y, 2),
    "and then others": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).reduceByKey(lambda a, b: a + b).map(
            lambda pair: (pair[1], pair[0])).sortByKey(numPartitions=2),
}


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("chain", CHAINS)
def test_equal(sc, tmp_path, chain, broken):
    source = random.Random(chain)
    for number in range(6):
        path = tmp_path / str(number)
        path.write_bytes(random_text(source, broken))

        def results():
            rdd = CHAINS[chain](sc.textFile(str(path), source.choice([1, 3])))
            return (rdd.glom().collect(), rdd.collect(), rdd.count(), rdd.take(3), rdd.isEmpty(),
                    rdd.cache().collect(), rdd.count())

        state = source.getstate()
        here = results()
        source.setstate(state)
        sc._knows_functions, known = None, sc._knows_functions
        try:
            assert results() == here
        finally:
            sc._knows_functions = known


def test_the_engine_did_it(sc, tmp_path):
    (tmp_path / "f").write_text("a b a\n")
    counts = CHAINS["counts"](sc.textFile(str(tmp_path / "f")))
    assert counts._typed() is not None
    assert counts.map(lambda pair: pair)._typed() is None


def test_keys_lie_where_python_puts_them(sc, tmp_path):
    words = ["", "a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "é" * 9, "ÿ", "Ā", "日本語", "😀x"]
    (tmp_path / "f").write_text("\n".join(words))
    counts = sc.textFile(str(tmp_path / "f")).map(lambda x: (x, 1)).reduceByKey(operator.add, 5)
    here, there = both_ways(sc, lambda: sc.parallelize(words, 1).map(
        lambda x: (x, 1)).reduceByKey(operator.add, 5).glom().collect())
    assert here == there and counts._typed() is not None
    assert [set(part) for part in counts.glom().collect()] == [set(part) for part in here]
    if sc._hashes_as_workers():
        for p, part in enumerate(counts.glom().collect()):
            assert all(portable_hash(k) % 5 == p for k, _ in part)
    assert counts.lookup("日本語") == [1] and counts.join(counts).count() == len(words)


def test_only_what_says_exactly_that():
    number, split = 1, " "
    assert recognised.paired_with(lambda anything: (anything, 3)) == 3
    for f in (lambda x: (x, number), lambda x: (x, 1.0), lambda x: (x, True), lambda x: (x, 2 ** 70),
              lambda x: (1, x), lambda x: (x, 1, 1), lambda x, y=1: (x, 1), lambda *x: (x, 1),
              operator.add, str, None):
        assert recognised.paired_with(f) is None
    assert recognised.cut_at(lambda x: x.split(",")) == "," and recognised.cut_at(str.split) == ""
    for f in (lambda x: x.split(split), lambda x: x.split(" ", 1), lambda x: x.rsplit(" "),
              lambda x: x.split(""), lambda x: x.split(None), lambda x, y: x.split(" ")):
        assert recognised.cut_at(f) is None
    assert recognised.is_sum(lambda p, q: p + q) and recognised.is_sum(operator.add)
    for f in (lambda a, b: b + a, lambda a, b: a - b, lambda a, b: a + a, lambda a, b: a + b + 0,
              operator.iadd, max):
        assert not recognised.is_sum(f)


def test_sums_that_do_not_fit(sc, tmp_path):
    (tmp_path / "f").write_text("a\n")
    counts = sc.textFile(str(tmp_path / "f"), 1).map(lambda x: (x, 1000)).reduceByKey(operator.add)
    for _ in range(14):
        counts = counts.union(counts).reduceByKey(operator.add, 1).cache()
    assert counts.collect() == [("a", 1000 * 2 ** 14)] and counts._typed() is None


def test_names_that_mean_something_else(sc, tmp_path, monkeypatch):
    (tmp_path / "f").write_text("a b\nb a b\n")
    pairs = sc.textFile(str(tmp_path / "f"), 1).flatMap(lambda x: x.split(" ")).map(
        lambda w: (w, 1))
    monkeypatch.setattr(operator, "add", lambda a, b: a + b + 10)
    assert not recognised.is_sum(operator.add)
    assert sorted(pairs.reduceByKey(operator.add).collect()) == [("a", 12), ("b", 23)]

    def split(line):
        return [line]

    shadowed = {"str": type("str", (), {"split": staticmethod(split)})}
    f = eval("lambda line: str.split(line)", shadowed)
    assert sc.textFile(str(tmp_path / "f"), 1).flatMap(f).collect() == ["a b", "b a b"]
    assert sc.textFile(str(tmp_path / "f"), 1).flatMap(shadowed["str"].split).count() == 2


def test_values_that_are_no_plain_numbers(sc):
    class Text(str):
        def split(self, *arguments):
            return ["mine"]

    lines = sc.parallelize([Text("a b"), "c d"], 1)
    assert lines.flatMap(lambda x: x.split(" ")).collect() == ["mine", "c", "d"]
    pairs = sc.parallelize([("a", 2 ** 63), ("a", 2 ** 63), ("b", "x"), ("b", "y")], 2)
    assert dict(pairs.reduceByKey(operator.add).collect()) == {"a": 2 ** 64, "b": "xy"}


def test_steps_as_one_loop(sc):
    """Each kind of step after each other, against Python's own way."""
    rows = [f"{i} {i % 3}" for i in range(20)]
    rdd = sc.parallelize(rows, 3)
    keyed = rdd.flatMap(str.split).filter(lambda w: w != "1").keyBy(len).mapValues(int)
    words = [w for row in rows for w in row.split() if w != "1"]
    assert keyed.collect() == [(len(w), int(w)) for w in words]
    assert keyed.flatMapValues(range).map(lambda kv: kv[1]).filter(lambda n: n % 2).collect() == [
        n for w in words for n in range(int(w)) if n % 2]
    assert keyed.filter(lambda kv: kv[1] > 2).count() == sum(int(w) > 2 for w in words)
    assert dict(keyed.reduceByKey(operator.add).collect()) == {
        n: sum(int(w) for w in words if len(w) == n) for n in {len(w) for w in words}}
    assert dict(keyed.combineByKey(str, lambda c, v: c + str(v), lambda a, b: a + b, 2).mapValues(
        len).collect()) == {n: n * sum(len(w) == n for w in words) for n in {len(w) for w in words}}
    assert rdd.map(str.split).map(tuple).map(lambda p: p[1]).glom().map(len).collect() == [6, 7, 7]
