"""Whole programs, as people write them for Spark: each is a file, and a process of its own."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

BIN = pathlib.Path(os.environ["MILLRACE_BIN"])


class Server:
    """Gives the same lines to whoever connects, one after another, and then no more."""

    def __init__(self, lines):
        self._lines = lines
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        clients = []
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            clients.append(client)  # stays open: a server that ends is connected to again
            client.sendall("".join(line + "\n" for line in self._lines).encode())

    def close(self):
        self._socket.close()


@pytest.fixture
def serve():
    servers = []

    def make(*lines):
        servers.append(Server(lines))
        return servers[-1].port

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def start(tmp_path):
    """Starts a program; `until` reads what it prints."""
    processes = []

    def begin(text, *arguments, way="python3"):
        program = tmp_path / "program.py"
        program.write_text(text)
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH",
                                                                        "PYTHONHASHSEED")}
        if way == "python3":
            command = [sys.executable]
            environment["PYTHONPATH"] = subprocess.run(
                [BIN / "millrace", "pyspark-path"], stdout=subprocess.PIPE, check=True,
                text=True).stdout.strip()
        else:
            command = [BIN / "millrace", "submit"]
        process = subprocess.Popen(
            [*command, program, *map(str, arguments)], env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def until(process, pattern):
    """What was printed up to a line with the pattern, that included."""
    printed = ""
    for line in process.stdout:
        printed += line
        if re.search(pattern, line):
            return printed
    raise AssertionError(f"the program ended:\n{printed}\n{process.stderr.read()}")


def ended(process, how=signal.SIGTERM):
    process.send_signal(how)
    printed, errors = process.communicate(timeout=30)
    return process.returncode, printed, errors


STATEFUL = """
import sys
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

if __name__ == "__main__":
    host, port = sys.argv[1:]
    sc = SparkContext(appName="PythonStreamingStateful")
    ssc = StreamingContext(sc, 0.2)
    ssc.checkpoint("checkpoint")
    before = sc.parallelize([(u'hello', 1), (u'world', 1)])

    def update(new_values, last_sum):
        return sum(new_values) + (last_sum or 0)

    counts = ssc.socketTextStream(host, int(port)).flatMap(lambda line: line.split(" ")) \\
        .map(lambda word: (word, 1)).updateStateByKey(update, initialRDD=before)
    counts.pprint()
    ssc.start()
    ssc.awaitTermination()
"""


@pytest.mark.parametrize("way", ["python3", "submit"])
def test_state_with_a_beginning(start, serve, way):
    process = start(STATEFUL, "127.0.0.1", serve("hello again hello"), way=way)
    printed = until(process, r"\('hello', 3\)") + until(process, "^$")
    last = printed.rstrip().rpartition("Time:")[2]
    assert "('world', 1)" in last and "('again', 1)" in last
    assert ended(process)[0] == 0


RECOVERABLE = """
import os, sys
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

def excluded(context):
    if "excluded" not in globals() or not hasattr(globals()["excluded"], "value"):
        globals()["words"] = context.broadcast(["a", "b", "c"])
    return globals()["words"]

def dropped(context):
    if "counter" not in globals():
        globals()["counter"] = context.accumulator(0)
    return globals()["counter"]

def create(directory, output):
    print("made anew", flush=True)
    if os.path.exists(output):
        os.remove(output)
    ssc = StreamingContext(SparkContext(appName="Recoverable"), 0.2)
    lines = ssc.textFileStream(directory)
    counts = lines.flatMap(lambda line: line.split(" ")).map(lambda x: (x, 1)) \\
        .reduceByKey(lambda x, y: x + y)

    def echo(time, rdd):
        words, counter = excluded(rdd.context), dropped(rdd.context)

        def wanted(pair):
            if pair[0] in words.value:
                counter.add(pair[1])
                return False
            return True

        found = rdd.filter(wanted).collect()
        if found or counter.value:
            print("counts %s, dropped %d" % (sorted(found), counter.value), flush=True)

    counts.foreachRDD(echo)
    return ssc

if __name__ == "__main__":
    directory, checkpoint, output = sys.argv[1:]
    ssc = StreamingContext.getOrCreate(checkpoint, lambda: create(directory, output))
    ssc.start()
    print("started", flush=True)
    ssc.awaitTermination()
"""


def test_a_recoverable_count(start, tmp_path):
    (tmp_path / "in").mkdir()
    arguments = tmp_path / "in", tmp_path / "checkpoint", tmp_path / "out"
    process = start(RECOVERABLE, *arguments)
    until(process, "started")
    (tmp_path / "in" / "1").write_text("a b x x\n")
    assert r"[('x', 2)], dropped 2" in until(process, "counts")
    process.kill()
    process.wait()
    (tmp_path / "in" / "2").write_text("y\n")  # while it is down
    process = start(RECOVERABLE, *arguments)
    until(process, r"\('y', 1\)")  # what it had shown may be shown once more before


WINDOWED = """
import sys
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

