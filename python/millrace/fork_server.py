"""Forks worker processes: a fresh process without threads, started before any work, with
everything imported that workers need. Argument: the descriptor of the driver's socket."""

import ctypes
import os
import signal
import socket
import struct
import sys
import time

PR_SET_PDEATHSIG = 1
NUMBER = struct.Struct("<q")
NOT_KNOWN = -1
ENDS_KEPT = 1000  # of workers nobody has asked for
PATIENCE = 0.5  # seconds for a worker that has closed its socket and not ended


class Ends:
    """How workers ended, for whoever asks."""

    def __init__(self):
        self._statuses = {}

    def collect(self):
        """Of all that have ended. False: there is no worker at all."""
        try:
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if process == 0:
                    return True
                self._statuses[process] = status
                if len(self._statuses) > ENDS_KEPT:
                    del self._statuses[next(iter(self._statuses))]
        except ChildProcessError:
            return False

    def of(self, process):
        until = time.monotonic() + PATIENCE
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        while self.collect() and process not in self._statuses and time.monotonic() < until:
            signal.sigtimedwait([signal.SIGCHLD], until - time.monotonic())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        return self._statuses.pop(process, NOT_KNOWN)


def serve(orders):
    libc = ctypes.CDLL(None)
    ends = Ends()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    signal.signal(signal.SIGCHLD, lambda number, frame: ends.collect())
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 1, 1)
        if not order:
            return
        if order == b"E":  # how has it ended?
            (process,) = NUMBER.unpack(orders.recv(NUMBER.size, socket.MSG_WAITALL))
            orders.sendall(NUMBER.pack(ends.of(process)))
            continue
        if os.fork() == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orders.close()
            status = 1
            try:
                worker.main(descriptors[0])
                status = 0
            finally:
                sys.stdout.flush()
                os._exit(status)
        os.close(descriptors[0])


if __name__ == "__main__":
    del sys.path[0]  # this directory: its modules are not what programs mean by their names
    import pyspark  # noqa: F401  every worker needs it
    from millrace import worker

    serve(socket.socket(fileno=int(sys.argv[1])))
