"""Each member of RDD, with the results that Spark's documentation gives."""

import gzip
import os
import pickle
import random
import re
from operator import add

import pytest
from py4j.protocol import Py4JJavaError

from pyspark import RDD, StorageLevel
from pyspark.rdd import portable_hash


def groups(rdd):
    return sorted((k, tuple(sorted(map(str, part)) for part in parts)) for k, parts in
                  rdd.collect())


# ---- rows


def test_map_filter_flat_map(sc):
    rdd = sc.parallelize([2, 3, 4])
    assert rdd.map(lambda x: x + 1).collect() == [3, 4, 5]
    assert rdd.filter(lambda x: x % 2 == 0).collect() == [2, 4]
    assert sorted(rdd.flatMap(lambda x: range(1, x)).collect()) == [1, 1, 1, 2, 2, 3]
    assert sc.parallelize([]).map(lambda x: 1 / 0).collect() == []


def test_map_partitions(sc):
    rdd = sc.parallelize([1, 2, 3, 4], 2)
    assert rdd.mapPartitions(lambda rows: [sum(rows)]).collect() == [3, 7]
    assert rdd.mapPartitionsWithIndex(lambda i, rows: [(i, list(rows))]).collect() == [
        (0, [1, 2]), (1, [3, 4])]
    assert rdd.mapPartitionsWithSplit(lambda i, rows: [i]).collect() == [0, 1]


def test_glom_and_key_by(sc):
    assert sorted(sc.parallelize([1, 2, 3, 4], 2).glom().collect()) == [[1, 2], [3, 4]]
    assert sc.parallelize([1], 3).glom().collect() == [[], [], [1]]
    assert sc.parallelize(range(3)).keyBy(lambda x: x * x).collect() == [(0, 0), (1, 1), (4, 2)]


def test_distinct_and_sets(sc):
    assert sorted(sc.parallelize([1, 1, 2, 3]).distinct().collect()) == [1, 2, 3]
    a = sc.parallelize([1, 10, 2, 3, 4, 5])
    b = sc.parallelize([1, 6, 2, 3, 7, 8])
    assert sorted(a.intersection(b).collect()) == [1, 2, 3]
    x = sc.parallelize([("a", 1), ("b", 4), ("b", 5), ("a", 3)])
    y = sc.parallelize([("a", 3), ("c", None)])
    assert sorted(x.subtract(y).collect()) == [("a", 1), ("b", 4), ("b", 5)]
    rdd = sc.parallelize([1, 1, 2, 3])
    assert rdd.union(rdd).collect() == [1, 1, 2, 3, 1, 1, 2, 3]
    assert (rdd + rdd).count() == 8
    with pytest.raises(TypeError):
        rdd + [1]


def test_cartesian_and_zip(sc):
    rdd = sc.parallelize([1, 2])
    assert sorted(rdd.cartesian(rdd).collect()) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    x = sc.parallelize(range(0, 5))
    y = sc.parallelize(range(1000, 1005))
    assert x.zip(y).collect() == [(0, 1000), (1, 1001), (2, 1002), (3, 1003), (4, 1004)]
    with pytest.raises(ValueError, match="same number of partitions"):
        x.zip(sc.parallelize([1], 7))
    with pytest.raises(Py4JJavaError, match="same number of elements"):
        x.zip(sc.parallelize(range(6), 2)).collect()
    assert sc.parallelize(["a", "b", "c", "d"], 3).zipWithIndex().collect() == [
        ("a", 0), ("b", 1), ("c", 2), ("d", 3)]
    assert sc.parallelize(["a", "b", "c", "d", "e"], 3).zipWithUniqueId().collect() == [
        ("a", 0), ("b", 1), ("c", 4), ("d", 2), ("e", 5)]


def test_partitions(sc):
    rdd = sc.parallelize([1, 2, 3, 4, 5], 3)
    assert rdd.getNumPartitions() == 3
    assert rdd.glom().collect() == [[1], [2, 3], [4, 5]]
    assert rdd.coalesce(1).glom().collect() == [[1, 2, 3, 4, 5]]
    assert rdd.coalesce(2).map(str).count() == 5
    assert rdd.coalesce(9).getNumPartitions() == 3
    assert sorted(rdd.repartition(7).collect()) == [1, 2, 3, 4, 5]
    assert rdd.repartition(7).getNumPartitions() == 7
    assert len(sc.parallelize(range(1000), 1).repartition(4).glom().map(len).filter(
        lambda n: n == 250).collect()) == 4
    with pytest.raises(ValueError, match="Number of partitions must be positive."):
        rdd.repartition(0)


