"""Each member of DStream and StreamingContext: batches in, batches out, on a clock that a test
moves."""

import operator
from datetime import datetime

import pytest
from py4j.protocol import Py4JJavaError

from pyspark import StorageLevel
from pyspark.streaming import DStream, StreamingContext, StreamingListener


def ordered(batches):
    return [sorted(batch) for batch in batches]


def test_map_filter_flat_map(stepped):
    got = stepped.run(lambda s: s.flatMap(lambda l: l.split(" ")).filter(bool).map(len),
                      [["a bb", ""], [], ["ccc"]])
    assert got == [[1, 2], [], [3]]


def test_partitions(stepped):
    got = stepped.run(lambda s: s.mapPartitions(lambda rows: [sum(rows)]), [[1, 2, 3, 4], [5]])
    assert got == [[3, 7], [0, 5]]


def test_partitions_with_index(stepped):
    got = stepped.run(lambda s: s.mapPartitionsWithIndex(lambda i, rows: [(i, list(rows))]),
                      [[1, 2, 3, 4]])
    assert got == [[(0, [1, 2]), (1, [3, 4])]]


def test_glom_and_repartition(stepped):
    got = stepped.run(lambda s: s.repartition(3).glom().map(len).count(), [range(9), range(2)])
    assert got == [[3], [3]]


def test_values(stepped):
    got = stepped.run(lambda s: s.mapValues(lambda v: v + 1).flatMapValues(range),
                      [[("a", 1), ("b", 0)]])
    assert got == [[("a", 0), ("a", 1), ("b", 0)]]


def test_count(stepped):
    assert stepped.run(DStream.count, [[1, 2, 3], [], [1]]) == [[3], [0], [1]]


def test_count_of_no_partitions_is_nothing(stepped):
    ssc, sc = stepped.ssc, stepped.sc
    kept = stepped.keep(ssc.queueStream([sc.emptyRDD()]).count())
    ssc.start()
    ssc._step()
    assert kept == [[]]


def test_reduce(stepped):
    assert stepped.run(lambda s: s.reduce(operator.add), [[1, 2, 3], [], [4]]) == [[6], [], [4]]


def test_reduce_by_key(stepped):
    got = stepped.run(lambda s: s.reduceByKey(operator.add),
                      [[("a", 1), ("b", 2), ("a", 3)], []])
    assert ordered(got) == [[("a", 4), ("b", 2)], []]


def test_combine_by_key(stepped):
    got = stepped.run(lambda s: s.combineByKey(str, lambda c, v: c + str(v), operator.add),
                      [[("a", 1), ("a", 2)]])
    assert got == [[("a", "12")]]


def test_group_by_key(stepped):
    got = stepped.run(lambda s: s.groupByKey(3).mapValues(list), [[("a", 1), ("b", 2), ("a", 3)]])
    assert ordered(got) == [[("a", [1, 3]), ("b", [2])]]


def test_partition_by(stepped):
    got = stepped.run(lambda s: s.partitionBy(2).glom(), [[(i, None) for i in range(4)]])
    assert [[[k for k, _ in part] for part in batch] for batch in got] == [[[0, 2], [1, 3]]]


def test_count_by_value(stepped):
    got = stepped.run(DStream.countByValue, [["a", "b", "a"], []])
    assert ordered(got) == [[("a", 2), ("b", 1)], []]


def test_transform(stepped):
    def f(rdd):
        return rdd.filter(lambda x: x % 2 == 0)

    assert stepped.run(lambda s: s.transform(f), [[1, 2, 3, 4], [5]]) == [[2, 4], []]


def test_transform_with_time(stepped):
    seen = []

    def f(time, rdd):
        seen.append(time)
        return rdd

    stepped.run(lambda s: s.transform(f), [[1], [2]])
    assert seen == [datetime.fromtimestamp(stepped.first / 1000 + i) for i in range(2)]
    with pytest.raises(AssertionError, match="one or two arguments"):
        DStream.transform(None, lambda a, b, c: a)


def test_transform_with(stepped):
    got = stepped.run(lambda a, b: a.transformWith(lambda x, y: x.union(y), b), [[1], [2]],
                      [[3], [4]])
    assert got == [[1, 3], [2, 4]]


def test_union(stepped):
    got = stepped.run(lambda a, b: a.union(b), [[1], [2]], [[3], []])
    assert got == [[1, 3], [2]]


