"""The door to streams."""

import threading
from collections import deque

from millrace import frames
from pyspark.context import SparkContext
from pyspark.errors import java_error, job_failed
from pyspark.rdd import RDD
from pyspark.saving import local_path
from pyspark.storagelevel import StorageLevel
from pyspark.streaming.batches import ACTIVE, INITIALIZED, STOPPED, Batches, EngineOutput
from pyspark.streaming.dstream import DStream, EngineStream, _an_rdd, _check_same_slide
from pyspark.streaming.listener import Teller

class StreamingContext(Batches):
    """Builds streams, starts them, waits for their end. Durations are in seconds. A batch that
    fails is reported (on the standard error and by awaitTermination); later ones go on."""

    _activeContext = None

    def __init__(self, sparkContext, batchDuration=None, jssc=None):
        if not isinstance(sparkContext, SparkContext):
            raise TypeError("StreamingContext wants a SparkContext")
        if batchDuration is None:
            raise ValueError("StreamingContext wants a batch duration in seconds")
        super().__init__(sparkContext, int(batchDuration * 1000))
        self._jssc = _Handle(self)
        self._jvm = None
        self._names = {}  # how many there are of each kind that is kept in checkpoints
        self._remember_ms = None
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
        """What `setupFunc` builds. When it is started it goes on from what an earlier run left in the
        directory. The function is called in either case, for code is not saved; where a
        SparkContext exists it is given that one when it makes one."""
        import _millrace
        try:
            goes_on = _millrace.holds_checkpoint(local_path(checkpointPath))
        except _millrace.EngineError as failure:
            raise job_failed(str(failure)) from None
        if goes_on:
            with SparkContext._given_the_active():
                ssc = setupFunc()
        else:
            ssc = setupFunc()
        ssc.checkpoint(checkpointPath)
        return ssc

    @classmethod
    def getActiveOrCreate(cls, checkpointPath, setupFunc):
        if not callable(setupFunc):
            raise TypeError("setupFunc should be callable.")
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
        return self._input("socketTextStream", self._native.socket, hostname, port)

    def textFileStream(self, directory):
        # As in Spark, the directory may come later.
        return self._input("textFileStream", self._native.text_files, local_path(directory), True,
                           False, True)

    def binaryRecordsStream(self, directory, recordLength):
        return self._input("binaryRecordsStream", self._native.record_files, local_path(directory),
                           recordLength)

    def _input(self, operation, make, *arguments):
        self._check_building()
        return EngineStream(self, operation, self._sc._call(make, *arguments))

    def queueStream(self, rdds, oneAtATime=True, default=None):
        if default is not None and not isinstance(default, RDD):
            default = self._sc.parallelize(default)
        if not rdds and default is None:
            raise IndexError("queueStream: the queue is empty and there is no default")
        waiting = deque(rdd if isinstance(rdd, RDD) else self._sc.parallelize(rdd)
                        for rdd in rdds)
        default = default if default is not None else self._sc.parallelize([], 1)

        def take(time):
            if not waiting:
                return default
            if oneAtATime:
                return waiting.popleft()
            every = list(waiting)
            waiting.clear()
            return self._sc.union(every)

        return ProgramStream(self, "queueStream", take)

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
        dstreams = list(dstreams)
        _check_same_slide(dstreams)

        def compute(time):
            rdds = [stream._rdd(time) for stream in dstreams]
            if None in rdds:
                raise java_error("transform", "org.apache.spark.SparkException: Couldn't generate "
                                 f"RDD from parent at time {time} ms")
            rdd = _an_rdd(transformFunc(rdds))
            if rdd is None:
                raise java_error(
                    "transform", "org.apache.spark.SparkException: Transform function must not "
                    "return null. Return SparkContext.emptyRDD() instead to represent no element as "
                    "the result of transformation.")
            return rdd

        return DStream(self, compute, dstreams)

    # ---- life

    def remember(self, duration):
        self._check_building()
        if self._remember_ms is not None:
            raise java_error("remember", "java.lang.IllegalArgumentException: requirement failed: "
                             f"Remember duration already set as {self._remember_ms} ms. Cannot set "
                             "it again.")
        self._remember_ms = int(duration * 1000)

    def checkpoint(self, directory):
        if directory is None:
            return self._native.checkpoint("")
        path = local_path(directory)
        if self._native.state == INITIALIZED:
            self._native.checkpoint(path)
        self._sc.setCheckpointDir(path)

    def start(self):
        if self._native.state == ACTIVE:
            return
        if self._native.state == STOPPED:
            raise java_error("start", "java.lang.IllegalStateException: StreamingContext has "
                             "already been stopped")
        if StreamingContext.getActive() is not None:
            raise java_error("start", "java.lang.IllegalStateException: Only one StreamingContext "
                             "may be started in this JVM")
        if not self._outputs:
            raise _requirement("No output operations registered, so nothing to execute")
        if self._demands_directory and self._sc._checkpoint_dir is None and \
                any(stream._wants_directory for stream in self._used()):
            raise _requirement("The checkpoint directory has not been set. Please set it by "
                               "StreamingContext.checkpoint().")
        self._check_functions()
        self._register(self._remember_ms or 0)
        StreamingContext._activeContext = self
        try:
            self._sc._call(self._native.start)
        except BaseException:
            StreamingContext._activeContext = None
            raise

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
                raise java_error("awaitTermination",
                                 "org.apache.spark.SparkException: " + self._errors[0])
            step = min(timeout, 0.05)
            if self._sc._call(self._native.await_for, max(step, 0)):
                return True
            timeout -= step
            if timeout <= 0:
                return False

    def stop(self, stopSparkContext=True, stopGraceFully=False):
        self._stopping = not stopGraceFully
        self._sc._call(self._native.stop, stopGraceFully)
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
        self._native.add_listener(Teller(streamingListener))

    # ---- for streams

    def _check_building(self):
        state = self._native.state
        if state != INITIALIZED:
            raise java_error(
                "register", "java.lang.IllegalStateException: Adding new inputs, transformations, "
                f"and output operations after {'starting' if state == ACTIVE else 'stopping'} a "
                "context is not supported")

    def _add_output(self, stream, function):
        self._check_building()
        self._outputs.append((stream, function))

    def _name_of(self, operation):
        """What it is called in checkpoints: by its kind, in the order in which they are made."""
        number = self._names[operation] = self._names.get(operation, 0) + 1
        return f"{operation} {number}"

    def _check_functions(self):
        """As Spark, which saves them: a function of a stream with a checkpoint must not hold a
        context."""
        if self._sc._checkpoint_dir is None:
            return
        for _, function in self._outputs:
            if isinstance(function, EngineOutput):
                continue
            try:
                frames.dumps(function)
            except Exception as failure:
                if "SPARK-5063" in str(failure):
                    raise
                # What else cannot be pickled is not pickled here.

    def _step(self, batches=1):
        """Runs batches one by one, on a context whose clock stands still
        (spark.streaming.clock=manual): for tests."""
        for _ in range(batches):
            self._sc._call(self._native.step)


class ProgramStream(DStream):
    """An input that exists only in the program: `take(time)` gives an RDD when its batch comes."""

    def __init__(self, ssc, name, take):
        super().__init__(ssc, take)
        self._native = ssc._sc._call(ssc._native.input, name, ssc._reported(self._taken))

    def _taken(self, time):
        self._rdd(time)

    def _engine_streams(self):
        return [self._native]


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
    return java_error("start", "java.lang.IllegalArgumentException: requirement failed: " + text)