def test_pipe(sc):
    assert sc.parallelize(["1", "2", "", "3"]).pipe("cat").collect() == ["1", "2", "", "3"]
    with pytest.raises(Py4JJavaError, match="exited with error code 3"):
        sc.parallelize([1]).pipe("/bin/sh -c 'exit 3'", checkCode=True).collect()


def test_samples(sc):
    rdd = sc.parallelize(range(100), 4)
    assert 6 <= rdd.sample(False, 0.1, 81).count() <= 14
    assert rdd.sample(True, 0.5, 7).collect() == rdd.sample(True, 0.5, 7).collect()
    with pytest.raises(ValueError):
        rdd.sample(False, -1)
    assert len(rdd.takeSample(True, 20, 1)) == 20
    assert len(set(rdd.takeSample(False, 5, 2))) == 5
    assert len(rdd.takeSample(False, 1000, 3)) == 100
    with pytest.raises(ValueError, match="Sample size cannot be negative"):
        rdd.takeSample(False, -1)
    a, b = sc.parallelize(range(500), 1).randomSplit([2, 3], 17)
    assert sorted(a.collect() + b.collect()) == list(range(500))
    assert 150 < a.count() < 250
    with pytest.raises(ValueError):
        rdd.randomSplit([-1, 2])
    pairs = sc.parallelize([("a", x) for x in range(1000)] + [("b", x) for x in range(1000)])
    counts = pairs.sampleByKey(False, {"a": 0.2, "b": 0.1}, 2).countByKey()
    assert 100 < counts["a"] < 300 and 50 < counts["b"] < 150


# ---- actions


def test_folds(sc):
    rdd = sc.parallelize([1, 2, 3, 4, 5])
    assert rdd.reduce(add) == 15
    assert rdd.fold(0, add) == 15
    assert sc.parallelize([1, 2], 2).fold(10, add) == 33  # the zero of each partition, and one more
    assert sc.parallelize([1, 2, 3, 4]).aggregate(
        (0, 0), lambda x, y: (x[0] + y, x[1] + 1), lambda x, y: (x[0] + y[0], x[1] + y[1])) == (10, 4)
    numbers = sc.parallelize([-5, -4, -3, -2, -1, 1, 2, 3, 4], 10)
    for depth in (1, 2, 5, 10):
        assert numbers.treeReduce(add, depth) == -5
        assert numbers.treeAggregate(0, add, add, depth) == -5
    for call in (numbers.treeReduce, lambda f, d: numbers.treeAggregate(0, f, f, d)):
        with pytest.raises(ValueError, match="Depth cannot be smaller than 1 but got 0."):
            call(add, 0)
    empty = sc.parallelize([], 2)
    with pytest.raises(ValueError, match=r"Can not reduce\(\) empty RDD"):
        empty.reduce(add)
    with pytest.raises(ValueError, match="Cannot reduce empty RDD."):
        empty.treeReduce(add)
    assert empty.sum() == 0


def test_take_first_and_order(sc):
    assert sc.parallelize([2, 3, 4, 5, 6]).take(2) == [2, 3]
    assert sc.parallelize([2, 3]).take(10) == [2, 3]
    assert sc.parallelize(range(100), 100).filter(lambda x: x > 90).take(3) == [91, 92, 93]
    assert sc.parallelize([2, 3, 4]).first() == 2
    with pytest.raises(ValueError, match="RDD is empty"):
        sc.parallelize([]).first()
    assert sc.parallelize([10, 4, 2, 12, 3]).top(1) == [12]
    assert sc.parallelize([10, 4, 2, 12, 3]).top(3, key=str) == [4, 3, 2]
    assert sc.parallelize([10, 1, 2, 9, 3, 4, 5, 6, 7], 2).takeOrdered(6, key=lambda x: -x) == [
        10, 9, 7, 6, 5, 4]
    assert sc.parallelize([1.0, 5.0, 43.0, 10.0]).max() == 43.0
    assert sc.parallelize([1.0, 5.0, 43.0, 10.0]).max(key=str) == 5.0
    assert sc.parallelize([2.0, 5.0, 43.0, 10.0]).min(key=str) == 10.0
    assert sc.parallelize(range(10)).isEmpty() is False
    assert sc.emptyRDD().isEmpty() and sc.parallelize([]).isEmpty()


