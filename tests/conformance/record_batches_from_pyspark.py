"""Fills the `out` lines of *.batches files with what PySpark gives.

Usage: record_batches_from_pyspark.py FILE...      (needs a JVM and `pip install pyspark==3.5.*`)

Cases marked `by hand` or `refused` stay as they are. All cases of a file run side by side in one
streaming context, each on queues of its own.
"""

import operator
import sys
import tempfile
import time
from collections import namedtuple

from pyspark import SparkConf, SparkContext
from pyspark.streaming import StreamingContext

BATCH = 1  # second


def parse_row(text, kind):
    if kind == "int":
        return int(text)
    if kind == "text":
        return text
    key, value = text.strip("()").split(",", 1)
    return key, (int(value) if kind.endswith("int)") else value)


def parse_rows(text, kind):
    return [parse_row(row, kind) for row in text.strip().split(" | ") if row]


def print_row(row):
    """The text form of rows."""
    if row is None:
        return "none"
    if isinstance(row, tuple):
        return "(" + ",".join(print_row(field) for field in row) + ")"
    if isinstance(row, (list,)) or type(row).__name__ == "ResultIterable":
        return "[" + ", ".join(print_row(element) for element in row) + "]"
    return str(row)


FUNCTIONS = {
    "plus": operator.add,
    "minus": operator.sub,
    "concat": operator.add,
    "not_zero": lambda row: row[1] != 0,
}


def update_function(name):
    return {
        "sum": lambda values, state: sum(values) + (state or 0),
        # The sum of the last two values.
        "last_two": lambda values, state: sum(values[-2:]) if values else state,
        "forget_idle": lambda values, state: sum(values) + (state or 0) if values else None,
    }[name]


def sum_partition(rows):
    return [sum(rows)]


def apply(words, inputs, initial):
    """The stream of a case."""
    name, arguments = words[0], [w for w in words[1:] if "=" not in w]
    options = dict(w.split("=") for w in words[1:] if "=" in w)
    stream = inputs[0]
    window = [int(options[o]) * BATCH for o in ("window", "slide") if o in options]
    functions = [FUNCTIONS.get(a) for a in arguments]
    simple = {
        "map": lambda: stream.map(lambda x: x * 2),
        "filter": lambda: stream.filter(lambda x: x % 2 == 0),
        "flat_map": lambda: stream.flatMap(lambda x: [x] * (x % 4)),
        "key_by": lambda: stream.map(lambda x: (x % 2, x)),
        "count": lambda: stream.count(),
        "reduce": lambda: stream.reduce(operator.add),
        "count_by_value": lambda: stream.countByValue(),
        "glom": lambda: stream.glom(),
        "map_partitions": lambda: stream.mapPartitions(sum_partition),
        "map_partitions_with_index": lambda: stream.mapPartitionsWithIndex(
            lambda i, rows: [(i, x) for x in rows]),
        "repartition": lambda: stream.repartition(int(arguments[0])),
        "map_values": lambda: stream.mapValues(lambda v: v * 2),
        "flat_map_values": lambda: stream.flatMapValues(lambda v: [v, v]),
        "reduce_by_key": lambda: stream.reduceByKey(operator.add),
        "group_by_key": lambda: stream.groupByKey(),
        "combine_by_key": lambda: stream.combineByKey(
            lambda v: (v, 1), lambda c, v: (c[0] + v, c[1] + 1),
            lambda a, b: (a[0] + b[0], a[1] + b[1])),
        "partition_by": lambda: stream.partitionBy(int(arguments[0])),
        "join": lambda: stream.join(inputs[1]),
        "left_outer_join": lambda: stream.leftOuterJoin(inputs[1]),
        "right_outer_join": lambda: stream.rightOuterJoin(inputs[1]),
        "full_outer_join": lambda: stream.fullOuterJoin(inputs[1]),
        "cogroup": lambda: stream.cogroup(inputs[1]),
        "union_with": lambda: stream.union(inputs[1]),
        "transform_with": lambda: stream.transformWith(lambda a, b: a.subtract(b), inputs[1]),
        "window": lambda: stream.window(*window),
        "count_by_window": lambda: stream.countByWindow(*window),
        "reduce_by_window": lambda: stream.reduceByWindow(
            functions[0], functions[1] if len(functions) > 1 else None, *window),
        "count_by_value_and_window": lambda: stream.countByValueAndWindow(*window),
        "group_by_key_and_window": lambda: stream.groupByKeyAndWindow(*window),
        "reduce_by_key_and_window": lambda: stream.reduceByKeyAndWindow(
            functions[0], functions[1] if len(functions) > 1 else None, *window,
            filterFunc=functions[2] if len(functions) > 2 else None),
        "update_state_by_key": lambda: stream.updateStateByKey(
            update_function(arguments[0]), initialRDD=initial),
    }
    if name == "transform":
        if arguments[0] == "sorted":
            return stream.transform(lambda r: r.sortBy(lambda x: x))
        return stream.transform(lambda r: r.distinct())
    return simple[name]()


