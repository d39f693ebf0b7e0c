"""Names and bases that suites written for Spark use."""

import operator
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from pyspark import SparkContext, shuffle
from pyspark.errors import PySparkException, PySparkValueError
from pyspark.rddsampler import RDDSampler, RDDStratifiedSampler
from pyspark.resource import (ExecutorResourceRequests, ResourceProfileBuilder,
                              TaskResourceRequests)
from pyspark.serializers import (AutoBatchedSerializer, BatchedSerializer, CPickleSerializer,
                                 MarshalSerializer, PickleSerializer, UTF8Deserializer)
from pyspark.testing.streamingutils import PySparkStreamingTestCase
from pyspark.testing.utils import (PySparkTestCase, QuietTest, ReusedPySparkTestCase,
                                   eventually)
from pyspark.util import InheritableThread, VersionUtils, fail_on_stopiteration


class InRealTime(PySparkStreamingTestCase):
    def test_batches(self):
        self._test_func([range(3), range(5)], lambda stream: stream.map(str).count(), [[3], [5]])

    def test_rows(self):
        stream = self.ssc.queueStream([[3, 1], [2]])
        self.assertEqual([3, 1, 2], self._take(stream, 3))

    def test_two_inputs(self):
        self._test_func([[("a", 1), ("b", 2)]], lambda a, b: a.union(b),
                        [[("a", 1), ("a", 3), ("b", 2)]], True, [[("a", 3)]])

    def test_state_with_the_context_s_directory(self):
        self._test_func([[("k", i)] for i in range(3)],
                        lambda stream: stream.updateStateByKey(lambda vs, s: (s or 0) + sum(vs)),
                        [[("k", 0)], [("k", 1)], [("k", 3)]])

    def test_slice_by_datetime(self):
        self.ssc.remember(100)
        stream = self.ssc.queueStream([[1], [2]])
        self._collect(stream.reduce(operator.add), 2)
        now = datetime.now()
        rdds = stream.slice(now - timedelta(seconds=20), now)
        self.assertEqual([[1], [2]], [rdd.collect() for rdd in rdds][:2])


class OfOneContext(ReusedPySparkTestCase):
    def test_it(self):
        with QuietTest(self.sc):
            self.assertEqual(4, self.sc.defaultParallelism)


class OfAContextEach(PySparkTestCase):
    def test_it(self):
        self.assertEqual([1], self.sc.parallelize([1]).collect())
        self.assertIsNone(SparkContext._jvm)

    def test_threads_inherit_properties(self):
        self.sc.setLocalProperty("k", "v")
        seen = []
        thread = InheritableThread(target=lambda: seen.append(self.sc.getLocalProperty("k")))
        thread.start()
        thread.join()
        self.assertEqual(["v"], seen)

    def test_a_stream_stops_its_context_from_its_own_batch(self):
        from pyspark.streaming import StreamingContext
        ssc = StreamingContext(self.sc, 0.1)
        ssc.queueStream([[1]]).foreachRDD(lambda rdd: ssc.stop())
        ssc.start()
        ssc.awaitTermination(20)
        end = time.time() + 20
        while SparkContext._active_spark_context is not None and time.time() < end:
            time.sleep(0.01)
        self.assertIsNone(SparkContext._active_spark_context)


def test_serializers():
    for one in (PickleSerializer(), CPickleSerializer(), MarshalSerializer()):
        assert one.loads(one.dumps([1, "x"])) == [1, "x"]
    assert UTF8Deserializer().loads(b"x") == "x" and UTF8Deserializer() == UTF8Deserializer()
    assert repr(PickleSerializer()) == "CPickleSerializer()"
    assert AutoBatchedSerializer(PickleSerializer()).serializer == PickleSerializer()
    assert BatchedSerializer(PickleSerializer(), 2).batchSize == 2


def test_utilities():
    assert VersionUtils.majorMinorVersion("3.5.0") == (3, 5)

    def stop():
        raise StopIteration()

    with pytest.raises(RuntimeError, match="Caught StopIteration"):
        fail_on_stopiteration(stop)()
    from pyspark import cloudpickle
    assert pickle.loads(cloudpickle.dumps(lambda: 3))() == 3


def test_absent_parts_say_so():
    from pyspark.ml import Pipeline
    from pyspark.sql import SQLContext, functions
    from pyspark.streaming.kinesis import KinesisUtils
    for call in (Pipeline, SQLContext, lambda: functions.col("x"), KinesisUtils.createStream):
        with pytest.raises(NotImplementedError, match="millrace does not have"):
            call()


def test_the_context_of_a_thread(sc):
    from pyspark.util import inheritable_thread_target
    sc.setLocalProperty("k", "of the maker")
    seen = inheritable_thread_target(lambda: sc.getLocalProperty("k"))
    sc.setLocalProperty("k", None)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(seen).result() == "of the maker"
        assert pool.submit(sc.getLocalProperty, "q").result() is None


def test_partitions_are_run_ahead(sc, tmp_path):
    def touched(split, rows):
        (tmp_path / str(split)).touch()
        return rows

    rows = sc.parallelize(range(6), 3).mapPartitionsWithIndex(touched).toLocalIterator(True)
    assert not list(tmp_path.iterdir())
    assert next(rows) == 0
    eventually(lambda: (tmp_path / "1").exists())  # nobody asked for it yet
    assert not (tmp_path / "2").exists()
    assert list(rows) == [1, 2, 3, 4, 5]


def test_conditions_are_waited_for():
    answers = iter([False, "not yet", True])
    eventually(lambda: next(answers), 20)
    tries = []

    @eventually(timeout=20, catch_assertions=True)
    def third_time(least):
        tries.append(1)
        assert len(tries) >= least

    third_time(3)
    with pytest.raises(AssertionError, match="timeout after 0.05 sec.*never"):
        eventually(lambda: "never", 0.05)


def test_resource_profiles(sc):
    executors = ExecutorResourceRequests().cores(2).memory("6g").memoryOverhead("512m") \
        .pysparkMemory("2048k").offheapMemory("3g").resource("gpu", 2, "script", "vendor")
    tasks = TaskResourceRequests().cpus(2).resource("gpu", 2)
    profile = ResourceProfileBuilder().require(executors).require(tasks).build
    assert {name: r.amount for name, r in profile.executorResources.items()} == {
        "cores": 2, "memory": 6144, "memoryOverhead": 512, "pyspark.memory": 2, "offHeap": 3072,
        "gpu": 2}
    assert profile.executorResources["gpu"].discoveryScript == "script"
    assert {name: r.amount for name, r in profile.taskResources.items()} == {"cpus": 2, "gpu": 2}
    rdd = sc.parallelize([1]).withResources(profile)
    assert rdd.getResourceProfile() is profile and rdd.collect() == [1]
    with pytest.raises(ValueError):
        ExecutorResourceRequests().memory("much")


def test_samplers(sc):
    rows = sc.parallelize(range(20), 2)
    assert 3 < rows.mapPartitionsWithIndex(RDDSampler(False, 0.4, 10).func).count() < 13
    some = {"a": 0.8, "b": 0.2}
    pairs = sc.parallelize(some).cartesian(sc.parallelize(range(100)))
    counts = pairs.mapPartitionsWithIndex(RDDStratifiedSampler(False, some, 10).func).countByKey()
    assert counts["a"] > 60 and counts["b"] < 40


def test_errors_of_newer_programs():
    with pytest.raises(PySparkException):
        shuffle.ExternalMerger()
    assert issubclass(PySparkValueError, ValueError)
    assert not isinstance([], shuffle.ExternalListOfList)
