#!/usr/bin/env python3
"""Writes into *.cases what PySpark gives: the results of all cases with `from: spark`.

Usage: record_from_pyspark.py FILE...
Needs PySpark 3.5 and Java 17. A case that should be refused must raise in PySpark too. With
--check nothing is written: a difference is an error.
"""

import shlex
import sys

from pyspark import SparkConf, SparkContext


def number(row):
    if isinstance(row, tuple):
        return row[1]
    return len(row) if isinstance(row, str) else row


def add(a, b):
    return (a[0], a[1] + b[1]) if isinstance(a, tuple) else a + b


def text(value):
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "(" + ",".join(text(v) for v in value) + ")"
    if isinstance(value, list):
        return "[" + ",".join(text(v) for v in value) + "]"
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return text(list(value))
    return str(value)


def parse(kind, word):
    if kind == "int64":
        return int(word)
    if kind == "pairs":
        key, value = word[1:-1].split(",")
        return (key, int(value))
    return word


def dataset(sc, spec):
    if not spec:
        return None
    kind, *words = spec.split()
    if words == ["none"]:
        return sc.emptyRDD()
    parts = [[]]
    for word in words:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(parse(kind, word))
    return sc.parallelize(parts, len(parts)).flatMap(lambda part: part)


ZERO = {"int64": 0, "text": "", "pairs": ("", 0)}


def size(rows):
    return sum(1 for _ in rows)


def counted(data, run):
    seen = data.context.accumulator(0)
    run(seen)
    return seen.value


OPERATIONS = {
    "map": lambda a, b, w: a.map(lambda r: number(r) * 2),
    "filter": lambda a, b, w: a.filter(lambda r: number(r) % 2 == 0),
    "flat_map": lambda a, b, w: a.flatMap(lambda r: [r, r]),
    "key_by": lambda a, b, w: a.keyBy(lambda r: number(r) % 2 == 0),
    "glom": lambda a, b, w: a.glom(),
    "map_partitions": lambda a, b, w: a.mapPartitions(lambda p: [size(p)]),
    "map_partitions_with_index": lambda a, b, w: a.mapPartitionsWithIndex(
        lambda i, p: [(i, size(p))]
    ),
    "zip_with_index": lambda a, b, w: a.zipWithIndex(),
    "zip_with_unique_id": lambda a, b, w: a.zipWithUniqueId(),
    "coalesce": lambda a, b, w: a.coalesce(int(w[0])),
    "repartition": lambda a, b, w: a.repartition(int(w[0])),
    "random_split": lambda a, b, w: a.context.union(a.randomSplit([float(x) for x in w])),
    "cache": lambda a, b, w: a.cache(),
    "count_approx": lambda a, b, w: float(a.countApprox(60000)),
    "local_iterator": lambda a, b, w: list(a.toLocalIterator()),
    "for_each": lambda a, b, w: counted(a, lambda n: a.foreach(lambda r: n.add(1))),
    "for_each_partition": lambda a, b, w: counted(
        a, lambda n: a.foreachPartition(lambda p: n.add(1))
    ),
    "pipe": lambda a, b, w: a.map(text).pipe(shlex.join(w), env={"PATH": "/usr/bin:/bin"},
                                             checkCode=True),
    "sort_by": lambda a, b, w: a.sortBy(lambda r: r, ascending=w != ["descending"]),
    "group_by": lambda a, b, w: a.groupBy(lambda r: number(r) % 2 == 0),
    "distinct": lambda a, b, w: a.distinct(*map(int, w)),
    "union_with": lambda a, b, w: a.union(b),
    "intersection": lambda a, b, w: a.intersection(b),
    "subtract": lambda a, b, w: a.subtract(b),
    "cartesian": lambda a, b, w: a.cartesian(b),
    "zip": lambda a, b, w: a.zip(b),
    "collect": lambda a, b, w: a.collect(),
    "count": lambda a, b, w: a.count(),
    "first": lambda a, b, w: a.first(),
    "take": lambda a, b, w: a.take(int(w[0])),
    "top": lambda a, b, w: a.top(int(w[0])),
    "take_ordered": lambda a, b, w: a.takeOrdered(int(w[0])),
    "take_sample": lambda a, b, w: len(a.takeSample(False, int(w[0]))),
    "max": lambda a, b, w: a.max(),
    "min": lambda a, b, w: a.min(),
    "is_empty": lambda a, b, w: a.isEmpty(),
    "reduce": lambda a, b, w: a.reduce(add),
    "tree_reduce": lambda a, b, w: a.treeReduce(add, *map(int, w)),
    "aggregate": lambda a, b, w: a.aggregate(0, lambda n, r: n + 1, lambda x, y: x + y),
    "tree_aggregate": lambda a, b, w: a.treeAggregate(0, lambda n, r: n + 1, lambda x, y: x + y),
    "count_by_value": lambda a, b, w: a.countByValue(),
    "sum": lambda a, b, w: float(a.sum()),
    "mean": lambda a, b, w: float(a.mean()),
    "variance": lambda a, b, w: a.variance(),
    "stdev": lambda a, b, w: a.stdev(),
    "sample_variance": lambda a, b, w: a.sampleVariance(),
    "sample_stdev": lambda a, b, w: a.sampleStdev(),
    "histogram": lambda a, b, w: (lambda h: ([float(e) for e in h[0]], h[1]))(
        a.histogram(int(w[0]))
    ),
    "histogram_between": lambda a, b, w: a.histogram([float(e) for e in w])[1],
    "keys": lambda a, b, w: a.keys(),
    "values": lambda a, b, w: a.values(),
    "map_values": lambda a, b, w: a.mapValues(lambda n: n * 2),
    "flat_map_values": lambda a, b, w: a.flatMapValues(lambda n: [n, n]),
    "reduce_by_key": lambda a, b, w: a.reduceByKey(lambda x, y: x + y, *map(int, w)),
    "fold_by_key": lambda a, b, w: a.foldByKey(0, lambda x, y: x + y, *map(int, w)),
    "aggregate_by_key": lambda a, b, w: a.aggregateByKey(
        0, lambda n, v: n + 1, lambda x, y: x + y, *map(int, w)
    ),
    "combine_by_key": lambda a, b, w: a.combineByKey(
        lambda v: 1, lambda n, v: n + 1, lambda x, y: x + y, *map(int, w)
    ),
    "group_by_key": lambda a, b, w: a.groupByKey(*map(int, w)),
    "cogroup": lambda a, b, w: a.cogroup(b),
    "join": lambda a, b, w: a.join(b),
    "left_outer_join": lambda a, b, w: a.leftOuterJoin(b),
    "right_outer_join": lambda a, b, w: a.rightOuterJoin(b),
    "full_outer_join": lambda a, b, w: a.fullOuterJoin(b),
    "subtract_by_key": lambda a, b, w: a.subtractByKey(b),
    "partition_by": lambda a, b, w: a.partitionBy(int(w[0])),
    "sort_by_key": lambda a, b, w: a.sortByKey(ascending=w != ["descending"]),
    "repartition_and_sort_within_partitions": lambda a, b, w: (
        a.repartitionAndSortWithinPartitions(int(w[0]))
    ),
    "sample_by_key": lambda a, b, w: a.sampleByKey(
        False, {w[i]: float(w[i + 1]) for i in range(0, len(w), 2)}
    ),
    "lookup": lambda a, b, w: a.lookup(w[0]),
    "count_by_key": lambda a, b, w: a.countByKey(),
    "collect_as_map": lambda a, b, w: a.collectAsMap(),
    "reduce_by_key_locally": lambda a, b, w: a.reduceByKeyLocally(lambda x, y: x + y),
}