def test_take_stops_an_endless_source(sc):
    def forever(x):
        while True:
            yield x

    assert sc.parallelize([1, 2], 2).flatMap(forever).take(3) == [1, 1, 1]


def test_counts(sc):
    rdd = sc.parallelize([1, 2, 1, 2, 2], 2)
    assert rdd.count() == 5
    assert sorted(rdd.countByValue().items()) == [(1, 2), (2, 3)]
    pairs = sc.parallelize([("a", 1), ("b", 1), ("a", 1)])
    assert sorted(pairs.countByKey().items()) == [("a", 2), ("b", 1)]
    assert pairs.collectAsMap() == {"a": 1, "b": 1}
    assert rdd.countApprox(1000, 1.0) == 5
    assert rdd.sumApprox(1000) == 8.0 and rdd.meanApprox(1000).low == 1.6
    assert 900 < sc.parallelize(range(1000)).map(str).countApproxDistinct() < 1100
    with pytest.raises(ValueError):
        rdd.countApproxDistinct(0.00000001)


def test_statistics(sc):
    rdd = sc.parallelize([1, 2, 3])
    assert rdd.sum() == 6 and rdd.mean() == 2.0
    assert rdd.variance() == pytest.approx(0.666, abs=1e-3)
    assert rdd.stdev() == pytest.approx(0.816, abs=1e-3)
    assert rdd.sampleStdev() == 1.0 and rdd.sampleVariance() == 1.0
    stats = rdd.stats()
    assert (stats.count(), stats.min(), stats.max(), stats.sum()) == (3, 1, 3, 6)
    assert "count: 3, mean: 2.0" in repr(stats)


def test_histogram(sc):
    rdd = sc.parallelize(range(51))
    assert rdd.histogram(2) == ([0, 25, 50], [25, 26])
    assert rdd.histogram([0, 5, 25, 50]) == ([0, 5, 25, 50], [5, 20, 26])
    assert rdd.histogram([0, 15, 30, 45, 60]) == ([0, 15, 30, 45, 60], [15, 15, 15, 6])
    words = sc.parallelize(["ab", "ac", "b", "bd", "ef"])
    assert words.histogram(("a", "b", "c")) == (("a", "b", "c"), [2, 2])
    assert sc.parallelize([3, 3]).histogram(5) == ([3, 3], [2])
    for buckets, text in ((0, ">= 1"), ([1], "more than one"), ([2, 1], "sorted"),
                          ([1, 1], "duplicated"), ([None, 1], "None or NaN")):
        with pytest.raises(ValueError, match=text):
            rdd.histogram(buckets)
    with pytest.raises(ValueError, match="empty RDD"):
        sc.parallelize([], 2).histogram(3)
    with pytest.raises(TypeError):
        rdd.histogram("3")


def test_for_each(sc):
    total = sc.accumulator(0)
    sc.parallelize([1, 2, 3], 2).foreach(total.add)
    assert total.value == 6

    def add_all(rows):
        for x in rows:
            total.add(x)

    def add_and_yield(rows):
        for x in rows:
            total.add(x)
            yield x

    sc.parallelize([1, 2, 3], 2).foreachPartition(add_all)
    sc.parallelize([1, 2, 3], 2).foreachPartition(add_and_yield)
    assert total.value == 18


def test_local_iterator(sc):
    assert list(sc.parallelize(range(10), 3).toLocalIterator()) == list(range(10))
    assert sc.parallelize(range(3)).collectWithJobGroup("g", "d") == [0, 1, 2]


# ---- pairs


