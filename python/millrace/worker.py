"""A worker process: runs one task after another for the driver at the other end of a socket.

The worker asks for rows and tells of rows; the driver answers. src: native/worker_pool.cpp."""

import gc
import os
import socket
import struct
import sys
import traceback
from itertools import chain

from millrace import bad_records, frames

TASK = struct.Struct("<IIqqQ")  # partition, attempt, stage, task, bytes of the function
HEADER = struct.Struct("<IIQ")  # what, number, bytes that follow
WANTS_ROWS, ROWS, BAD_RECORD, DONE, FAILED = (ord(c) for c in "ROBDE")
COUNT = struct.Struct("<Q")
PLACE = struct.Struct("<qqQ")  # of a frame: where it goes (native/frame.hpp), its bytes
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
        return chain.from_iterable(self._decoded(number, unicode))

    def _decoded(self, number, unicode):
        cut = frames.lines_of if unicode else frames.byte_lines_of
        for frame, is_text in self.frames(number):
            yield cut(frame) if is_text else frames.loads(frame)

    def frames(self, number):
        """An input's frames, and whether they are blocks of text."""
        while True:
            self.send(WANTS_ROWS, number)
            (count,) = COUNT.unpack(self.read(8))
            is_text = count & TEXT != 0
            count &= TEXT - 1
            if count == 0:
                return
            sizes = struct.unpack(f"<{count}Q", self.read(8 * count))
            # All of it now: later the driver would wait for us to read while we wait for it.
            for frame in [self.read(size) for size in sizes]:
                yield frame, is_text

    def give(self, given):
        """(hash, other, frame)s. False: no more rows are wanted."""
        index = b"".join([PLACE.pack(h, other, len(frame)) for h, other, frame in given])
        self.send(ROWS, len(given), b"".join([index, *(frame for _, _, frame in given)]))
        return self.read(1) != b"\0"

    def reject(self, policy, what):
        """Tells of a bad record (millrace.reject)."""
        self.send(BAD_RECORD, policy, what)
        self.read(1)

    def give_frames(self, given):
        """Many small ones travel together."""
        waiting, size = [], 0
        for one in given:
            waiting.append(one)
            size += len(one[2])
            if size >= TOGETHER or len(waiting) == MOST_FRAMES:
                if not self.give(waiting):
                    return
                waiting, size = [], 0
        if waiting:
            self.give(waiting)


def run_task(driver, partition, attempt, stage, number, function):
    from pyspark import accumulators, taskcontext

    accumulators.begin()
    bad_records.driver = driver
    task = frames.loads(function)
    taskcontext.begin(partition, attempt, stage, number, task.properties)
    inputs = [driver.frames(number) if unicode is None else driver.rows(number, unicode)
              for number, unicode in enumerate(task.inputs)]
    rows = task.run(partition, inputs)
    if task.gives_frames:
        driver.give_frames(rows)
    else:
        for frame in frames.frames_of(rows):
            if not driver.give([(0, 0, frame)]):
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


def limit_memory():
    """spark.executor.pyspark.memory, as SparkContext hands it on."""
    megabytes = os.environ.get("PYSPARK_EXECUTOR_MEMORY_MB")
    if megabytes:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (int(megabytes) << 20,) * 2)


def main(descriptor):
    limit_memory()
    connection = socket.socket(fileno=descriptor)
    driver = Driver(connection)
    gc.freeze()
    gc.set_threshold(50000, 20, 50)  # rows are made by the million and have no cycles
    try:
        connection.sendall(COUNT.pack(os.getpid()))
        while True:
            *where, size = TASK.unpack(driver.read(TASK.size))
            function = driver.read(size)
            try:
                gained = run_task(driver, *where, function)
                sys.stdout.flush()
                sys.stderr.flush()
                driver.send(DONE, 0, gained)
            except (Exception, SystemExit) as failure:
                sys.stdout.flush()
                driver.send(FAILED, 0, describe_failure(failure).encode("utf-8", "replace"))
    except (DriverGone, OSError):
        pass
