"""The door to streams."""

import glob
import os
import sys
import threading
import traceback
from collections import deque

from millrace import frames
from pyspark.context import SparkContext
from pyspark.errors import Py4JJavaError
from pyspark.rdd import RDD
from pyspark.saving import local_path
from pyspark.storagelevel import StorageLevel
from pyspark.streaming.checkpoints import Checkpoints
from pyspark.streaming.dstream import DStream, _check_same_slide
from pyspark.streaming.listener import Teller

INITIALIZED, ACTIVE, STOPPED = range(3)


class StreamingContext:
    """Builds streams, starts them, waits for their end. Durations are in seconds. A batch that
    fails is reported (on the standard error and by awaitTermination); later ones go on."""

    _activeContext = None

    def __init__(self, sparkContext, batchDuration=None, jssc=None):
        import _millrace
        if not isinstance(sparkContext, SparkContext):
            raise TypeError("StreamingContext wants a SparkContext")
        if batchDuration is None:
            raise ValueError("StreamingContext wants a batch duration in seconds")
        self._sc = sparkContext
        self._batch_ms = int(batchDuration * 1000)
        self._native = sparkContext._call(_millrace.Streaming, sparkContext._engine,
                                          self._batch_ms)
        self._jssc = _Handle(self)
        self._jvm = None
        self._streams = []
        self._state_streams = []
        self._outputs = []  # (stream, function)
        self._given = {}  # time -> what the inputs have
        self._jobs = {}  # time -> {output: RDD}
        self._lock = threading.Lock()
        self._zero_ms = None
        self._done_ms = None
        self._remember_ms = None
        self._checkpoint_dir = None
        self._checkpoints = None
        self._saved = None  # what a checkpoint had
        self._saved_ms = 0  # the time of the batch that was saved last
        self._file_inputs = []
        self._receivers = []
        self._ends_with_failure = False  # else a failed batch is reported, and others follow
        self._errors = []
        self._failures = {}
        self._stopping = False
        directory = sparkContext._conf.get("spark.streaming.checkpoint.directory")
        if directory:
            self.checkpoint(directory)

    # ---- contexts

    @classmethod
    def getActive(cls):
        active = cls._activeContext
        if active is not None and active._native.state != ACTIVE:
            cls._activeContext = active = None
        return active

    @classmethod
    def getOrCreate(cls, checkpointPath, setupFunc):
        """What `setupFunc` builds, going on from the directory's newest checkpoint if it has one:
        states, and which files were read. It is called in either case, for code is not saved; where
        a SparkContext exists it is given that one when it makes one."""
        saved = Checkpoints(local_path(checkpointPath)).load()
        if saved is None:
            ssc = setupFunc()
        else:
            with SparkContext._given_the_active():
                ssc = setupFunc()
        ssc.checkpoint(checkpointPath)
        ssc._saved = saved
        return ssc

    @classmethod
    def getActiveOrCreate(cls, checkpointPath, setupFunc):
        if not callable(setupFunc):
            raise Exception("setupFunc cannot be None")
        active = cls.getActive()
        if active is not None:
            return active
        if checkpointPath is not None:
            return cls.getOrCreate(checkpointPath, setupFunc)
        return setupFunc()

    @property
    def sparkContext(self):
        return self._sc

    def __repr__(self):
        state = ("initialized", "active", "stopped")[self._native.state]
        return f"<StreamingContext {state}, batches of {self._batch_ms} ms>"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    # ---- sources

    def socketTextStream(self, hostname, port, storageLevel=StorageLevel.MEMORY_AND_DISK_2):
        self._check_building()
        number = self._sc._call(self._native.socket, hostname, port)

        def compute(time):
            dataset = self._given[time][number]
            return None if dataset is None else RDD._of_leaf(
                self._sc, "socketTextStream", lambda: dataset, dataset.partitions)

        return DStream(self, compute)

    def textFileStream(self, directory):
        return self._files(directory, lambda path: self._sc.textFile(path, 1))

    def binaryRecordsStream(self, directory, recordLength):
        return self._files(directory, lambda path: self._sc.binaryRecords(path, recordLength))

    def _files(self, directory, read):
        files = _NewFiles(local_path(directory))
        self._file_inputs.append(files)

        def compute(time):
            rdds = [read(path) for path in files.take()]
            return self._sc.union(rdds) if rdds else self._sc.emptyRDD()

        return DStream(self, compute)

    def queueStream(self, rdds, oneAtATime=True, default=None):
        if default is not None and not isinstance(default, RDD):
            default = self._sc.parallelize(default)
        if not rdds and default is None:
            raise IndexError("queueStream: the queue is empty and there is no default")
        waiting = deque(rdd if isinstance(rdd, RDD) else self._sc.parallelize(rdd)
                        for rdd in rdds)
        default = default if default is not None else self._sc.parallelize([], 1)

        def compute(time):
            if not waiting:
                return default
            if oneAtATime:
                return waiting.popleft()
            every = list(waiting)
            waiting.clear()
            return self._sc.union(every)

        return DStream(self, compute)

    def union(self, *dstreams):
        if not dstreams:
            raise ValueError("should have at least one DStream to union")
        if len(dstreams) == 1:
            return dstreams[0]
        for stream in dstreams:
            if not isinstance(stream, DStream):
                raise TypeError(f"union wants DStreams, not {type(stream).__name__}")
        if len({stream._slide for stream in dstreams}) > 1:
            raise ValueError("All DStreams should have same slide duration")
        return self.transform(dstreams, self._sc.union)

    def transform(self, dstreams, transformFunc):
        from pyspark.streaming.dstream import _an_rdd, _needed
        dstreams = list(dstreams)
        _check_same_slide(dstreams)
        return DStream(self, lambda time: _an_rdd(
            transformFunc([_needed(stream, time) for stream in dstreams]), self._sc), dstreams)

    # ---- life

    def remember(self, duration):
        self._check_building()
        if self._remember_ms is not None:
            raise Py4JJavaError("java.lang.IllegalArgumentException: requirement failed: Remember "
                                f"duration already set as {self._remember_ms} ms. Cannot set it "
                                f"again.")
        self._remember_ms = int(duration * 1000)

    def checkpoint(self, directory):
        path = local_path(directory)
        os.makedirs(path, exist_ok=True)
        self._checkpoint_dir = path
        self._checkpoints = Checkpoints(path)
        self._sc.setCheckpointDir(path)

    def start(self):
        if self._native.state == ACTIVE:
            return
        if self._native.state == STOPPED:
            raise Py4JJavaError("java.lang.IllegalStateException: StreamingContext has already "
                                "been stopped")
        if StreamingContext.getActive() is not None:
            raise Py4JJavaError("java.lang.IllegalStateException: Only one StreamingContext may be "
                                "started in this JVM")
        if not self._outputs:
            raise _requirement("No output operations registered, so nothing to execute")
        used = self._used()
        if self._sc._checkpoint_dir is None and any(stream._is_state for stream in used):
            raise _requirement("The checkpoint directory has not been set. Please set it by "
                               "StreamingContext.checkpoint().")
        for stream in used:
            stream._remember(self._remember_ms or 0)
        self._streams = used
        self._check_functions()
        for files in self._file_inputs:
            files.begin()
        self._recover()
        self._native.take_inputs(self._generate)
        for number, (stream, _) in enumerate(self._outputs):
            self._native.output(f"output {number}", stream._slide,
                                lambda time, number=number: number in self._jobs.get(time, ()),
                                lambda time, number=number: self._run(time, number))
        StreamingContext._activeContext = self
        try:
            self._sc._call(self._native.start)
        except BaseException:
            StreamingContext._activeContext = None
            raise
        for receiver in self._receivers:
            receiver._begin()

    def awaitTermination(self, timeout=None):
        if timeout is None:
            while not self.awaitTerminationOrTimeout(1.0):
                pass
        else:
            self.awaitTerminationOrTimeout(timeout)

    def awaitTerminationOrTimeout(self, timeout):
        """Whether it has stopped; raises what a batch raised."""
        while True:
            if self._errors:
                raise Py4JJavaError("An error occurred while calling awaitTermination.\n"
                                    ": org.apache.spark.SparkException: " + self._errors[0])
            step = min(timeout, 0.05)
            if self._sc._call(self._native.await_for, max(step, 0)):
                return True
            timeout -= step
            if timeout <= 0:
                return False

    def stop(self, stopSparkContext=True, stopGraceFully=False):
        self._stopping = not stopGraceFully
        for receiver in self._receivers:
            receiver._end()
        was_active = self._native.state == ACTIVE
        self._sc._call(self._native.stop, stopGraceFully)
        if was_active and not self._native.in_batch and (self._done_ms or 0) > self._saved_ms:
            self._save(self._done_ms)
        if StreamingContext._activeContext is self:
            StreamingContext._activeContext = None
        if not stopSparkContext:
            return
        if self._native.in_batch:  # what runs now is ours: the context goes after it
            threading.Thread(target=self._stop_later).start()
        else:
            self._sc.stop()

    def _stop_later(self):
        while not self._native.await_for(1.0):
            pass
        self._sc.stop()

    @classmethod
    def _context_stops(cls, sc):
        active = cls.getActive()
        if active is not None and active._sc is sc:
            active.stop(stopSparkContext=False)

    def addStreamingListener(self, streamingListener):
        self._native.add_listener(Teller(streamingListener, self._failures))

    # ---- for streams

    def _check_building(self):
        state = self._native.state
        if state != INITIALIZED:
            raise Py4JJavaError(
                "java.lang.IllegalStateException: Adding new inputs, transformations, and output "
                f"operations after {'starting' if state == ACTIVE else 'stopping'} a context is "
                "not supported")

    def _add_output(self, stream, function):
        self._check_building()
        self._outputs.append((stream, function))

    def _used(self):
        """The streams that outputs need, parents after children."""
        used, todo = {}, [stream for stream, _ in self._outputs]
        while todo:
            stream = todo.pop()
            if stream not in used:
                used[stream] = None
                todo += stream._parents
        return list(used)

    # ---- batches; called by the engine, and nothing may be raised

    def _generate(self, time, datasets):
        """Makes the jobs of a batch, all of them or none."""
        if self._ends_with_failure and self._errors:
            return
        try:
            if self._zero_ms is None:
                self._zero_ms = time - self._batch_ms
            if self._done_ms is not None:
                for stream in self._streams:
                    stream._forget(self._done_ms)
            self._given = {time: datasets}
            jobs = {}
            for number, (stream, _) in enumerate(self._outputs):
                rdd = stream._rdd(time)
                if rdd is not None:
                    jobs[number] = rdd
            # Inputs that nobody reads in this batch must still be taken: windows need them later.
            for stream in self._streams:
                if not stream._parents:
                    stream._rdd(time)
            if jobs:
                self._jobs[time] = jobs
            elif not self._jobs:
                self._done_ms = time
        except Exception:
            self._report(time, "Error generating jobs for time")

    def _run(self, time, number):
        rdd = self._jobs[time][number]
        try:
            self._outputs[number][1](time, rdd)
        except Exception as failure:
            self._failures[time, number] = str(failure)
            self._report(time, f"Error running output operation {number} of the batch of")
        finally:
            del rdd
            with self._lock:
                jobs = self._jobs[time]
                del jobs[number]
                last = not jobs
            if last:
                self._finish(time)

    def _finish(self, time):
        del self._jobs[time]
        for stream in self._streams:
            rdd = stream._rdds.get(time) if stream._is_state else None
            if rdd is None or _is_kept(rdd):
                continue
            try:
                rdd._cut_lineage()
            except Exception:
                self._report(time, "Error keeping the state of the batch of")
        if time - self._saved_ms >= max(1000, self._batch_ms):
            try:
                self._save(time)
            except Exception:
                self._report(time, "Error saving the checkpoint of the batch of")
        self._done_ms = max(self._done_ms or time, time)

    # ---- checkpoints

    def _states(self):
        used = set(self._streams)
        return [state for state in self._state_streams if state in used]

    def _check_functions(self):
        """As Spark, which saves them: a function of a stream with a checkpoint must not hold a
        context."""
        if self._checkpoint_dir is None:
            return
        for _, function in self._outputs:
            try:
                frames.dumps(function)
            except Exception as failure:
                if "SPARK-5063" in str(failure):
                    raise
                # What else cannot be pickled is not pickled here.

    def _save(self, time):
        if self._checkpoints is None or not (self._state_streams or self._file_inputs):
            return
        states = []
        for state in self._states():
            rdd = state._rdds.get(time)
            if rdd is None or not _is_kept(rdd):
                return  # this batch has none, or failed
            dataset = rdd._native()
            states.append(self._sc._call(
                self._sc._engine.run, dataset, list(range(dataset.partitions)), "checkpoint", "",
                False))
        self._checkpoints.save(time, {"states": states,
                                      "files": [files.seen() for files in self._file_inputs]})
        self._saved_ms = time

    def _recover(self):
        saved, self._saved = self._saved, None
        if saved is None:
            return
        for what, here in (("states", self._states()), ("files", self._file_inputs)):
            if len(saved[what]) != len(here):
                raise Exception(
                    f"the checkpoint does not fit the program: {what} there are "
                    f"{len(saved[what])}, here {len(here)}; restore the program's streams, or "
                    f"remove the checkpoint to begin anew: {self._checkpoint_dir}")
        for state, slices in zip(self._states(), saved["states"]):
            state._initial = RDD._of_leaf(
                self._sc, "recovered",
                lambda slices=slices: self._sc._engine.parallelize(slices), len(slices))
        for files, seen in zip(self._file_inputs, saved["files"]):
            files.begin(seen)

    def _report(self, time, what):
        if self._stopping:  # it was ended in the middle of it
            return
        text = traceback.format_exc()
        print(f"ERROR: {what} {time} ms\n{text}", file=sys.stderr, end="", flush=True)
        self._errors.append("An exception was raised by Python:\n" + text)
        if self._ends_with_failure and len(self._errors) == 1:
            threading.Thread(target=self.stop, args=(False,)).start()

    def _step(self, batches=1):
        """Runs batches one by one, on a context whose clock stands still
        (spark.streaming.clock=manual): for tests."""
        for _ in range(batches):
            self._sc._call(self._native.step)