def test_by_key(sc):
    pairs = sc.parallelize([("a", 1), ("b", 1), ("a", 1)])
    assert sorted(pairs.reduceByKey(add).collect()) == [("a", 2), ("b", 1)]
    assert sorted(pairs.groupByKey().mapValues(list).collect()) == [("a", [1, 1]), ("b", [1])]
    assert sorted(pairs.groupByKey().mapValues(len).collect()) == [("a", 2), ("b", 1)]
    assert sorted(pairs.combineByKey(lambda v: [v], lambda c, v: c + [v],
                                     lambda a, b: a + b).collect()) == [("a", [1, 1]), ("b", [1])]
    assert sorted(pairs.aggregateByKey(0, add, add).collect()) == [("a", 2), ("b", 1)]
    assert sorted(pairs.foldByKey(0, add).collect()) == [("a", 2), ("b", 1)]
    assert sorted(pairs.aggregateByKey([], lambda c, v: c.append(v) or c, add).collect()) == [
        ("a", [1, 1]), ("b", [1])]
    assert pairs.reduceByKeyLocally(add) == {"a": 2, "b": 1}
    assert sorted(pairs.keys().collect()) == ["a", "a", "b"]
    assert pairs.values().collect() == [1, 1, 1]
    assert pairs.mapValues(lambda v: v + 1).collect() == [("a", 2), ("b", 2), ("a", 2)]
    assert sc.parallelize([("a", ["x", "y"]), ("b", ["p"])]).flatMapValues(
        lambda v: v).collect() == [("a", "x"), ("a", "y"), ("b", "p")]
    assert pairs.reduceByKey(add, 5).getNumPartitions() == 5
    assert sorted((k, sorted(v)) for k, v in sc.parallelize([1, 1, 2, 3, 5, 8]).groupBy(
        lambda x: x % 2).collect()) == [(0, [2, 8]), (1, [1, 1, 3, 5])]


def test_group_values_are_read_twice(sc):
    ((_, values),) = sc.parallelize([(1, 2), (1, 3)]).groupByKey().collect()
    assert list(values) == [2, 3] and list(values) == [2, 3] and len(values) == 2


def test_joins(sc):
    x = sc.parallelize([("a", 1), ("b", 4)])
    y = sc.parallelize([("a", 2), ("a", 3), ("c", 8)])
    assert sorted(x.join(y).collect()) == [("a", (1, 2)), ("a", (1, 3))]
    assert sorted(x.leftOuterJoin(y).collect()) == [
        ("a", (1, 2)), ("a", (1, 3)), ("b", (4, None))]
    assert sorted(y.rightOuterJoin(x).collect()) == [
        ("a", (2, 1)), ("a", (3, 1)), ("b", (None, 4))]
    assert sorted(x.fullOuterJoin(y).collect()) == [
        ("a", (1, 2)), ("a", (1, 3)), ("b", (4, None)), ("c", (None, 8))]
    assert groups(x.cogroup(y)) == [("a", (["1"], ["2", "3"])), ("b", (["4"], [])),
                                    ("c", ([], ["8"]))]
    assert groups(x.groupWith(y, x))[0] == ("a", (["1"], ["2", "3"], ["1"]))
    assert sorted(x.subtractByKey(y).collect()) == [("b", 4)]
    assert x.join(y, 3).getNumPartitions() == 3
    assert x.join(y).getNumPartitions() == x.getNumPartitions() + y.getNumPartitions()


def test_sorting(sc):
    rows = [("a", 1), ("b", 2), ("1", 3), ("d", 4), ("2", 5)]
    rdd = sc.parallelize(rows)
    assert rdd.sortByKey().first() == ("1", 3)
    ordered = [("1", 3), ("2", 5), ("a", 1), ("b", 2), ("d", 4)]
    assert rdd.sortByKey(True, 1).collect() == ordered
    assert rdd.sortByKey(True, 2).collect() == ordered
    assert rdd.sortByKey(False, 2).collect() == ordered[::-1]
    assert rdd.sortBy(lambda row: row[1]).collect() == rows
    upper = sc.parallelize([("Mary", 1), ("had", 2), ("a", 3)])
    assert upper.sortByKey(True, 3, keyfunc=str.lower).keys().collect() == ["a", "had", "Mary"]
    assert sc.parallelize([]).sortByKey().collect() == []
    shuffled = list(range(10000))
    random.Random(5).shuffle(shuffled)
    assert sc.parallelize(shuffled, 4).sortBy(lambda x: x).collect() == list(range(10000))
    parts = sc.parallelize([(0, 5), (3, 8), (2, 6), (0, 8), (3, 8), (1, 3)]) \
        .repartitionAndSortWithinPartitions(2, lambda x: x % 2, True).glom().collect()
    assert parts == [[(0, 5), (0, 8), (2, 6)], [(1, 3), (3, 8), (3, 8)]]


