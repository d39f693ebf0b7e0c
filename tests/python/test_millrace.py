"""The package `millrace`: the typed voice of the same layer."""

import inspect
import threading
from datetime import timedelta

import pytest

import millrace
from millrace.pytest_plugin import millrace_context, millrace_streams  # noqa: F401
from millrace.testing import ManualStreams


@pytest.fixture
def context(millrace_context):  # noqa: F811
    return millrace_context


def test_word_count(context):
    words = context.parallelize(["to be or", "not to be"]).flat_map(str.split)
    counts = words.map(lambda word: (word, 1)).reduce_by_key(lambda a, b: a + b)
    assert counts.collect_as_map() == {"to": 2, "be": 2, "or": 1, "not": 1}
    assert sorted(counts) == sorted(counts.collect()) and counts.lookup("to") == [2]
    assert repr(counts).startswith("<millrace.RDD") and repr(context).startswith("<millrace.Con")


def test_row_by_row(context):
    rdd = context.range(6, partitions=2)
    assert rdd.map(str).filter(lambda x: x != "3").collect() == ["0", "1", "2", "4", "5"]
    assert rdd.map_partitions(lambda rows: [sum(rows)]).collect() == [3, 12]
    assert rdd.map_partitions_with_index(lambda p, rows: [(p, len(list(rows)))]).collect() == [
        (0, 3), (1, 3)]
    assert rdd.glom().collect() == [[0, 1, 2], [3, 4, 5]] and rdd.partitions == 2
    assert rdd.key_by(lambda x: x % 2).keys().distinct().count() == 2
    assert rdd.zip_with_index().values().collect() == list(range(6))
    assert rdd.pipe("cat").collect() == list("012345")
    assert rdd.sample(False, 1.0).count() == sum(p.count() for p in rdd.random_split([1, 1], 3)) == 6


def test_together(context):
    a, b = context.parallelize([1, 2, 3]), context.parallelize([2, 3, 4])
    assert (a + b).count() == context.union_of([a, b]).count() == a.union_with(b).count() == 6
    assert sorted(a.intersection(b)) == [2, 3] and a.subtract(b).collect() == [1]
    assert a.zip(b).collect() == [(1, 2), (2, 3), (3, 4)] and a.cartesian(b).count() == 9
    assert a.sort_by(lambda x: -x).collect() == [3, 2, 1]
    assert a.repartition(3).partitions == 3 and a.coalesce(1).partitions == 1
    assert a.group_by(lambda x: x % 2).map_values(sorted).collect_as_map() == {0: [2], 1: [1, 3]}


def test_by_key(context):
    a = context.parallelize([("x", 1), ("y", 2), ("x", 3)], 2)
    b = context.parallelize([("x", "b"), ("z", "c")], 2)
    assert a.group_by_key().collect_as_map() == {"x": [1, 3], "y": [2]}
    assert sorted(a.join(b)) == [("x", (1, "b")), ("x", (3, "b"))]
    assert ("y", (2, None)) in a.left_outer_join(b).collect()
    assert ("z", (None, "c")) in a.right_outer_join(b).collect()
    assert a.full_outer_join(b).count() == 4 and a.subtract_by_key(b).collect() == [("y", 2)]
    assert a.cogroup(b).collect_as_map()["x"] == ([1, 3], ["b"])
    assert a.aggregate_by_key(
        0, lambda s, v: s + v, lambda s, t: s + t).collect_as_map() == {"x": 4, "y": 2}
    assert a.combine_by_key(
        str, lambda c, v: c + str(v), lambda c, d: c + d).lookup("x") == ["13"]
    assert a.sort_by_key().keys().collect() == ["x", "x", "y"]
    assert a.partition_by(2).flat_map_values(range).count_by_key() == {"x": 4, "y": 2}
    assert a.count_by_key() == {"x": 2, "y": 1}


def test_actions(context, tmp_path):
    rdd = context.parallelize([3, 1, 2], 2).cache()
    assert (rdd.first(), rdd.take(2), rdd.top(1), rdd.take_ordered(1)) == (3, [3, 1], [3], [1])
    assert (rdd.sum(), rdd.min(), rdd.max(), rdd.mean(), rdd.stats().count()) == (6, 1, 3, 2, 3)
    assert rdd.reduce(max) == 3 and rdd.fold(0, max) == 3 and not rdd.is_empty()
    assert rdd.aggregate(0, lambda s, v: s + v, lambda s, t: s + t) == 6
    assert rdd.histogram([0, 2, 4]) == ([0, 2, 4], [1, 2]) and rdd.count_by_value()[3] == 1
    assert len(rdd.take_sample(False, 2, 1)) == 2
    total = context.accumulator(0)
    rdd.for_each(total.add)
    rdd.for_each_partition(lambda rows: total.add(len(list(rows))))
    assert total.value == 9
    rdd.map(str).save_as_text_file(tmp_path / "text")
    rdd.save_as_object_file(tmp_path / "objects")
    assert sorted(context.text_file(tmp_path / "text")) == ["1", "2", "3"]
    assert sorted(context.object_file(tmp_path / "objects")) == [1, 2, 3]
    factor = context.broadcast(10)
    assert rdd.map(lambda x: x * factor.value).collect() == [30, 10, 20]
    assert rdd.named("numbers").debug_string() and rdd.unpersist().count() == 3


def test_batches_in_batches_out(millrace_streams):  # noqa: F811
    words = millrace_streams.input(["a", "bb"], [], ["ccc"])
    assert millrace_streams.run(words.map(len)) == [[1, 2], [], [3]]