class _NewFiles:
    """The files that appear in a directory once the stream has started."""

    def __init__(self, directory):
        self._directory = directory
        self._seen = set()

    def _all(self):
        found = []
        for directory in glob.glob(self._directory):
            with os.scandir(directory) as entries:
                found += [(entry.stat().st_mtime_ns, entry.path) for entry in entries
                          if entry.is_file() and not entry.name.startswith(".")]
        return sorted(found)

    def begin(self, seen=None):
        """`seen`: what was read before the program was ended; else all that is there."""
        self._seen = set(seen if seen is not None else (path for _, path in self._all()))

    def seen(self):
        return sorted(self._seen)

    def take(self):
        new = [path for _, path in self._all() if path not in self._seen]
        self._seen.update(new)
        return new


class _Handle:
    """What programs reach for as `ssc._jssc`."""

    def __init__(self, context):
        self._context = context

    def stop(self, stopSparkContext=True, stopGracefully=False):
        self._context.stop(stopSparkContext, stopGracefully)

    def start(self):
        self._context.start()

    def awaitTermination(self):
        self._context.awaitTermination()

    def sparkContext(self):
        return self._context._sc._jsc


def _requirement(text):
    return Py4JJavaError("java.lang.IllegalArgumentException: requirement failed: " + text)


def _is_kept(rdd):
    return rdd._leaf is not None and not rdd._parents