def test_partition_by(sc):
    pairs = sc.parallelize([1, 2, 3, 4, 2, 4, 1]).map(lambda x: (x, x))
    parts = pairs.partitionBy(2).glom().collect()
    assert len(parts) == 2 and not set(parts[0]) & set(parts[1])
    assert {k for k, _ in parts[0]} == {2, 4}  # a number is its own hash
    assert pairs.partitionBy(2).partitionBy(2).toDebugString().count(b"partitionBy") == 2
    assert pairs.partitionBy(3).reduceByKey(add).partitioner == pairs.partitionBy(3).partitioner
    assert sorted(pairs.partitionBy(2).join(pairs.partitionBy(2), 2).keys().distinct().collect()
                  ) == [1, 2, 3, 4]
    words = sc.parallelize([(w, 1) for w in "abcdefgh"]).partitionBy(3).glom().collect()
    again = sc.parallelize([(w, 1) for w in "hgfedcba"], 5).partitionBy(3).glom().collect()
    assert [sorted(part) for part in words] == [sorted(part) for part in again]


def test_lookup(sc):
    pairs = sc.parallelize(zip(range(1000), range(1000)), 10)
    assert pairs.lookup(42) == [42]
    assert pairs.sortByKey().lookup(42) == [42] and pairs.sortByKey().lookup(1024) == []
    texts = sc.parallelize([(("a", "b"), "c")]).groupByKey()
    assert list(texts.lookup(("a", "b"))[0]) == ["c"]


def test_portable_hash():
    assert portable_hash(None) == 0
    assert portable_hash((None, 1)) & 0xFFFFFFFF == 219750521
    assert portable_hash(7) == 7


# ---- keeping, naming, saving


def test_cache(sc):
    runs = sc.accumulator(0)

    def seen(x):
        runs.add(1)
        return x

    rdd = sc.parallelize([1, 2, 3], 2).map(seen).cache()
    assert rdd.is_cached and rdd.getStorageLevel() == StorageLevel.MEMORY_ONLY
    assert rdd.count() == 3 and rdd.collect() == [1, 2, 3]
    assert rdd.map(lambda x: -x).sum() == -6
    assert runs.value == 3
    rdd.unpersist()
    assert not rdd.is_cached and rdd.count() == 3 and runs.value == 6


def test_checkpoints(sc, tmp_path):
    sc.setCheckpointDir(str(tmp_path))
    rdd = sc.parallelize(range(5), 2).flatMap(lambda x: range(1, x + 1))
    rdd.checkpoint()
    assert not rdd.isCheckpointed()
    assert rdd.count() == 10 and rdd.isCheckpointed()
    assert os.path.isdir(rdd.getCheckpointFile().removeprefix("file:"))
    assert rdd.collect() == [1, 1, 2, 1, 2, 3, 1, 2, 3, 4]
    local = sc.parallelize([1, 2]).map(str)
    local.localCheckpoint()
    assert local.collect() == ["1", "2"] and local.isLocallyCheckpointed()
    assert local.collect() == ["1", "2"]


def test_names_and_lineage(sc):
    rdd = sc.parallelize([1]).map(str).setName("rdd1")
    assert rdd.name() == "rdd1" and str(rdd).startswith("rdd1 PythonRDD[") and rdd.context is sc
    assert isinstance(rdd.toDebugString(), bytes) and rdd.id() > 0
    assert isinstance(rdd, RDD)


def test_text_files(sc, tmp_path):
    path = str(tmp_path / "out")
    sc.parallelize(["foo", "bär", 1], 2).saveAsTextFile(path)
    assert sorted(os.listdir(path)) == ["_SUCCESS", "part-00000", "part-00001"]
    assert sorted(sc.textFile(path).collect()) == ["1", "bär", "foo"]
    with pytest.raises(Py4JJavaError, match="FileAlreadyExistsException"):
        sc.parallelize([1]).saveAsTextFile(path)
    with pytest.raises(Py4JJavaError, match="empty string"):
        sc.parallelize([1]).saveAsTextFile("")
    zipped = str(tmp_path / "zipped")
    sc.parallelize(["x"], 1).saveAsTextFile(zipped,
                                            "org.apache.hadoop.io.compress.GzipCodec")
    assert os.path.exists(zipped + "/part-00000.gz")
    assert sc.textFile(path, use_unicode=False).map(type).distinct().collect() == [bytes]
    assert dict(sc.wholeTextFiles(path).values().map(lambda t: (t, 1)).collect())["bär\n1\n"] == 1
    with pytest.raises(Py4JJavaError, match="Input path does not exist"):
        sc.textFile(str(tmp_path / "nothing")).count()
    (tmp_path / "ends").write_bytes(b"a\r\nb\rc\n\nlast \xff\xe2\x80\xa8x")
    lines = sc.textFile(str(tmp_path / "ends"))
    assert lines.collect() == ["a", "b", "c", "", "last \ufffd\u2028x"]
    assert lines.cache().collect() == lines.collect()
    assert sc.textFile(path + "," + path).count() == 6