@pytest.mark.parametrize("operation, expected", [
    (lambda s: s.filter(bool).flat_map(lambda x: [x, x]), [[1, 1, 2, 2], [3, 3]]),
    (lambda s: s.count(), [[3], [1]]),
    (lambda s: s.reduce(lambda a, b: a + b), [[3], [3]]),
    (lambda s: s.window(timedelta(seconds=2)).count(), [[3], [4]]),
    (lambda s: s.count_by_window(2, 1), [[3], [4]]),
    (lambda s: s.reduce_by_window(max, 2, 1), [[2], [3]]),
    (lambda s: s.transform(lambda rdd: rdd.map(lambda x: -x)), [[0, -1, -2], [-3]]),
    (lambda s: s.transform_with(s, lambda a, b: a.union_with(b)).count(), [[6], [2]]),
    (lambda s: s.union_with(s).count_by_value().map_values(lambda n: n // 2).count(), [[3], [1]]),
    (lambda s: s.map(lambda x: (x % 2, x)).group_by_key(1).map_values(sum), [[(0, 2), (1, 1)],
                                                                            [(1, 3)]]),
    (lambda s: s.map(lambda x: (0, x)).reduce_by_key_and_window(max, 2), [[(0, 2)], [(0, 3)]]),
    (lambda s: s.map(lambda x: (0, x)).update_state_by_key(
        lambda values, state: sum(values) + (state or 0)), [[(0, 3)], [(0, 6)]]),
])
def test_streams(millrace_streams, operation, expected):  # noqa: F811
    assert millrace_streams.run(operation(millrace_streams.input([0, 1, 2], [3]))) == expected


def test_map_with_state(millrace_streams):  # noqa: F811
    def running(key, value, state):
        if state.timing_out():
            return key, "gone", state.get()
        state.update(state.get(0) + value)
        if state.get() > 5:
            state.remove()
        return key, state.get()

    rows = millrace_streams.input([("a", 1), ("b", 2), ("a", 2)], [("a", 9)], [], [("a", 1)])
    mapped = rows.map_with_state(running, timeout=2, initial=[("b", 1)])
    states = millrace_streams.collect(mapped.snapshots())
    got = millrace_streams.run(mapped, 7)
    assert [sorted(batch, key=str) for batch in got] == [
        [("a", 1), ("a", 3), ("b", 3)], [("a", None)], [], [("a", 1), ("b", "gone", 3)], [], [],
        [("a", "gone", 1)]]
    assert [sorted(batch) for batch in states] == [
        [("a", 3), ("b", 3)], [("b", 3)], [("b", 3)], [("a", 1)], [("a", 1)], [("a", 1)], []]


def test_a_receiver(millrace_streams):  # noqa: F811
    class Once(millrace.Receiver):
        done = threading.Event()

        def run(self):
            if not self.done.is_set():
                for row in range(3):
                    self.store(row)
                self.done.set()
                raise ValueError("it is called again")
            self.stopping.wait()

    once = Once()
    once.restart_after = 0.01
    kept = millrace_streams.collect(millrace_streams.streaming.receiver_stream(once))
    millrace_streams.step()
    assert once.done.wait(20)
    millrace_streams.step(2)
    assert sum(kept, []) == [0, 1, 2]
    millrace_streams.stop()
    assert once.stopping.is_set()


def test_a_failed_batch_ends_the_stream(millrace_streams):  # noqa: F811
    kept = millrace_streams.collect(millrace_streams.input([1], [0], [2]).map(lambda x: 1 // x))
    with pytest.raises(millrace.BatchFailed, match="ZeroDivisionError"):
        millrace_streams.step(3)
    with pytest.raises(millrace.BatchFailed, match="ZeroDivisionError"):
        millrace_streams.streaming.await_termination(20)
    assert kept == [[1]]


def test_states_are_recovered(context, tmp_path):
    def setup():
        streaming = millrace.StreamingContext(context, timedelta(seconds=1))
        rows = streaming.text_file_stream(tmp_path / "in").map(lambda line: (line, 1))
        mapped = rows.map_with_state(count, timeout=3)
        mapped.for_each_rdd(lambda rdd: gone.extend(rdd.collect()))
        mapped.snapshots().for_each_rdd(lambda rdd: got.append(sorted(rdd.collect())))
        return streaming

    def count(key, value, state):
        if state.timing_out():
            return key
        state.update(state.get(0) + value)

    (tmp_path / "in").mkdir()
    got, gone = [], []
    for name, text in ("1", "a\nb\na\n"), ("2", "a\n"):
        with millrace.StreamingContext.get_or_create(tmp_path / "checkpoint", setup) as streaming:
            streaming.start()
            (tmp_path / "in" / name).write_text(text)
            streaming.spark._step(2)
    assert got[1] == [("a", 2), ("b", 1)] and got[-1] == [("a", 3), ("b", 1)] and not gone
    with millrace.StreamingContext.get_or_create(tmp_path / "checkpoint", setup) as streaming:
        streaming.start()
        streaming.spark._step()
        assert gone == ["b"] and got[-1] == [("a", 3)]


def test_all_is_documented_and_typed():
    from millrace import context, dstream, keyed_state, rdd, receiver, streaming, testing
    for cls in (context.Context, rdd.RDD, dstream.DStream, streaming.StreamingContext,
                keyed_state.State, receiver.Receiver, testing.ManualStreams):
        assert cls.__doc__
        for name, method in inspect.getmembers(cls, inspect.isfunction):
            if not name.startswith("_"):
                assert "return" in method.__annotations__, f"{cls.__name__}.{name}"
    assert set(millrace.__all__) < set(dir(millrace)) and ManualStreams
    with pytest.raises(AttributeError):
        millrace.nothing
