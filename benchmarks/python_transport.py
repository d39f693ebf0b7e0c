"""What of a Python worker's time goes to bringing rows to it: frames of 256 KiB from one process to
another through the socket that workers have, and through shared memory whose slots are handed over
by a byte through a pipe; beside what the worker then makes of them.

    python_transport.py         with the path that `millrace pyspark-path` prints on PYTHONPATH

One JSON line a figure, medians of 5."""

import json
import mmap
import os
import socket
import statistics
import struct
import sys
import time

FRAME, FRAMES, SLOTS = 256 << 10, 1000, 8


def show(metric, values, unit):
    print(json.dumps({"system": "millrace", "workload": "python_transport", "metric": metric,
                      "value": round(statistics.median(values), 3), "unit": unit}), flush=True)


def timed(reader, writer):
    """Seconds until a process that runs `reader` has read what `writer` writes in another."""
    process = os.fork()
    if process == 0:
        writer()
        os._exit(0)
    begin = time.perf_counter()
    reader()
    took = time.perf_counter() - begin
    os.waitpid(process, 0)
    return took


def by_socket(frame):
    from millrace.worker import Driver
    ours, theirs = socket.socketpair()
    driver = Driver(ours)

    def write():
        head = struct.pack("<QQ", 1, len(frame))
        for _ in range(FRAMES):
            theirs.recv(16)
            theirs.sendmsg([head, frame])
        theirs.recv(16)
        theirs.sendall(struct.pack("<Q", 0))

    def read():
        for _ in driver.frames(0):
            pass

    return timed(read, write)


def by_shared_memory(frame):
    memory = mmap.mmap(-1, SLOTS * FRAME)
    full, free = os.pipe(), os.pipe()

    def write():
        for number in range(FRAMES):
            if number >= SLOTS:
                os.read(free[0], 1)
            at = number % SLOTS * FRAME
            memory[at:at + FRAME] = frame
            os.write(full[1], b"1")

    def read():
        view = memoryview(memory)
        for number in range(FRAMES):
            os.read(full[0], 1)
            at = number % SLOTS * FRAME
            bytes(view[at:at + FRAME])  # rows must not change when the slot is used again
            os.write(free[1], b"1")

    return timed(read, write)


def made_of(frame, make):
    begin = time.perf_counter()
    for _ in range(20):
        make(frame)
    return (time.perf_counter() - begin) / 20 * FRAMES


def main():
    from millrace import frames
    megabytes = FRAME * FRAMES / 1e6
    text = b"one of the lines that a worker cuts into its words\n" * (FRAME // 51 + 1)
    text = text[:FRAME]
    pairs = frames.dumps([("word%d" % i, i) for i in range(FRAME // 16)])

    def words(block):
        counts = {}
        for line in frames.lines_of(block):
            for word in line.split(" "):
                counts[word] = counts.get(word, 0) + 1

    def rate(seconds, size=megabytes):
        return size / seconds

    show("through the socket", [rate(by_socket(text)) for _ in range(5)], "MB/s")
    show("through shared memory", [rate(by_shared_memory(text)) for _ in range(5)], "MB/s")
    show("text into counted words", [rate(made_of(text, words)) for _ in range(5)], "MB/s")
    show("pickles into rows", [rate(made_of(pairs, frames.loads), len(pairs) * FRAMES / 1e6)
                               for _ in range(5)], "MB/s")


if __name__ == "__main__":
    sys.exit(main())
