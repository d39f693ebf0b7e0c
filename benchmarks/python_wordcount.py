"""The word count as a Spark Streaming program in Python, measured: with the path that
`millrace pyspark-path` prints on PYTHONPATH it runs on millrace, without it on the PySpark that is
installed.

    python_wordcount.py throughput known|opaque PIECE...    files of about 20 MB, a batch each
    python_wordcount.py batches known|opaque                1,000 words a batch, every 200 ms
    python_wordcount.py start                               until the clock is armed; memory at rest

One JSON line a figure."""

import time

_began = time.time()

import json
import os
import socket
import sys

BLANK, ONE = " ", 1


def known(lines):
    return lines.flatMap(lambda line: line.split(" ")).map(lambda word: (word, 1)).reduceByKey(
        lambda x, y: x + y, 2)


def opaque(lines):
    """The same in functions that nothing but Python can know."""
    return lines.flatMap(lambda line: line.split(BLANK)).map(lambda word: (word, ONE)).reduceByKey(
        lambda x, y: y + x, 2)


def show(metric, value, unit, **more):
    import pyspark
    system = "millrace" if "millrace" in pyspark.__doc__ else f"pyspark {pyspark.__version__}"
    print(json.dumps({"system": system, "metric": metric, "value": round(value, 3), "unit": unit,
                      **more}), flush=True)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p / 100 * len(values)))]


def contexts(seconds):
    from pyspark import SparkConf, SparkContext
    from pyspark.streaming import StreamingContext
    conf = SparkConf().setMaster("local[2]").setAppName("word count").set("spark.ui.enabled", "false")
    sc = SparkContext(conf=conf.set("spark.default.parallelism", "2"))
    sc.setLogLevel("OFF")
    return sc, StreamingContext(sc, seconds)


class Batches:
    """Milliseconds that each batch took."""

    def __init__(self, ssc):
        from pyspark.streaming import StreamingListener
        took = self.took = []

        class Listener(StreamingListener):
            def onBatchCompleted(self, batchCompleted):
                took.append(batchCompleted.batchInfo().processingDelay())

        ssc.addStreamingListener(Listener())

    def wait_for(self, n):
        while len(self.took) < n:
            time.sleep(0.01)


def throughput(count, pieces):
    sc, ssc = contexts(0.5)
    words = []
    for piece in pieces:
        with open(piece, "rb") as file:
            text = file.read()
        words.append(text.count(b" ") + text.count(b"\n"))
    rdds = [sc.textFile(piece, 2) for piece in pieces]
    times = []

    def timed(rdd):
        begin = time.perf_counter()
        rdd.count()
        times.append(time.perf_counter() - begin)

    count(ssc.queueStream([rdds[i % len(rdds)] for i in range(60)])).foreachRDD(timed)
    ssc.start()
    while len(times) < 13:
        time.sleep(0.05)
    rates = [words[i % len(pieces)] / times[i] / 1e6 for i in range(4, 13)]
    show("throughput", percentile(rates, 50), "M words/s", best=round(max(rates), 3),
         functions=count.__name__)
    os._exit(0)


def batches(count):
    sc, ssc = contexts(0.2)
    lines = [" ".join("word%d" % ((i * 10 + j) * 7919 % 333) for j in range(10)) for i in range(100)]
    made = Batches(ssc)
    times = []

    def timed(rdd):
        begin = time.perf_counter()
        rdd.count()
        times.append(1000 * (time.perf_counter() - begin))

    path = "/tmp/thousand-words"
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    count(ssc.queueStream([], True, sc.textFile(path, 2))).foreachRDD(timed)
    ssc.start()
    made.wait_for(60)
    show("batch of 1,000 words, p50", percentile(times[20:], 50), "ms", functions=count.__name__,
         p99=round(percentile(times[20:], 99), 3))
    os._exit(0)


def memory_of_tree():
    """(resident, proportional) MiB of this process and all it started."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                children.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(name)
        except OSError:
            pass
    todo, resident, shared = [str(os.getpid())], 0, 0
    while todo:
        process = todo.pop()
        todo += children.get(int(process), [])
        try:
            with open(f"/proc/{process}/smaps_rollup") as file:
                facts = dict(line.split()[:2] for line in file.readlines()[1:])
        except OSError:
            continue
        resident += int(facts["Rss:"])
        shared += int(facts["Pss:"])
    return resident / 1024, shared / 1024


def start():
    with socket.create_server(("127.0.0.1", 0)) as server:
        sc, ssc = contexts(1)
        known(ssc.socketTextStream("127.0.0.1", server.getsockname()[1])).pprint()
        ssc.start()
        show("import until the clock is armed", time.time() - _began, "s")
        sc.parallelize(range(2), 2).map(lambda x: x).count()  # there are workers now
        time.sleep(2)
        resident, proportional = memory_of_tree()
        show("memory at rest", resident, "MiB", proportional=round(proportional, 1))
    os._exit(0)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "throughput":
        throughput(globals()[rest[0]], rest[1:])
    elif what == "batches":
        batches(globals()[rest[0]])
    else:
        start()
