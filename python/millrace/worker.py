"""A worker process: runs one task after another for the driver at the other end of a socket.

The worker asks for rows and tells of rows; the driver answers. src: native/worker_pool.cpp."""

import gc
import os
import socket
import struct
import sys
import traceback
from itertools import chain

from millrace import frames

TASK = struct.Struct("<IIqQ")  # partition, attempt, stage, bytes of the function
HEADER = struct.Struct("<IIQ")  # what, number, bytes that follow
WANTS_ROWS, ROWS, DONE, FAILED = (ord(c) for c in "RODE")
COUNT = struct.Struct("<Q")
PLACE = struct.Struct("<IQ")  # of a frame: the partition it goes to, its bytes
TOGETHER, MOST_FRAMES = 256 << 10, 1000  # what is sent at once
TEXT = 1 << 63  # in the count of frames: they are blocks of text


class DriverGone(BaseException):
    """Nobody is there to work for."""


class Driver:
    def __init__(self, connection):
        self._send = connection.sendall
        self._input = connection.makefile("rb", 1 << 16)

    def read(self, size):
        data = self._input.read(size)
        if len(data) != size:
            raise DriverGone()
        return data

    def send(self, what, number=0, data=b""):
        try:
            header = HEADER.pack(what, number, len(data))
            if len(data) < 1 << 16:
                self._send(header + data)
            else:
                self._send(header)
                self._send(data)
        except OSError:
            raise DriverGone() from None

    def rows(self, number, unicode):
        """An input's rows; unless `unicode`, lines of text are bytes."""
        return chain.from_iterable(self._batches(number, unicode))

    def _batches(self, number, unicode):
        cut = frames.lines_of if unicode else frames.byte_lines_of
        while True:
            self.send(WANTS_ROWS, number)
            (count,) = COUNT.unpack(self.read(8))
            decode = cut if count & TEXT else frames.loads
            count &= TEXT - 1
            if count == 0:
                return
            sizes = struct.unpack(f"<{count}Q", self.read(8 * count))
            # All of it now: later the driver would wait for us to read while we wait for it.
            for frame in [self.read(size) for size in sizes]:
                yield decode(frame)

    def give(self, given):
        """Frames, each with its partition. False: no more rows are wanted."""
        index = b"".join(PLACE.pack(partition, len(frame)) for partition, frame in given)
        self.send(ROWS, len(given), b"".join([index, *(frame for _, frame in given)]))
        return self.read(1) != b"\0"

    def give_buckets(self, buckets):
        """Many small ones travel together."""
        waiting, size = [], 0
        for to, bucket in buckets:
            frame = frames.dumps(bucket)
            waiting.append((to, frame))
            size += len(frame)
            if size >= TOGETHER or len(waiting) == MOST_FRAMES:
                if not self.give(waiting):
                    return
                waiting, size = [], 0
        if waiting:
            self.give(waiting)


def run_task(driver, partition, attempt, stage, function):
    from pyspark import accumulators, taskcontext

    accumulators.begin()
    task = frames.loads(function)
    taskcontext.begin(partition, attempt, stage, task.properties)
    for path in task.paths:
        if path not in sys.path:
            sys.path.insert(1, path)
    inputs = [driver.rows(number, unicode) for number, unicode in enumerate(task.inputs)]
    rows = task.run(partition, inputs)
    if task.to_buckets:
        driver.give_buckets(rows)
    else:
        for frame in frames.frames_of(rows):
            if not driver.give([(0, frame)]):
                break
    if hasattr(rows, "close"):
        rows.close()
    return accumulators.gained()


def describe_failure(failure):
    text = traceback.format_exc()
    # A generator makes a RuntimeError of it.
    if isinstance(failure, StopIteration) or isinstance(failure.__cause__, StopIteration):
        text += "Caught StopIteration thrown from user's code; failing the task\n"
    return text


def main(descriptor):
    connection = socket.socket(fileno=descriptor)
    driver = Driver(connection)
    gc.freeze()
    gc.set_threshold(50000, 20, 50)  # rows are made by the million and have no cycles
    try:
        connection.sendall(COUNT.pack(os.getpid()))
        while True:
            partition, attempt, stage, size = TASK.unpack(driver.read(TASK.size))
            function = driver.read(size)
            try:
                gained = run_task(driver, partition, attempt, stage, function)
                sys.stdout.flush()
                sys.stderr.flush()
                driver.send(DONE, 0, gained)
            except Exception as failure:
                sys.stdout.flush()
                driver.send(FAILED, 0, describe_failure(failure).encode("utf-8", "replace"))
    except (DriverGone, OSError):
        pass