@pytest.mark.parametrize("join, expected", [
    ("join", [("a", (1, 3))]),
    ("leftOuterJoin", [("a", (1, 3)), ("b", (2, None))]),
    ("rightOuterJoin", [("a", (1, 3)), ("c", (None, 4))]),
    ("fullOuterJoin", [("a", (1, 3)), ("b", (2, None)), ("c", (None, 4))]),
])
def test_joins(stepped, join, expected):
    got = stepped.run(lambda a, b: getattr(a, join)(b), [[("a", 1), ("b", 2)]],
                      [[("a", 3), ("c", 4)]])
    assert ordered(got) == [expected]


def test_cogroup(stepped):
    got = stepped.run(
        lambda a, b: a.cogroup(b).mapValues(lambda sides: [sorted(side) for side in sides]),
        [[("a", 1), ("a", 2)]], [[("a", 3), ("b", 4)]])
    assert ordered(got) == [[("a", [[1, 2], [3]]), ("b", [[], [4]])]]


def test_update_state_by_key(stepped):
    def update(values, state):
        total = sum(values) + (state or 0)
        return None if total > 5 else total

    got = stepped.run(lambda s: s.updateStateByKey(update),
                      [[("a", 1)], [("a", 2), ("b", 1)], [("a", 3)], [("b", 1)]], batches=5)
    # "b" is visited without values too; "a" went when it passed 5.
    assert ordered(got) == [[("a", 1)], [("a", 3), ("b", 1)], [("b", 1)], [("b", 2)], [("b", 2)]]


def test_update_state_with_an_initial_rdd(stepped):
    got = stepped.run(
        lambda s: s.updateStateByKey(lambda vs, s: sum(vs) + (s or 0),
                                     initialRDD=[("a", 10), ("c", 1)]), [[("a", 1)], []])
    assert ordered(got) == [[("a", 11), ("c", 1)]] * 2


def test_state_does_not_pile_up(stepped):
    ssc = stepped.ssc
    counts = ssc.queueStream([[("a", 1)]] * 30).updateStateByKey(
        lambda vs, s: sum(vs) + (s or 0), 2)
    kept = stepped.keep(counts)
    ssc.start()
    ssc._step(30)
    assert kept[-1] == [("a", 30)] and len(counts._rdds) <= 3


def test_window(stepped):
    got = stepped.run(lambda s: s.window(2), [[1], [2], [3], []])
    assert got == [[1], [1, 2], [2, 3], [3]]


def test_window_slides(stepped):
    got = stepped.run(lambda s: s.window(3, 2).count(), [[i] for i in range(6)])
    assert got == [[2], [3], [3]]


def test_windows_are_multiples(stepped):
    stream = stepped.ssc.queueStream([[1]])
    with pytest.raises(ValueError, match=r"windowDuration must be multiple of the parent dstream's "
                                         r"slide \(batch\) duration \(1000 ms\)"):
        stream.window(0.5)
    with pytest.raises(ValueError, match="slideDuration must be multiple"):
        stream.reduceByWindow(operator.add, None, 2, 1.5)


@pytest.mark.parametrize("window", [2, 5])  # the inverse is used from 5 slides on
def test_reduce_by_window(stepped, window):
    got = stepped.run(lambda s: s.reduceByWindow(operator.add, operator.sub, window, 1),
                      [[i] for i in range(1, 8)])
    assert got == [[sum(range(max(1, i - window + 1), i + 1))] for i in range(1, 8)]


def test_reduce_by_window_without_inverse(stepped):
    got = stepped.run(lambda s: s.reduceByWindow(operator.add, None, 3, 1), [[1], [2], [3], [4]])
    assert got == [[1], [3], [6], [9]]


def test_count_by_window(stepped):
    got = stepped.run(lambda s: s.countByWindow(5, 1), [range(n) for n in range(1, 7)], batches=12)
    assert got == [[1], [3], [6], [10], [15], [20], [18], [15], [11], [6], [0], [0]]


def test_count_by_value_and_window(stepped):
    got = stepped.run(lambda s: s.countByValueAndWindow(5, 1),
                      [["a"], ["a", "b"], [], [], [], [], []], batches=8)
    assert ordered(got) == [[("a", 1)]] + [[("a", 2), ("b", 1)]] * 4 + [[("a", 1), ("b", 1)]] + [
        []] * 2


def test_group_by_key_and_window(stepped):
    got = stepped.run(lambda s: s.groupByKeyAndWindow(3, 1).mapValues(list),
                      [[("a", i)] for i in range(5)])
    assert got == [[("a", list(range(max(0, i - 2), i + 1)))] for i in range(5)]


