"""`millrace.kafka`, against a real broker."""

import ctypes
import datetime
import errno
import pathlib
import random
import signal
import socket
import subprocess

import pytest

import millrace
from millrace import kafka
from millrace.kafka import Message, Record
from millrace.testing import ManualStreams, manual_context

BROKER = pathlib.Path(__file__).parents[2] / "tools" / "kafka" / "broker"


def free_port():
    """Below those that the kernel takes for outgoing connections."""
    while True:
        try:
            with socket.create_server(("127.0.0.1", random.randrange(10_000, 32_768))) as one:
                return one.getsockname()[1]
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Its address. Topics are made when they are written to."""
    subprocess.run([BROKER, "fetch"], check=True)
    port = free_port()
    directory = tmp_path_factory.mktemp("broker")
    process = subprocess.Popen(
        [BROKER, "run", directory, str(port), str(free_port()), "auto.create.topics.enable=true"],
        preexec_fn=end_with_parent)
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def context():
    with manual_context(name="kafka") as one:
        yield one


@pytest.fixture
def streams(context, tmp_path):
    one = ManualStreams(context, str(tmp_path / "checkpoint"))
    yield one
    one.stop()


def written(context, path, broker, topic, *batches, **options):
    """Writes batches to a topic by a stream of its own."""
    streams = ManualStreams(context, str(path / f"to {topic}"))
    streams.input(*batches, partitions=1).named(topic).write(
        kafka.topic(broker, topic, **options))
    streams.step(len(batches))
    streams.stop()


def test_what_is_written_is_read(context, streams, broker, tmp_path):
    written(context, tmp_path, broker, "a",
            [("k", "v"), (b"\xff", None), "alone", ("n", 7)],
            [Message("k", "with all", headers=[("h", "x"), ("i", b"\xff")], partition=0,
                     timestamp=1_700_000_000_000)])
    records = streams.streaming.stream(kafka.topics(broker, ["a"], start="earliest"))
    offsets = []

    def look(rdd):
        offsets.append(kafka.offsets_of(rdd))

    records.for_each_rdd(look)
    (got,) = streams.run(records, 1)
    assert [one[:2] for one in got] == [(b"k", b"v"), (b"\xff", None), (None, b"alone"),
                                        (b"n", b"7"), (b"k", b"with all")]
    last = got[-1]
    assert isinstance(last, Record)
    assert last.headers == [("h", b"x"), ("i", b"\xff")] and last.timestamp == 1_700_000_000_000
    assert (last.topic, last.partition) == ("a", 0)
    assert [one.offset for one in got[:4]] == [0, 1, 2, 3]
    (only,) = offsets[0]
    assert only[:3] == ("a", 0, 0) and only.until_offset > last.offset
    # The same records again, and some of them.
    assert kafka.read(context, broker, offsets[0]).collect() == got
    some = [kafka.OffsetRange("a", 0, 1, 3)]
    assert [one.offset for one in kafka.read(context, broker, some)] == [1, 2]


def test_where_a_stream_begins(context, streams, broker, tmp_path):
    time = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=3)
    begin = int(time.timestamp() * 1000) - 3000
    written(context, tmp_path, broker, "b",
            [Message(None, str(n), timestamp=begin + 1000 * n) for n in range(5)],
            delivery="at_least_once")
    begun = [streams.streaming.stream(kafka.topics(broker, pattern="b", start=start))
             for start in ("latest", {("b", 0): 1}, time)]
    got = [streams.collect(one.map(lambda record: record.value)) for one in begun]
    streams.step()
    assert got == [[[]], [[b"1", b"2", b"3", b"4"]], [[b"3", b"4"]]]


def test_copies_are_exact_over_a_crash(broker, tmp_path):
    def run(fails):
        with manual_context(name="copies") as context:
            def setup():
                streaming = millrace.StreamingContext(context, 1)
                records = streaming.stream(kafka.topics(broker, ["c"], start="earliest"))
                records.map(lambda record: (record.key, record.value)).named("copies").write(
                    kafka.topic(broker, "d"))

                def second(rdd):
                    if fails and not rdd.is_empty():
                        raise ValueError("on purpose")

                records.for_each_rdd(second)
                return streaming

            streaming = millrace.StreamingContext.get_or_create(tmp_path / "checkpoint", setup)
            streaming.start()
            try:
                streaming.spark._step(1)
            except Exception as failure:
                assert "on purpose" in str(failure)
            streaming.stop()

    with manual_context(name="before") as context:
        written(context, tmp_path, broker, "c", [("k", str(n)) for n in range(100)])
    run(fails=True)  # after the copy was committed
    run(fails=False)
    with manual_context(name="after") as context:
        streams = ManualStreams(context, str(tmp_path / "read"))
        records = streams.streaming.stream(kafka.topics(broker, ["d"], start="earliest"))
        (got,) = streams.run(records.map(lambda record: record.value), 1)
        assert got == [str(n).encode() for n in range(100)]
        streams.stop()


def test_what_is_refused(streams, broker):
    with pytest.raises(ValueError, match="start is latest"):
        streams.streaming.stream(kafka.topics(broker, ["x"], start="first"))
    with pytest.raises(ValueError, match="delivery is exactly_once"):
        streams.input([]).write(kafka.topic(broker, "x", delivery="at_most_once"))