def test_pickled_and_binary_files(sc, tmp_path):
    path = str(tmp_path / "pickled")
    sc.parallelize([1, "rdd", (None, [2])], 2).saveAsPickleFile(path)
    assert sc.pickleFile(path).collect() == [1, "rdd", (None, [2])]
    (tmp_path / "bin").write_bytes(b"abcd")
    assert sc.binaryRecords(str(tmp_path / "bin"), 2).collect() == [b"ab", b"cd"]
    ((name, data),) = sc.binaryFiles(str(tmp_path / "bin")).collect()
    assert name.endswith("/bin") and data == b"abcd"


# ---- what goes wrong


def test_failures_show_the_traceback(sc):
    with pytest.raises(Py4JJavaError, match="(?s)Traceback.*in divide.*ZeroDivisionError"):
        def divide(x):
            return x / 0
        sc.parallelize([1, 2]).map(divide).collect()
    assert sc.parallelize([1]).collect() == [1]  # the worker goes on


def test_stop_iteration_is_an_error(sc):
    def stop(x):
        raise StopIteration()

    rdd = sc.parallelize(range(10))
    for call in (lambda: rdd.map(stop).collect(), lambda: rdd.filter(stop).collect(),
                 lambda: rdd.foreach(stop), lambda: rdd.keyBy(stop).count()):
        with pytest.raises(Py4JJavaError, match="Caught StopIteration"):
            call()


def test_a_dead_worker_is_replaced(sc, tmp_path):
    mark = tmp_path / "died"

    def die_once(x):
        if not mark.exists():
            mark.write_text("")
            os._exit(1)
        return x

    assert sc.parallelize([1, 2, 3], 2).map(die_once).collect() == [1, 2, 3]
    with pytest.raises(Py4JJavaError, match="worker process ended"):
        sc.parallelize([1]).map(lambda x: os._exit(1)).collect()


def test_paths_are_patterns(sc, tmp_path):
    for name in ("a.txt", "b.txt", "c.log"):
        (tmp_path / name).write_text(name + "\n")
    with gzip.open(tmp_path / "d.gz", "wb") as packed:
        packed.write(b"packed\n")
    for pattern, lines in (("{a,b}.txt", ["a.txt", "b.txt"]), ("{a.txt,c.log}", ["a.txt", "c.log"]),
                           ("?.txt", ["a.txt", "b.txt"]), ("[ac].*", ["a.txt", "c.log"]),
                           (f"c.log,{tmp_path}/b.txt", ["b.txt", "c.log"])):
        assert sorted(sc.textFile(f"{tmp_path}/{pattern}").collect()) == lines
        assert sorted(sc.wholeTextFiles(f"{tmp_path}/{pattern}").values().collect()) == [
            line + "\n" for line in lines]
    assert sc.wholeTextFiles(str(tmp_path / "d.gz")).values().collect() == ["packed\n"]
    assert sc.binaryFiles(str(tmp_path / "d.gz")).values().first()[:2] == b"\x1f\x8b"
    for path, words in (("none", "Input path does not exist"), ("{no,ne}", "matches 0 files"),
                        (f"c.log,{tmp_path}/none", "Input path does not exist")):
        for read in (sc.textFile, sc.wholeTextFiles):
            with pytest.raises(Py4JJavaError, match=words) as caught:
                read(f"{tmp_path}/{path}").count()
            thrown = caught.value.java_exception.getClass()
            assert thrown.getSimpleName() == "InvalidInputException"


def test_references_are_refused(sc):
    rdd = sc.parallelize([1])
    with pytest.raises(pickle.PicklingError, match="(?s)reference an RDD.*SPARK-5063"):
        rdd.map(lambda x: rdd.count()).collect()
    with pytest.raises(pickle.PicklingError, match="(?s)reference SparkContext.*SPARK-5063"):
        rdd.map(lambda x: sc.parallelize([x])).collect()
    with pytest.raises(RuntimeError, match="SPARK-5063"):
        pickle.dumps(rdd)