def test_reduce_by_key_and_window(stepped):
    batches = [[("a", i), ("b", 1)] if i % 2 else [("a", i)] for i in range(10)]
    got = stepped.run(lambda s: s.reduceByKeyAndWindow(operator.add, operator.sub, 6, 1, 2,
                                                       lambda pair: pair[1] > 0), batches)
    expected = []
    for i in range(10):
        span = range(max(0, i - 5), i + 1)
        sums = [("a", sum(span)), ("b", sum(j % 2 for j in span))]
        expected.append([pair for pair in sums if pair[1] > 0])
    assert ordered(got) == expected


def test_reduce_by_key_and_window_without_inverse(stepped):
    got = stepped.run(lambda s: s.reduceByKeyAndWindow(operator.add, None, 2, 2),
                      [[("a", 1)], [("a", 2)], [("a", 3)], []])
    assert got == [[("a", 3)], [("a", 3)]]


def test_slice(stepped):
    stream = stepped.ssc.queueStream([[1], [2], [3], [4]])
    with pytest.raises(Exception, match="initialized"):
        stream.slice(0, 1)
    stepped.ssc.remember(100)
    stepped.run(lambda s: s.union(stream), [[0]] * 4)
    first = stepped.first / 1000
    assert [rdd.collect() for rdd in stream.slice(first + 1, first + 2.5)] == [[2], [3]]
    assert len(stream.slice(datetime.fromtimestamp(first), datetime.fromtimestamp(first + 3))) == 4


def test_for_each_rdd(stepped):
    seen = []
    stream = stepped.ssc.queueStream([[1, 2], [3]])
    stream.foreachRDD(lambda rdd: seen.append(rdd.sum()))
    stream.foreachRDD(lambda time, rdd: seen.append(time))
    stepped.ssc.start()
    stepped.ssc._step()
    assert seen == [3, datetime.fromtimestamp(stepped.first / 1000)]


def test_pprint(stepped, capsys):
    stream = stepped.ssc.queueStream([[1, 2, 3], []])
    stream.pprint(2)
    stepped.ssc.start()
    stepped.ssc._step(2)
    rule = "-" * 43
    times = [datetime.fromtimestamp(stepped.first / 1000 + i) for i in range(2)]
    assert capsys.readouterr().out == (
        f"{rule}\nTime: {times[0]}\n{rule}\n1\n2\n...\n\n{rule}\nTime: {times[1]}\n{rule}\n\n")


def test_save_as_text_files(stepped, tmp_path):
    stepped.ssc.queueStream([["a", "b"]]).saveAsTextFiles(str(tmp_path / "out"), "txt")
    stepped.ssc.start()
    stepped.ssc._step()
    path = tmp_path / f"out-{stepped.first}.txt"
    assert (path / "part-00000").read_text() == "a\n" and (path / "_SUCCESS").exists()


def test_cache_and_checkpoint(stepped):
    calls = stepped.sc.accumulator(0)

    def seen(x):
        calls.add(1)
        return x

    def build(stream):
        shared = stream.map(seen).cache()
        stepped.keep(shared)
        return shared.persist(StorageLevel.MEMORY_ONLY).checkpoint(10).map(lambda x: x)

    assert stepped.run(build, [[1, 2], [3]]) == [[1, 2], [3]]
    assert calls.value == 3


# ---- the context


def test_queue_stream(stepped):
    ssc, sc = stepped.ssc, stepped.sc
    all_at_once = stepped.keep(ssc.queueStream([[1], sc.parallelize([2])], oneAtATime=False))
    fallback = stepped.keep(ssc.queueStream([[1]], default=[9]))
    empty = stepped.keep(ssc.queueStream([], default=sc.parallelize([7])))
    ssc.start()
    ssc._step(2)
    assert (all_at_once, fallback, empty) == ([[1, 2], []], [[1], [9]], [[7], [7]])


def test_queue_stream_wants_something(stepped):
    with pytest.raises(IndexError):
        stepped.ssc.queueStream([])


def test_union_and_transform_of_many(stepped):
    ssc = stepped.ssc
    a, b, c = (ssc.queueStream([[i]]) for i in range(3))
    united = stepped.keep(ssc.union(a, b, c))
    made = stepped.keep(ssc.transform([a, b], lambda rdds: rdds[0].union(rdds[1])))
    assert ssc.union(a) is a
    with pytest.raises(ValueError):
        ssc.union()
    with pytest.raises(TypeError):
        ssc.union(a, 1)
    ssc.start()
    ssc._step()
    assert united == [[0, 1, 2]] and made == [[0, 1]]