def perform(sc, keys):
    operation, *words = keys["do"].split()
    a, b = dataset(sc, keys["given"]), dataset(sc, keys.get("with"))
    if operation == "fold":
        return a.fold(ZERO[keys["given"].split()[0]], add)
    return OPERATIONS[operation](a, b, words)


def partitions(result):
    """The texts of all rows, by partition; of a local result in one."""
    if hasattr(result, "glom"):
        return [[text(row) for row in part] for part in result.glom().collect()]
    rows = result.items() if isinstance(result, dict) else result
    return [[text(row) for row in rows]]


def record(sc, keys):
    """What belongs behind the key `rows`, `set` or `value`; None: a case that is refused."""
    if "error" in keys:
        try:
            result = perform(sc, keys)
            if hasattr(result, "collect"):
                result.collect()
        except Exception:  # whatever PySpark throws
            return None
        raise SystemExit(f"{keys['case']}: PySpark does not refuse it")
    if "value" in keys:
        return text(perform(sc, keys))
    parts = partitions(perform(sc, keys))
    if "set" in keys:
        return " ".join(sorted(word for part in parts for word in part))
    separator = " | " if "|" in keys["rows"] else " "
    return separator.join(" ".join(part) for part in parts).strip()


def main(arguments):
    check = "--check" in arguments
    conf = SparkConf().setMaster("local[2]").set("spark.ui.enabled", "false")
    sc = SparkContext(conf=conf)
    sc.setLogLevel("OFF")
    different = 0
    for path in (a for a in arguments if a != "--check"):
        with open(path, encoding="utf-8") as file:
            blocks = file.read().strip("\n").split("\n\n")
        for number_of_block, block in enumerate(blocks):
            lines = block.split("\n")
            keys = dict(line.split(":", 1) for line in lines if ":" in line and line[0] != "#")
            keys = {key: value.strip() for key, value in keys.items()}
            if keys.get("from") != "spark":
                continue
            result = record(sc, keys)
            if result is None:
                continue
            for i, line in enumerate(lines):
                key = line.split(":", 1)[0]
                if key in ("rows", "set", "value"):
                    recorded = f"{key}: {result}".rstrip()
                    different += recorded != line.rstrip()
                    if check and recorded != line.rstrip():
                        print(f"{path}: {keys['case']}: {recorded}")
                    lines[i] = recorded
            blocks[number_of_block] = "\n".join(lines)
        if not check:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n\n".join(blocks) + "\n")
    sc.stop()
    print(f"{different} results were different")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
