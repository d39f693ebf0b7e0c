"""Forks worker processes: a fresh process without threads, started before any work, with
everything imported that workers need. Argument: the descriptor of the driver's socket."""

import ctypes
import os
import signal
import socket
import sys

PR_SET_PDEATHSIG = 1


def serve(orders):
    libc = ctypes.CDLL(None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 1, 1)
        if not order:
            return
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