def test_text_file_stream(stepped, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "old").write_text("old\n")
    lines = stepped.keep(stepped.ssc.textFileStream(str(tmp_path / "in")))
    records = stepped.keep(stepped.ssc.binaryRecordsStream(str(tmp_path / "in"), 2))
    stepped.ssc.start()
    stepped.ssc._step()
    (tmp_path / "in" / ".hidden").write_text("no\n")
    (tmp_path / "in" / "new").write_text("a\nb\n")
    stepped.ssc._step(2)
    assert lines == [[], ["a", "b"], []] and records == [[], [b"a\n", b"b\n"], []]


def test_a_function_that_exits_is_one_that_fails(stepped):
    def leave(rdd):
        raise SystemExit("enough")

    stepped.ssc.queueStream([[1]]).foreachRDD(leave)
    stepped.ssc.start()
    stepped.ssc._step()
    with pytest.raises(Py4JJavaError, match="SystemExit: enough"):
        stepped.ssc.awaitTerminationOrTimeout(1)


def test_directories_may_come_later(stepped, tmp_path):
    lines = stepped.keep(stepped.ssc.textFileStream(str(tmp_path / "in")))
    records = stepped.keep(stepped.ssc.binaryRecordsStream(str(tmp_path / "in"), 2))
    stepped.ssc.start()
    stepped.ssc._step()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "new").write_text("a\nb\n")
    stepped.ssc._step(2)
    assert lines == [[], ["a", "b"], []] and records == [[], [b"a\n", b"b\n"], []]


