"""Programs that end, or are killed, and are started again on their checkpoint directory."""

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

import millrace
from millrace import file
from millrace.testing import ManualStreams
from py4j.protocol import Py4JJavaError

from pyspark import SparkConf, SparkContext
from pyspark.streaming import StreamingContext


@pytest.fixture(autouse=True)
def no_context():
    """Each run of a program has its own."""
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()
    yield
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()


class Runs:
    """A program that reads files and is run several times; batches are run by hand."""

    def __init__(self, path, build):
        self.path = path
        self.build = build
        self.got = []
        self.parallelism = 2
        (path / "in").mkdir()

    def setup(self):
        conf = SparkConf().set("spark.streaming.clock", "manual").setMaster("local[2]")
        conf.set("spark.default.parallelism", str(self.parallelism))
        ssc = StreamingContext(SparkContext(conf=conf.setAppName("recovered")), 1)
        words = ssc.textFileStream(str(self.path / "in")).map(lambda word: (word, 1))
        for number, stream in enumerate(self.build(words)):
            stream.foreachRDD(self.keep(number))
        return ssc

    def keep(self, number):
        return lambda rdd: self.got.append((number, sorted(rdd.collect())))

    def run(self, *batches, after=0):
        """What each output gave last: a file a batch, and `after` empty ones."""
        self.got.clear()
        ssc = StreamingContext.getOrCreate(str(self.path / "checkpoint"), self.setup)
        ssc.start()
        for words in batches:
            name = f"{len(os.listdir(self.path / 'in')):03}"
            (self.path / "in" / name).write_text("".join(word + "\n" for word in words))
            ssc._step()
        ssc._step(after)
        assert not ssc._errors, ssc._errors
        ssc.stop()
        return [last for _, last in sorted(dict(self.got).items())]


def total(values, state):
    return sum(values) + (state or 0)


def test_state_goes_on(tmp_path):
    program = Runs(tmp_path, lambda words: [words.updateStateByKey(total)])
    assert program.run("ab", "a") == [[("a", 2), ("b", 1)]]
    (tmp_path / "in" / "meanwhile").write_text("a\n")
    assert program.run("b", after=1) == [[("a", 3), ("b", 2)]]
    program.parallelism = 5  # keys are dealt out anew
    assert program.run("c") == [[("a", 3), ("b", 2), ("c", 1)]]


def test_windows_go_on(tmp_path):
    def build(words):
        return [words.reduceByKeyAndWindow(operator.add, operator.sub, 6),
                words.reduceByKeyAndWindow(lambda a, b: a + b, lambda a, b: a - b, 6, 2, None,
                                           lambda pair: pair[1] > 0),
                words.reduceByKeyAndWindow(operator.add, None, 3),
                words.reduceByKeyAndWindow(operator.add, operator.sub, 3),
                words.map(lambda pair: pair[0]).window(3).countByValue(),
                words.map(lambda pair: pair[0]).countByWindow(5, 1)]

    program = Runs(tmp_path, build)
    program.run("a", "ab", "b")
    long, filtered, short, narrow, window, count = program.run("c")
    assert long == filtered == [("a", 2), ("b", 2), ("c", 1)]
    assert short == narrow == window == [("a", 1), ("b", 2), ("c", 1)] and count == [5]
    long, filtered, short, narrow, window, count = program.run("", after=1)
    assert long == filtered == [("a", 2), ("b", 2), ("c", 1)]
    assert short == narrow == window == [("c", 1)] and count == [4]
    long, filtered, short, narrow, window, count = program.run(after=4)
    assert long == [("a", 0), ("b", 0), ("c", 0)] and filtered == []
    assert short == narrow == window == [] and count == [0]


def test_changed_code_is_fine(tmp_path):
    program = Runs(tmp_path, lambda words: [words.updateStateByKey(total)])
    program.run("aab")
    program.build = lambda words: [
        words.updateStateByKey(lambda values, state: sum(values) + 10 * (state or 0)),
        words.count()]
    assert program.run("a") == [[("a", 21), ("b", 10)], [1]]


def test_states_are_told_apart_by_their_order(tmp_path):
    def build(words):
        return [words.updateStateByKey(total),
                words.updateStateByKey(lambda values, state: len(values) + (state or 100))]

    program = Runs(tmp_path, build)
    program.run("ab")
    assert program.run("a") == [[("a", 2), ("b", 1)], [("a", 102), ("b", 101)]]
    program.build = lambda words: [words.count()]
    with pytest.raises(Py4JJavaError, match="(?s)no place for what the checkpoint holds.*"
                                            "updateStateByKey 2"):
        program.run()