Case = namedtuple("Case", "begin end words kinds initial slices batches")


def read(lines):
    """The cases that are to be recorded."""
    cases = []
    begin = None
    for number in range(len(lines) + 1):
        if number < len(lines) and not lines[number].startswith("case "):
            continue
        if begin is not None:
            block = lines[begin:number]
            if "by hand" not in block and "refused" not in block:
                kinds = [l[6:] for l in block if l.startswith("input ")]
                batches = []
                for line in block:
                    if line == "in" or line.startswith("in "):
                        sides = (line[2:] + " ").split("//")
                        batches.append([parse_rows(s, k) for s, k in zip(sides, kinds)])
                initial = [l[8:] for l in block if l.startswith("initial ")]
                words = next(l for l in block if l.startswith("operation ")).split()[1:]
                slices = 2 if "two partitions" in block else 1
                cases.append(Case(begin, number, words, kinds, initial, slices, batches))
        begin = number
    return cases


def record(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    cases = read(lines)
    conf = (SparkConf().setMaster("local[2]").setAppName("record")
            .set("spark.default.parallelism", "1").set("spark.ui.enabled", "false")
            .set("spark.ui.showConsoleProgress", "false"))
    context = SparkContext(conf=conf)
    context.setLogLevel("ERROR")
    streaming = StreamingContext(context, BATCH)
    streaming.checkpoint(tempfile.mkdtemp())
    seen = [{} for _ in cases]
    begun = {}
    last = max(len(c.batches) for c in cases)
    for case, outputs in zip(cases, seen):
        inputs = [
            streaming.queueStream(
                [context.parallelize(b[side], case.slices) for b in case.batches],
                default=context.parallelize([], case.slices))
            for side in range(len(case.kinds))
        ]
        initial = None
        if case.initial:
            initial = context.parallelize(parse_rows(case.initial[0], case.kinds[0]), 1)

        def note(when, rdd, outputs=outputs, length=len(case.batches)):
            at = when.timestamp()
            if at - begun.setdefault("at", at) < length * BATCH:
                outputs[at] = sorted(print_row(row) for row in rdd.collect())

        # A queue gives a batch its dataset only if somebody asks in that batch.
        for stream in inputs:
            stream.foreachRDD(lambda when, rdd: None)
        apply(case.words, inputs, initial).foreachRDD(note)
    times = []
    streaming.queueStream([], default=context.emptyRDD()).foreachRDD(
        lambda when, rdd: times.append(when.timestamp()))
    streaming.start()
    while len(times) <= last:
        time.sleep(1)
    streaming.stop(stopSparkContext=True, stopGraceFully=False)

    first = min(times)
    for case, outputs in reversed(list(zip(cases, seen))):
        block = [l for l in lines[case.begin:case.end] if l and not l.startswith("out ")]
        for when in sorted(outputs):
            number = round((when - first) / BATCH) + 1
            if number <= len(case.batches):
                block.append(f"out {number}: {' | '.join(outputs[when])}".rstrip())
        lines[case.begin:case.end] = block + [""]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        record(path)
