"""What the engine does itself of a Python stream gives what Python gives: both ways are run on
random data."""

import operator
import random

import pytest
from test_recognised import both_ways, random_text

from pyspark.streaming import StreamingContext

STREAMS = {
    "words": lambda lines: lines.flatMap(lambda line: line.split(" ")),
    "counts": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).reduceByKey(lambda a, b: a + b, 3),
    "window of lines": lambda lines: lines.window(3).flatMap(str.split).map(
        lambda word: (word, 2)).reduceByKey(operator.add, 2),
    "window of words": lambda lines: lines.flatMap(lambda line: line.split(" ")).window(2, 2).map(
        lambda word: (word, 1)).reduceByKey(operator.add, 2),
    "window of counts": lambda lines: lines.map(lambda line: (line, 1)).reduceByKey(
        operator.add, 2).window(3, 2).reduceByKey(lambda x, y: x + y, 2),
    "sums in windows": lambda lines: lines.flatMap(lambda line: line.split(",")).map(
        lambda word: (word, 1)).reduceByKeyAndWindow(lambda x, y: x + y, None, 3, 1, 2),
    "short windows": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).reduceByKeyAndWindow(operator.add, operator.sub, 3, 1, 2),
    "moved windows": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).reduceByKeyAndWindow(operator.add, operator.sub, 5, 1, 2,
                                                     lambda pair: pair[1] > 0),
    "values in windows": lambda lines: lines.flatMap(str.split).countByValueAndWindow(6, 2),
    "states": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).updateStateByKey(lambda ones, n: sum(ones) + (n or 0), 3),
    "states of counts": lambda lines: lines.flatMap(lambda line: line.split(" ")).map(
        lambda word: (word, 1)).reduceByKey(operator.add).updateStateByKey(
            lambda ones, n: sum(ones) + (n or 0), 3),
    "all of a window": lambda lines: lines.window(4, 2).count(),
}


@pytest.mark.parametrize("chain", STREAMS)
def test_streams_are_equal(stepped_sc, tmp_path, chain):
    source = random.Random(chain)
    batches = [random_text(source, number == 3) for number in range(8)]

    def run(name):
        ssc = StreamingContext(stepped_sc, 1)
        ssc.checkpoint(str(tmp_path / name / "checkpoint"))
        (tmp_path / name / "in").mkdir()
        lines = ssc.textFileStream(str(tmp_path / name / "in"))
        got = []
        STREAMS[chain](lines).foreachRDD(lambda rdd: got.append(
            [sorted(part) for part in rdd.glom().collect()]))
        ssc.start()
        for number, text in enumerate(batches):
            (tmp_path / name / "in" / str(number)).write_bytes(text)
            ssc._step()
        ssc._step(6)
        ssc.stop(stopSparkContext=False)
        assert not ssc._errors
        return got

    here, there = both_ways(stepped_sc, lambda: run("known" if stepped_sc._knows_functions else
                                                    "opaque"))
    assert here == there and any(here)