def test_state_that_was_hashed_otherwise_is_refused(tmp_path, monkeypatch):
    program = Runs(tmp_path, lambda words: [words.updateStateByKey(total)])
    program.run("ab")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    with pytest.raises(Py4JJavaError, match="(?s)no place for what the checkpoint holds.*"
                                            "siphash.* with seed 0"):
        program.run()


def test_all_kinds_of_keys(tmp_path):
    keys = [None, -1, -2, 1.5, "text", b"bytes", (1, "x"), (1, None), (None, 1), (-1, 0), (-2, 0),
            frozenset([1, 2]), ((1, 2), 3), True, 2 ** 70, "ü" * 40]

    def build(words):
        return [words.flatMap(lambda pair: [(key, 1) for key in keys]).updateStateByKey(total)
                .map(lambda pair: (repr(pair[0]), pair[1]))]

    program = Runs(tmp_path, build)
    program.run("a", "a")
    assert program.run("a") == [sorted((repr(key), 3) for key in keys)]


def test_keys_that_hash_alike(tmp_path):
    class Key:
        def __init__(self, name):
            self.name = name

        def __eq__(self, other):
            return self.name == other.name

        def __hash__(self):
            return 7

    def build(words):
        keyed = words.map(lambda pair: (Key(pair[0]), 1))
        return [stream.map(lambda pair: (pair[0].name, pair[1])) for stream in (
            keyed.updateStateByKey(lambda values, state: None if sum(values) > 1 else
                                   total(values, state)),
            keyed.reduceByKeyAndWindow(operator.add, operator.sub, 5))]

    program = Runs(tmp_path, build)
    assert program.run("abc", "ab") == [[("a", 2), ("b", 2), ("c", 1)]] * 2
    assert program.run("aa", "c") == [[("b", 2), ("c", 2)], [("a", 4), ("b", 2), ("c", 2)]]


def test_a_batch_that_failed_runs_again_with_the_next_start(tmp_path, capfd):
    good = []
    fails = [True]

    def setup():
        conf = SparkConf().set("spark.streaming.clock", "manual").setMaster("local[2]")
        ssc = StreamingContext(SparkContext(conf=conf.setAppName("failing")), 1)

        def keep(rdd):
            rows = rdd.collect()
            if "b" in rows and fails[0]:
                raise ValueError("not today")
            good.append(rows)

        ssc.textFileStream(str(tmp_path / "in")).foreachRDD(keep)
        return ssc

    (tmp_path / "in").mkdir()
    for again in (False, True):
        fails[0] = not again
        ssc = StreamingContext.getOrCreate(str(tmp_path / "checkpoint"), setup)
        ssc.start()
        for name in "cd" if again else "ab":
            (tmp_path / "in" / name).write_text(name + "\n")
            ssc._step()
        assert len(ssc._errors) == (0 if again else 1)
        ssc.stop()
    assert good == [["a"], ["b"], ["c"], ["d"]]
    assert "not today" in capfd.readouterr().err


def test_queues_cannot_go_on(tmp_path):
    def setup():
        conf = SparkConf().set("spark.streaming.clock", "manual").setMaster("local[2]")
        ssc = StreamingContext(SparkContext(conf=conf.setAppName("queue")), 1)
        ssc.queueStream([[1]]).pprint()
        return ssc

    path = str(tmp_path / "checkpoint")
    ssc = StreamingContext.getOrCreate(path, setup)
    ssc.start()
    ssc._step()
    ssc.stop()
    with pytest.raises(Py4JJavaError, match="queueStream: queue streams can't be recovered"):
        StreamingContext.getOrCreate(path, setup).start()


def test_a_damaged_checkpoint_is_refused(tmp_path):
    program = Runs(tmp_path, lambda words: [words.updateStateByKey(total)])
    program.run("a")
    for name in os.listdir(tmp_path / "checkpoint"):
        if name.startswith("checkpoint-"):
            (tmp_path / "checkpoint" / name).write_bytes(b"broken")
    with pytest.raises(Py4JJavaError, match="none of the checkpoints can be read"):
        program.run()


