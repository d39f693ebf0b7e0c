"""One SparkContext for the tests of RDDs; a stepped streaming context for those of streams."""

import os

os.environ.setdefault("PYTHONHASHSEED", "0")

import pytest

from pyspark import SparkConf, SparkContext
from pyspark.streaming import StreamingContext


@pytest.fixture(scope="module")
def sc():
    with SparkContext("local[2]", "tests") as context:
        yield context


class Stepped:
    """A streaming context whose batches are run one by one, and what its streams gave."""

    def __init__(self, sc, directory):
        self.sc = sc
        self.ssc = StreamingContext(sc, 1)
        self.ssc.checkpoint(str(directory))

    @property
    def first(self):
        """The time of the first batch, in milliseconds, once it has been run."""
        return self.ssc._zero + 1000

    def keep(self, stream):
        batches = []

        def take(rdd):
            batches.append(rdd.collect())

        stream.foreachRDD(take)
        return batches

    def run(self, build, *inputs, batches=None, slices=2):
        """What `build(*streams)` gives, batch by batch, where each input is a list of lists."""
        streams = [self.ssc.queueStream([self.sc.parallelize(batch, slices) for batch in batches_])
                   for batches_ in inputs]
        kept = self.keep(build(*streams))
        self.ssc.start()
        self.ssc._step(batches or max(len(one) for one in inputs))
        if self.ssc._errors:
            raise AssertionError(self.ssc._errors[0])
        return kept


@pytest.fixture(scope="module")
def stepped_sc():
    conf = SparkConf().set("spark.streaming.clock", "manual").setMaster("local[2]")
    with SparkContext(conf=conf.setAppName("stepped")) as context:
        yield context


@pytest.fixture
def stepped(stepped_sc, tmp_path):
    one = Stepped(stepped_sc, tmp_path / "checkpoint")
    yield one
    one.ssc.stop(stopSparkContext=False)
