"""The batches of a stream, as the engine has them made and run."""

import sys
import threading
import traceback

INITIALIZED, ACTIVE, STOPPED = range(3)
# What functions of the program fail with: none can leave the program from a batch, as in Spark.
_FAILURES = (Exception, SystemExit)


class EngineOutput:
    """An output operation that is the engine's own, a sink: `add` registers it."""

    def __init__(self, add):
        self.add = add


class Batches:
    """What a streaming context has of its batches. The engine calls for what it needs: the RDDs of
    a time, by the thread that makes batches; the functions of outputs, by those that run them."""

    # Whether a batch that fails stops the stream; as in Spark it is reported, and others follow.
    _ends_with_failure = False
    # As in Spark, state wants a checkpoint directory.
    _demands_directory = True

    def __init__(self, sc, batch_ms):
        import _millrace
        self._sc = sc
        self._batch_ms = batch_ms
        self._native = sc._call(_millrace.Streaming, sc._engine, batch_ms, self._ends_with_failure)
        self._outputs = []  # (stream, function)
        self._streams = []  # those that outputs need, once it has started
        self._zero_ms = None
        self._at_ms = None  # the batch that was made last
        self._made_ms = None  # the last one of which jobs were made
        self._jobs = {}  # time -> {output: RDD} of those that have not run
        self._lock = threading.Lock()  # of _jobs
        self._errors = []
        self._stopping = False

    @property
    def _zero(self):
        """The time before the first batch, in milliseconds."""
        if self._zero_ms is None:
            self._zero_ms = self._native.zero
        return self._zero_ms

    def _used(self):
        """The streams that outputs need, parents after children."""
        used, todo = {}, [stream for stream, _ in self._outputs]
        while todo:
            stream = todo.pop()
            if stream not in used:
                used[stream] = None
                todo += stream._parents
        return list(used)

    def _register(self, remember_ms):
        """Tells the engine of all outputs."""
        self._streams = self._used()
        for stream in self._streams:
            stream._remember(remember_ms)
        self._native.remember(remember_ms)
        for number, (stream, function) in enumerate(self._outputs):
            if isinstance(function, EngineOutput):
                self._sc._call(function.add)
                continue
            self._sc._call(self._native.output, f"output {number}", stream._engine_streams(),
                           stream._slide, self._reported(lambda time, n=number: self._made(time, n)),
                           lambda time, n=number: self._run(time, n))

    def _reported(self, f):
        """f for the engine, which is told of a failure by its text."""

        def call(time):
            try:
                if self._at_ms is None or time > self._at_ms:
                    self._at_ms = time
                    self._forget_done(time)
                return f(time)
            except _FAILURES:
                return _text_of_failure()

        return call

    def _forget_done(self, now):
        with self._lock:
            done = min(self._jobs, default=now) - 1
        for stream in self._streams:
            stream._forget(done)

    def _made(self, time, number):
        """Whether the output has a job in the batch, all of whose jobs are made with the first."""
        if self._made_ms is None or time > self._made_ms:
            self._made_ms = time
            self._make(time)
        return number in self._jobs.get(time, ())

    def _make(self, time):
        """Makes the jobs of a batch, all of them or none."""
        try:
            jobs = {}
            for number, (stream, function) in enumerate(self._outputs):
                if isinstance(function, EngineOutput):
                    continue
                rdd = stream._rdd(time)
                if rdd is not None:
                    jobs[number] = rdd
        except _FAILURES:
            if self._ends_with_failure:
                raise
            self._report(f"Error generating jobs for time {time} ms", _text_of_failure())
            return
        if jobs:
            with self._lock:
                self._jobs[time] = jobs

    def _run(self, time, number):
        rdd = self._jobs[time][number]
        try:
            self._outputs[number][1](time, rdd)
        except _FAILURES:
            text = _text_of_failure()
            # Else it was ended in the middle of it, or the program hears of it otherwise.
            if not self._stopping and not self._ends_with_failure:
                self._report(f"Error running output operation {number} of the batch of {time} ms",
                             text)
            return text
        finally:
            del rdd
            with self._lock:
                jobs = self._jobs[time]
                del jobs[number]
                if not jobs:
                    del self._jobs[time]


    def _report(self, what, text):
        print(f"ERROR: {what}\n{text}", file=sys.stderr, end="", flush=True)
        self._errors.append(text)


def _text_of_failure():
    return "An exception was raised by Python:\n" + traceback.format_exc()