sc = SparkContext(appName="Windowed")
ssc = StreamingContext(sc, 0.2)
ssc.checkpoint("checkpoint")
scores = sc.textFile(sys.argv[3]).map(lambda line: tuple(line.split("\\t"))) \\
    .map(lambda pair: (pair[0], int(pair[1])))
counts = ssc.socketTextStream(sys.argv[1], int(sys.argv[2])).flatMap(lambda line: line.split(" ")) \\
    .map(lambda word: (word.replace("#", ""), 1)) \\
    .reduceByKeyAndWindow(lambda a, b: a + b, lambda a, b: a - b, 60, 0.2)
happiest = counts.transform(lambda topics: scores.join(topics)) \\
    .map(lambda t: (t[1][0] * t[1][1], t[0])) \\
    .transform(lambda rdd: rdd.sortByKey(False))

def show(rdd):
    for happiness, topic in rdd.take(3):
        print("%s (%d happiness)" % (topic, happiness), flush=True)
    print("total %d" % rdd.count(), flush=True)

happiest.foreachRDD(show)
ssc.start()
ssc.awaitTermination()
"""


def test_a_window_joined_with_a_file(start, serve, tmp_path):
    (tmp_path / "scores").write_text("good\t3\nbad\t-3\nhello\t1\n")
    process = start(WINDOWED, "127.0.0.1", serve("#hello good good bad", "unknown"),
                    tmp_path / "scores")
    until(process, "total 3")
    printed = until(process, "total 3")
    assert printed == "good (6 happiness)\nhello (1 happiness)\nbad (-3 happiness)\ntotal 3\n"
    code, _, errors = ended(process, signal.SIGINT)
    assert code and "KeyboardInterrupt" in errors


QUEUE = """
from pyspark import SparkContext
from pyspark.streaming import StreamingContext
import time

sc = SparkContext(appName="Queue")
ssc = StreamingContext(sc, 0.2)
queue = []
for _ in range(3):
    queue += [ssc.sparkContext.parallelize([j for j in range(1, 1001)], 10)]
stream = ssc.queueStream(queue)
stream.map(lambda x: (x % 10, 1)).reduceByKey(lambda a, b: a + b).pprint()
ssc.start()
time.sleep(2)
ssc.stop(stopSparkContext=True, stopGraceFully=True)
print("stopped", flush=True)
"""


def test_a_queue(start):
    process = start(QUEUE)
    printed = until(process, "stopped")
    assert len(re.findall(r"\(\d, 100\)", printed)) == 30
    assert process.wait(30) == 0


SQL = """
import sys
from pyspark import SparkContext
from pyspark.streaming import StreamingContext
from pyspark.sql import Row, SparkSession

def session(conf):
    if "singleton" not in globals():
        globals()["singleton"] = SparkSession.builder.config(conf=conf).getOrCreate()
    return globals()["singleton"]

sc = SparkContext(appName="Sql")
ssc = StreamingContext(sc, 0.2)

def process(time, rdd):
    if rdd.isEmpty():
        return
    try:
        spark = session(rdd.context.getConf())
        rows = rdd.map(lambda w: Row(word=w))
        print(rows.first().word, flush=True)
        spark.createDataFrame(rows)
    except NotImplementedError as failure:
        print(failure, flush=True)

ssc.socketTextStream(sys.argv[1], int(sys.argv[2])).flatMap(lambda l: l.split()).foreachRDD(process)
ssc.start()
ssc.awaitTermination()
"""


def test_sql_says_that_it_is_not_there(start, serve):
    process = start(SQL, "127.0.0.1", serve("word"))
    printed = until(process, "SQL")
    assert "word\n" in printed and "createDataFrame" in printed


STATUS = """
import threading, queue, time
from pyspark import SparkConf, SparkContext

def delayed(seconds):
    def f(x):
        time.sleep(seconds)
        return x
    return f

def call_in_background(f, *args):
    result = queue.Queue(1)
    t = threading.Thread(target=lambda: result.put(f(*args)))
    t.daemon = True
    t.start()
    return result

conf = SparkConf().set("spark.ui.showConsoleProgress", "false")
sc = SparkContext(appName="StatusApi", conf=conf)

def run():
    rdd = sc.parallelize(range(10), 10).map(delayed(0.1))
    return rdd.map(lambda x: (x, 1)).reduceByKey(lambda x, y: x + y).map(delayed(0.1)).collect()

result = call_in_background(run)
status = sc.statusTracker()
while result.empty():
    for id in status.getJobIdsForGroup():
        job = status.getJobInfo(id)
        print("Job", id, "status: ", job.status)
        for sid in job.stageIds:
            info = status.getStageInfo(sid)
            if info:
                print("Stage %d: %d tasks total (%d active, %d complete)" %
                      (sid, info.numTasks, info.numActiveTasks, info.numCompletedTasks))
    time.sleep(0.05)
