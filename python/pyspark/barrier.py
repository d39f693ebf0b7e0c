"""Barrier stages: tasks that run together and wait for each other. They meet at a socket of the
driver, which answers when all of them have come."""

import os
import pickle
import socket
import socketserver
import struct
import threading
from collections import defaultdict

from pyspark.steps import Step

_SIZE = struct.Struct("<Q")


def _read(file):
    (size,) = _SIZE.unpack(file.read(_SIZE.size))
    return pickle.loads(file.read(size))


def _write(file, value):
    data = pickle.dumps(value)
    file.write(_SIZE.pack(len(data)) + data)
    file.flush()


class MeetingPoint:
    """In the driver. Ends with `close`."""

    def __init__(self, directory):
        self.address = os.path.join(directory, "barrier")
        self._rounds = defaultdict(dict)  # (stage, round) -> {partition: (what, message)}
        self._all_here = threading.Condition()
        meeting = self

        class Visitor(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    _write(self.wfile, meeting._meet(*_read(self.rfile)))
                except (OSError, struct.error):
                    pass  # the task was ended while it waited

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self._server = Server(self.address, Visitor)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _meet(self, stage, number, partition, what, message):
        """The messages of all by partition, or a text that says what is wrong."""
        tasks = stage[-1]
        with self._all_here:
            here = self._rounds[stage, number]
            here[partition] = what, message
            if len(here) == tasks:  # nobody else comes: those who wait hold it themselves
                del self._rounds[stage, number]
                self._all_here.notify_all()
            self._all_here.wait_for(lambda: len(here) == tasks)
            if len({kind for kind, _ in here.values()}) > 1:
                return "the tasks of a barrier stage wait for different things"
            return [message for _, (_, message) in sorted(here.items())]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


_round = 0


def meet(address, stage, partition, what, message):
    """In a task: waits for the others."""
    global _round
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        with connection.makefile("rwb") as file:
            _write(file, (stage, _round, partition, what, message))
            answer = _read(file)
    _round += 1
    if isinstance(answer, str):
        raise Exception(f"{what}: {answer}")
    return answer


class InBarrier(Step):
    """A step whose tasks can meet."""

    def __call__(self, split, rows):
        global _round
        from pyspark import taskcontext
        meeting, step = self.arguments
        _round = 0
        taskcontext.begin_barrier(meeting)
        return step(split, rows)
