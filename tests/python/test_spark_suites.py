"""Names and bases that suites written for Spark use."""

import operator
import pickle
import time
from datetime import datetime, timedelta

import pytest

from pyspark import SparkContext
from pyspark.serializers import (AutoBatchedSerializer, BatchedSerializer, CPickleSerializer,
                                 MarshalSerializer, PickleSerializer, UTF8Deserializer)
from pyspark.testing.streamingutils import PySparkStreamingTestCase
from pyspark.testing.utils import PySparkTestCase, QuietTest, ReusedPySparkTestCase
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