PROGRAM = """
import os, signal, sys, threading, time
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

directory = sys.argv[1]

def setup():
    ssc = StreamingContext(SparkContext("local[2]", "killed"), 0.1)
    words = ssc.textFileStream(directory + "/in").map(lambda word: (word, 1))
    totals = words.updateStateByKey(lambda values, state: sum(values) + (state or 0))
    window = words.reduceByKeyAndWindow(lambda a, b: a + b, lambda a, b: a - b, 1000)
    both = totals.join(window)
    both.saveAsTextFiles(directory + "/out/batch")
    return ssc

ssc = StreamingContext.getOrCreate(directory + "/checkpoint", setup)
ssc.start()
ssc.awaitTermination()
"""


def test_a_program_that_is_killed_has_the_right_totals(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()

    def newest():
        """What the newest batch that was written said: word -> (total, in the window)."""
        batches = sorted((int(name.split("-")[1]) for name in os.listdir(tmp_path / "out")
                          if os.path.exists(tmp_path / "out" / name / "_SUCCESS")), reverse=True)
        if not batches:
            return {}
        path = tmp_path / "out" / f"batch-{batches[0]}"
        lines = "".join((path / part).read_text() for part in os.listdir(path) if "part" in part)
        return dict(map(eval, lines.splitlines()))

    words = "abcdefgh"
    fed = {}
    for kill in range(6):
        process = subprocess.Popen([sys.executable, tmp_path / "program.py", tmp_path],
                                   stderr=subprocess.PIPE, text=True)
        try:
            while kill == 0 and not os.listdir(tmp_path / "out"):  # what is old is not read
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.02)
            for file in range(3):
                batch = [words[(kill * 7 + file * 3 + i) % 8] for i in range(kill + 4)]
                for word in batch:
                    fed[word] = fed.get(word, 0) + 1
                whole = tmp_path / f"unfinished-{kill}-{file}"
                whole.write_text("".join(word + "\n" for word in batch))
                # Whenever: also while the program is down, or before it begins.
                os.rename(whole, tmp_path / "in" / f"{kill}-{file}")
                if kill == 0 or file:
                    end = time.time() + 60
                    while {word: n for word, (n, _) in newest().items()} != fed:
                        assert process.poll() is None, process.stderr.read()
                        assert time.time() < end, (newest(), fed)
                        time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stderr.close()
    assert newest() == {word: (n, n) for word, n in fed.items()}


def test_files_of_a_batch_that_runs_again_are_written_once(tmp_path):
    def lines():
        return sorted("".join(path.read_text() for path in (tmp_path / "out").glob("*.txt")).split())

    def run(fails):
        with millrace.Context("local[2]", "again",
                              conf={"spark.streaming.clock": "manual"}) as context:
            def setup():
                streaming = millrace.StreamingContext(context, 1)
                lines = streaming.stream(file.text(tmp_path / "in"))
                lines.map(str.upper).named("upper").write(file.text(tmp_path / "out"))

                def second(rdd):
                    if fails:
                        raise ValueError("on purpose")

                lines.for_each_rdd(second)
                return streaming

            streaming = millrace.StreamingContext.get_or_create(tmp_path / "checkpoint", setup)
            streaming.start()
            (tmp_path / "in" / ("1" if fails else "2")).write_text("a\n" if fails else "b\n")
            try:
                streaming.spark._step(1)
            except Exception as failure:
                assert "on purpose" in str(failure)
            streaming.stop()

    (tmp_path / "in").mkdir()
    run(fails=True)
    assert lines() == ["A"]
    run(fails=False)
    assert lines() == ["A", "B"]


def test_state_on_disk(tmp_path):
    with millrace.Context("local[2]", "on disk", conf={
            "spark.streaming.clock": "manual", "streaming.state.store": "rocksdb",
            "local.dir": str(tmp_path)}) as context:
        streams = ManualStreams(context, str(tmp_path / "checkpoint"))
        words = streams.input("aab", "a", "c").map(lambda word: (word, 1))

        def total(word, one, state):
            state.update(state.get(0) + one)
            return word, state.get()

        states = streams.collect(
            words.update_state_by_key(lambda ones, n: sum(ones) + (n or 0)))
        mapped = streams.collect(words.map_with_state(total))
        windows = streams.collect(words.reduce_by_key_and_window(
            lambda a, b: a + b, 6, inverse=lambda a, b: a - b))
        streams.step(3)
        assert [sorted(batch) for batch in states] == [
            [("a", 2), ("b", 1)], [("a", 3), ("b", 1)], [("a", 3), ("b", 1), ("c", 1)]]
        assert [sorted(batch) for batch in mapped] == [[("a", 1), ("a", 2), ("b", 1)], [("a", 3)],
                                                       [("c", 1)]]
        assert sorted(windows[1]) == [("a", 3), ("b", 1)]
        streams.stop()