def test_a_failed_batch_is_reported_and_the_next_goes_on(stepped, capfd):
    got = []

    def f(rdd):
        got.append(rdd.map(lambda x: 1 // x).collect())

    stepped.ssc.queueStream([[1], [0], [1]]).foreachRDD(f)
    stepped.ssc.start()
    stepped.ssc._step(3)
    assert got == [[1], [1]]
    with pytest.raises(Py4JJavaError, match="(?s)An exception was raised by Python.*ZeroDivision"):
        stepped.ssc.awaitTerminationOrTimeout(1)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_batch_that_cannot_be_made(stepped, capsys):
    seen = []

    def f(time, rdd):
        if not seen:
            seen.append(time)
            raise KeyError("made")
        return rdd

    got = stepped.keep(stepped.ssc.queueStream([[1], [2]]).transform(f))
    stepped.ssc.start()
    stepped.ssc._step(2)
    assert got == [[2]]
    with pytest.raises(Py4JJavaError, match="KeyError"):
        stepped.ssc.awaitTermination()


def test_transform_may_return_none(stepped):
    ssc = stepped.ssc
    stream = ssc.queueStream([[("a", 1)], [("a", 2)], [("a", 3)]])
    calls = []

    def but_the_second(rdd):
        calls.append(rdd)
        return None if len(calls) == 2 else rdd

    some = stream.transform(but_the_second)
    kept = stepped.keep(some.map(lambda pair: pair[1]))
    both = stepped.keep(some.transformWith(lambda a, b: a.union(b), stream).count())
    # Without an RDD there is nothing to update by, not even idle keys.
    states = stepped.keep(some.updateStateByKey(lambda vs, s: (s or 0) + sum(vs) + 100))
    ssc.start()
    ssc._step(3)
    assert kept == [[1], [3]] and both == [[2], [1], [2]]
    assert states == [[("a", 101)], [("a", 101)], [("a", 204)]]


def test_transform_must_return_an_rdd(stepped, capfd):
    stream = stepped.ssc.queueStream([[1]])
    stepped.ssc.transform([stream], lambda rdds: None).pprint()
    stepped.ssc.start()
    stepped.ssc._step()
    with pytest.raises(Py4JJavaError, match="must not return null"):
        stepped.ssc.awaitTermination()
    assert "must not return null" in capfd.readouterr().err


def test_life(stepped):
    ssc = stepped.ssc
    with pytest.raises(Py4JJavaError, match="No output operations registered"):
        ssc.start()
    stream = ssc.queueStream([[1]])
    stream.pprint()
    with pytest.raises(Py4JJavaError, match="already set"):
        ssc.remember(10)
        ssc.remember(10)
    assert StreamingContext.getActive() is None and ssc.sparkContext is stepped.sc
    ssc.start()
    ssc.start()  # nothing happens
    assert StreamingContext.getActive() is ssc
    with pytest.raises(Py4JJavaError, match="after starting a context"):
        stream.map(str)
    with pytest.raises(Py4JJavaError, match="after starting a context"):
        stream.pprint()
    other = StreamingContext(stepped.sc, 1)
    other.queueStream([[1]]).pprint()
    with pytest.raises(Py4JJavaError, match="Only one StreamingContext"):
        other.start()
    assert ssc.awaitTerminationOrTimeout(0) is False
    ssc._jssc.stop(False, False)
    assert ssc.awaitTerminationOrTimeout(1) is True
    assert StreamingContext.getActive() is None
    ssc.stop(stopSparkContext=False)
    with pytest.raises(Py4JJavaError, match="already been stopped"):
        ssc.start()


def test_state_wants_a_checkpoint_directory(stepped_sc, monkeypatch):
    monkeypatch.setattr(stepped_sc, "_checkpoint_dir", None)
    ssc = StreamingContext(stepped_sc, 1)
    ssc.queueStream([[("a", 1)]]).updateStateByKey(lambda vs, s: 1).pprint()
    with pytest.raises(Py4JJavaError, match="checkpoint directory has not been set"):
        ssc.start()


def test_get_or_create(stepped_sc, tmp_path):
    made = []

    def setup():
        ssc = StreamingContext(stepped_sc, 1)
        ssc.queueStream([[1]]).pprint()
        made.append(ssc)
        return ssc

    path = str(tmp_path / "checkpoint")
    ssc = StreamingContext.getOrCreate(path, setup)
    assert made == [ssc]
    ssc.start()
    assert StreamingContext.getActiveOrCreate(path, setup) is ssc
    assert StreamingContext.getActiveOrCreate(None, setup) is ssc
    ssc.stop(stopSparkContext=False)
    assert StreamingContext.getActiveOrCreate(None, setup) is made[1]
    with pytest.raises(TypeError, match="setupFunc should be callable"):
        StreamingContext.getActiveOrCreate(None, None)


def test_a_context_in_a_function_of_a_checkpointed_stream(stepped):
    sc = stepped.sc
    stepped.ssc.queueStream([[1]]).foreachRDD(lambda time, rdd: sc.parallelize([1]))
    with pytest.raises(Exception, match="It appears that you are attempting to reference "
                                        "SparkContext"):
        stepped.ssc.start()


def test_listener(stepped, capsys):
    class Collector(StreamingListener):
        def __init__(self):
            self.started, self.batches, self.outputs, self.submitted = [], [], [], []

        def onStreamingStarted(self, streamingStarted):
            self.started.append(streamingStarted.time)

        def onBatchSubmitted(self, batchSubmitted):
            self.submitted.append(batchSubmitted.batchInfo())

        def onBatchCompleted(self, batchCompleted):
            self.batches.append(batchCompleted.batchInfo())

        def onOutputOperationCompleted(self, outputOperationCompleted):
            self.outputs.append(outputOperationCompleted.outputOperationInfo())

    listener = Collector()
    stepped.ssc.addStreamingListener(listener)
    stream = stepped.ssc.queueStream([[1], [0]])
    stream.foreachRDD(lambda rdd: rdd.map(lambda x: 1 // x).count())
    stepped.ssc.start()
    stepped.ssc._step(2)
    stepped.ssc.stop(stopSparkContext=False)
    assert len(listener.started) == 1
    assert [b.batchTime().milliseconds() for b in listener.batches] == [
        stepped.first, stepped.first + 1000]
    info = listener.batches[0]
    assert info.totalDelay() >= info.processingDelay() >= 0 and info.numRecords() == 0
    assert list(info.outputOperationInfos()) == [0] and info.streamIdToInputInfo() == {}
    assert listener.submitted[0].schedulingDelay() == -1
    assert listener.outputs[0].failureReason() is None
    assert "ZeroDivisionError" in listener.outputs[1].failureReason()


def test_receivers_are_told_of(stepped_sc):
    """A listener with all nine callbacks, and a stream that has a receiver."""
    import socket

    calls = []

    class Collector(StreamingListener):
        def onStreamingStarted(self, streamingStarted):
            calls.append("streaming started")

        def onReceiverStarted(self, receiverStarted):
            calls.append(("receiver started", receiverStarted.receiverInfo().streamId()))

        def onReceiverError(self, receiverError):
            calls.append("receiver error")

        def onReceiverStopped(self, receiverStopped):
            calls.append("receiver stopped")

        def onBatchStarted(self, batchStarted):
            calls.append("batch started")

        def onOutputOperationStarted(self, outputOperationStarted):
            calls.append(outputOperationStarted.outputOperationInfo().name())

    with socket.create_server(("127.0.0.1", 0)) as server:
        ssc = StreamingContext(stepped_sc, 1)
        ssc.addStreamingListener(Collector())
        ssc.socketTextStream("127.0.0.1", server.getsockname()[1]).foreachRDD(lambda rdd: None)
        ssc.start()
        server.accept()[0].close()
        ssc._step()
        ssc.stop(stopSparkContext=False)
    assert calls[0] == "streaming started" and "batch started" in calls
    assert "output 0" in calls and ("receiver started", 0) in calls