def test_misuse_is_refused_as_in_spark(sc, monkeypatch):
    monkeypatch.setattr(sc, "_checkpoint_dir", None)
    rdd, none = sc.parallelize([1, 2], 2), sc.emptyRDD()
    for call, kind, text in (
            (lambda: rdd.randomSplit([-1]), ValueError, "Weights must be nonnegative"),
            (lambda: rdd.keyBy(str).sampleByKey(False, {"1": -0.2}), AssertionError, "-0.2"),
            (lambda: none.top(1), ValueError, "empty RDD"),
            (lambda: sc.union([]), IndexError, ""),
            (rdd.checkpoint, Py4JJavaError, "Checkpoint directory has not been set")):
        with pytest.raises(kind, match=text):
            call()
    assert none.takeOrdered(1) == []


def test_a_failure_can_be_asked_as_in_java(sc):
    with pytest.raises(Py4JJavaError) as caught:
        sc.parallelize([0], 1).map(lambda x: 1 // x).collect()
    failure = caught.value
    assert failure.errmsg.startswith("An error occurred while calling ")
    thrown = failure.java_exception
    assert thrown.getClass().getName() == "org.apache.spark.SparkException"
    assert thrown.getMessage().startswith("Job aborted due to stage failure: ")
    assert str(thrown) == f"org.apache.spark.SparkException: {thrown.getMessage()}"
    cause = thrown.getCause()
    assert cause.getClass().getSimpleName() == "PythonException" and cause.getCause() is None
    assert cause.getMessage().startswith("Traceback") and "ZeroDivisionError" in cause.getMessage()
    assert "PythonException: Traceback" in str(failure)
    with pytest.raises(Py4JJavaError) as caught:
        sc.parallelize([1], 1).saveAsTextFile("")
    thrown = caught.value.java_exception
    assert thrown.getClass().getSimpleName() == "IllegalArgumentException"
    assert thrown.getCause() is None and "empty string" in thrown.getMessage()


class Point:
    def __init__(self, x):
        self.x = x


def test_classes_and_closures_travel(sc):
    class Local:
        def __init__(self, x):
            self.x = x

    n = 3
    assert [p.x for p in sc.parallelize([Point(1)]).map(lambda p: Point(p.x + n)).collect()] == [4]
    (made,) = sc.parallelize([Local(1)]).map(lambda p: Local(p.x * 2)).collect()
    assert isinstance(made, Local) and made.x == 2


@pytest.mark.parametrize("call", [
    "saveAsHadoopDataset", "saveAsHadoopFile", "saveAsNewAPIHadoopDataset",
    "saveAsNewAPIHadoopFile", "saveAsSequenceFile", "toDF"])
def test_what_needs_a_jvm_says_so(sc, call):
    with pytest.raises(NotImplementedError, match=call):
        getattr(sc.parallelize([1]), call)("x")


def test_barrier(sc):
    assert sc.parallelize([1, 2], 2).barrier().mapPartitions(lambda rows: rows).collect() == [1, 2]


def test_large_data_crosses(sc):
    rows = [("key%d" % (i % 5000), "x" * 100) for i in range(50000)]
    grouped = sc.parallelize(rows, 3).groupByKey(4).mapValues(len).collectAsMap()
    assert len(grouped) == 5000 and set(grouped.values()) == {10}
    assert sc.parallelize(["y" * 5_000_000], 1).map(len).collect() == [5_000_000]


def test_lineage_as_spark_prints_it(sc):
    pairs = sc.parallelize([("a", 1)], 2).map(lambda pair: pair)
    sums = pairs.reduceByKey(add).setName("sums").cache()
    lines = [re.sub(r"\[\d+\]", "", line)
             for line in sc.union([pairs, sums]).toDebugString().decode().split("\n")]
    assert lines == [
        "(4) UnionRDD at union []",
        " |  PythonRDD at map []",
        " |  ParallelCollectionRDD at parallelize []",
        " |  sums PythonRDD at reduceByKey [Memory Serialized 1x Replicated]",
        " |  ShuffledRDD at reduceByKey []",
        " +-(2) PairwiseRDD at reduceByKey []",
        "    |  PythonRDD at map []",
        "    |  ParallelCollectionRDD at parallelize []"]
