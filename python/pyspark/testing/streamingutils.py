import tempfile
import time
import unittest

from pyspark import RDD, SparkConf, SparkContext
from pyspark.streaming import StreamingContext

# Parts of Spark that are built only when asked for; here they are not there.
should_test_kinesis = False
kinesis_requirement_message = "Kinesis is not part of millrace"


class PySparkStreamingTestCase(unittest.TestCase):
    """Streams in real time, in batches of half a second."""

    timeout = 30  # seconds
    duration = 0.5

    @classmethod
    def setUpClass(cls):
        conf = SparkConf().set("spark.default.parallelism", 1)
        cls.sc = SparkContext(appName=cls.__name__, conf=conf)
        cls.sc.setCheckpointDir(tempfile.mkdtemp())

    @classmethod
    def tearDownClass(cls):
        cls.sc.stop()

    def setUp(self):
        self.ssc = StreamingContext(self.sc, self.duration)

    def tearDown(self):
        if self.ssc is not None:
            self.ssc.stop(False)

    def wait_for(self, result, n):
        end = time.time() + self.timeout
        while len(result) < n and time.time() < end:
            time.sleep(0.01)
        if len(result) < n:
            print("timeout after", self.timeout)

    def _take(self, dstream, n):
        """The first n rows of a stream that starts now."""
        rows = []

        def take(_, rdd):
            if rdd and len(rows) < n:
                rows.extend(rdd.take(n - len(rows)))

        dstream.foreachRDD(take)
        self.ssc.start()
        self.wait_for(rows, n)
        return rows

    def _collect(self, dstream, n, block=True):
        """The rows of the first n batches that have any."""
        batches = []

        def collect(_, rdd):
            if rdd and len(batches) < n:
                rows = rdd.collect()
                if rows:
                    batches.append(rows)

        dstream.foreachRDD(collect)
        if block:
            self.ssc.start()
            self.wait_for(batches, n)
        return batches

    def _test_func(self, input, func, expected, sort=False, input2=None):
        """That `func` makes `expected` of the input's batches."""
        streams = []
        for batches in filter(None, (input, input2)):
            if not isinstance(batches[0], RDD):
                batches = [self.sc.parallelize(batch, 1) for batch in batches]
            streams.append(self.ssc.queueStream(batches))
        result = self._collect(func(*streams), len(expected))
        if sort:
            self._sort_result_based_on_key(result)
            self._sort_result_based_on_key(expected)
        self.assertEqual(expected, result)

    def _sort_result_based_on_key(self, outputs):
        for output in outputs:
            output.sort(key=lambda row: row[0])