print("Job results are:", sorted(result.get()), flush=True)
sc.stop()
"""


def test_jobs_are_watched(start):
    printed = until(start(STATUS), "results are")
    assert f"{[(i, 1) for i in range(10)]}" in printed
    assert "status:  RUNNING" in printed and "Stage 0: 10 tasks total" in printed


# What a program of many parts does: a package of its own, classes that travel, contexts one after
# another, logging set up by itself, generators, partial functions and methods as functions.
PARTS = """
import collections, functools, logging, os, sys
sys.path.insert(0, os.path.dirname(__file__))
import helper
from pyspark import SparkConf, SparkContext, StorageLevel
from pyspark.streaming import StreamingContext, StreamingListener

logging.basicConfig(level=logging.INFO)
Point = collections.namedtuple("Point", "x y")

class Shift:
    def __init__(self, by):
        self.by = by
    def __call__(self, point):
        return Point(point.x + self.by, point.y)
    def only(self, point):
        return point.x > self.by

class Told(StreamingListener):
    batches = 0
    def onBatchCompleted(self, completed):
        self.batches += 1

for round in range(2):
    conf = SparkConf().setAppName("parts").setMaster("local[2]").set("spark.executor.memory", "1g")
    with SparkContext(conf=conf) as sc:
        sc.setLogLevel("ERROR")
        assert sc.parallelize([1, 2]).map(helper.double).sum() == 6
        ssc = StreamingContext(sc, 0.1)
        told = Told()
        ssc.addStreamingListener(told)
        points = ssc.queueStream([[Point(i, i) for i in range(5)]])
        shift = Shift(2)
        shifted = points.map(shift).filter(shift.only).persist(StorageLevel.MEMORY_AND_DISK)
        seen = []
        shifted.map(functools.partial(max, Point(0, 0))).map(lambda p: p.x).foreachRDD(
            lambda rdd: seen.extend(rdd.collect()))
        shifted.mapPartitions(lambda points: (p.y for p in points)).count().foreachRDD(
            lambda rdd: seen.extend(rdd.collect()))
        ssc.start()
        while told.batches < 4:
            assert not ssc.awaitTerminationOrTimeout(0.05)
        ssc.stop(stopSparkContext=False, stopGraceFully=True)
        assert seen[:5] == [3, 4, 5, 6, 4], seen
        print(repr(sc), repr(ssc), repr(points), flush=True)
print("done", flush=True)
"""


CLASSES = """
import dataclasses
import enum
import typing
from pyspark import SparkContext

class Color(enum.Enum):
    RED = 1
    BLUE = 2

class Named(typing.NamedTuple):
    number: int
    text: str = "z"

@dataclasses.dataclass(frozen=True, order=True)
class Data:
    number: int
    color: Color = Color.RED

sc = SparkContext("local[2]", "classes")
numbers = sc.parallelize([1, 2, 1], 2)
print(numbers.map(Named).collect(), sc.parallelize([Named(3)]).map(lambda one: one.text).collect())
print(numbers.map(Data).distinct().sortBy(lambda one: one).collect())
assert all(type(one) is Named for one in numbers.map(Named).collect())
assert numbers.map(Color).collect()[1] is Color.BLUE
print(sorted(numbers.map(lambda x: (Named(x), 1)).reduceByKey(lambda x, y: x + y).collect()))
"""


def test_rows_of_the_program_s_own_classes(start):
    process = start(CLASSES)
    printed, errors = process.communicate()
    assert printed.splitlines() == [
        "[Named(number=1, text='z'), Named(number=2, text='z'), Named(number=1, text='z')] ['z']",
        "[Data(number=1, color=<Color.RED: 1>), Data(number=2, color=<Color.RED: 1>)]",
        "[(Named(number=1, text='z'), 2), (Named(number=2, text='z'), 1)]"], errors


def test_a_program_of_many_parts(start, tmp_path):
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    process = start(PARTS)
    printed = until(process, "done")
    assert printed.count("<SparkContext master=local[2] appName=parts>") == 2
    assert process.wait(30) == 0, process.stderr.read()


HANGS = """
import sys, time
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

sc = SparkContext("local[2]", "Hangs")
ssc = StreamingContext(sc, 0.1)
ssc.queueStream([[1]]).foreachRDD(lambda rdd: (print("in it", flush=True),
                                               rdd.foreach(lambda x: time.sleep(1000))))
ssc.start()
ssc.awaitTermination()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_hanging_function_does_not_keep_a_program_from_ending(start, how):
    process = start(HANGS)
    until(process, "in it")
    ended(process, how)


def test_workers_end_with_a_program_that_is_killed(start):
    process = start("import time\nfrom pyspark import SparkContext\n"
                    "import os\nsc = SparkContext('local[2]', 'killed')\n"
                    "print(*sc.parallelize(range(2), 2).map(lambda x: os.getpid()).collect(), "
                    "flush=True)\ntime.sleep(1000)\n")
    workers = [int(pid) for pid in until(process, r"\d+ \d+").split()]
    process.kill()
    process.wait()
    end = time.time() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):
        assert time.time() < end
        time.sleep(0.01)
