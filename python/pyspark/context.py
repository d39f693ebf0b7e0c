"""The door to RDDs."""

import atexit
import contextlib
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from millrace import frames
from millrace.task import Task
from pyspark import accumulators, steps
from pyspark.barrier import MeetingPoint
from pyspark.broadcast import Broadcast
from pyspark.conf import SparkConf
from pyspark.errors import (Py4JJavaError, PySparkRuntimeError, java_error, job_failed,
                            needs_jvm)
from pyspark.profiler import BasicProfiler, Profiled, ProfilerCollector
from pyspark.rdd import RDD, PipelinedRDD
from pyspark.saving import local_path, matches_of, opened_by_name, patterns_in, rows_in
from pyspark.serializers import AutoBatchedSerializer, CPickleSerializer
from pyspark.status import StatusTracker
from pyspark.taskcontext import TaskContext
from pyspark.typed import hash_in_words, hash_of_workers
from pyspark.version import __version__

_TAGS = "spark.job.tags"

INSIDE = (
    "[CONTEXT_ONLY_VALID_ON_DRIVER] It appears that you are attempting to reference SparkContext from a broadcast variable, "
    "action, or transformation. SparkContext can only be used on the driver, not in code that it "
    "run on workers. For more information, see SPARK-5063."
)


def _here(master):
    """Processes of this machine, as Spark's own tests ask for, are so many threads."""
    cluster = re.fullmatch(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]", master)
    if cluster is None:
        return master
    return f"local[{int(cluster[1]) * int(cluster[2])},4]"


class SparkContext:
    """Spark's context over one millrace engine in this process. One at a time; `stop` ends it."""

    _active_spark_context = None
    _lock = threading.RLock()
    _gateway = None
    _jvm = None  # there is none
    _next_accum_id = 0
    _system_properties = {}
    PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar")

    _reused = False  # constructors give the active one

    def __new__(cls, *arguments, **more):
        if SparkContext._reused and SparkContext._active_spark_context is not None:
            return SparkContext._active_spark_context
        return super().__new__(cls)

    @classmethod
    @contextlib.contextmanager
    def _given_the_active(cls):
        cls._reused = True
        try:
            yield
        finally:
            cls._reused = False

    def __init__(self, master=None, appName=None, sparkHome=None, pyFiles=None, environment=None,
                 batchSize=0, serializer=None, conf=None, gateway=None, jsc=None,
                 profiler_cls=None, udf_profiler_cls=None, memory_profiler_cls=None):
        parameters = getattr(gateway, "gateway_parameters", None)
        if gateway is not None and getattr(parameters, "auth_token", None) is None:
            raise ValueError("You are trying to pass an insecure Py4j gateway to Spark. This is not "
                             "allowed as it is a security risk.")
        if TaskContext.get() is not None and (
                conf is None or not conf._is("spark.executor.allowSparkContext")):
            raise PySparkRuntimeError("[CONTEXT_ONLY_VALID_ON_DRIVER] SparkContext should only be "
                                      "created and accessed on the driver.")
        with SparkContext._lock:
            active = SparkContext._active_spark_context
            if active is self:
                return
            if active is not None:
                raise ValueError(
                    "Cannot run multiple SparkContexts at once; existing SparkContext(app=%s, "
                    "master=%s) created by %s" % (active.appName, active.master, active._made_by))
            SparkContext._active_spark_context = self
        try:
            self._begin(master, appName, sparkHome, pyFiles, environment, conf, serializer,
                        profiler_cls)
        except BaseException:
            SparkContext._active_spark_context = None
            raise

    def _begin(self, master, app_name, home, py_files, environment, conf, serializer,
               profiler_cls):
        frame = sys._getframe(2)
        self._made_by = f"__init__ at {frame.f_code.co_filename}:{frame.f_lineno} "
        self._conf = conf._copy() if conf is not None else SparkConf()
        for name, value in SparkContext._system_properties.items():
            self._conf.setIfMissing(name, value)
        if master:
            self._conf.setMaster(master)
        if app_name:
            self._conf.setAppName(app_name)
        if home:
            self._conf.setSparkHome(home)
        for name, value in (environment or {}).items():
            self._conf.setExecutorEnv(name, value)
        if not self._conf.contains("spark.master"):
            self._conf.setMaster(os.environ.get("MASTER", "local[*]"))
        if not self._conf.contains("spark.app.name"):
            self._conf.setAppName("pyspark-shell")
        self.master = self._conf.get("spark.master")
        self.appName = self._conf.get("spark.app.name")
        self.sparkHome = self._conf.get("spark.home")
        self.environment = dict(environment or {})
        self.startTime = int(time.time() * 1000)
        self.applicationId = f"local-{self.startTime}"
        self._conf.setIfMissing("spark.app.id", self.applicationId)
        self._validate_output = self._conf._is("spark.hadoop.validateOutputSpecs", True)

        self._local = threading.local()
        self._rdd_ids = 0
        self.serializer = serializer or AutoBatchedSerializer(CPickleSerializer())
        self._unbatched_serializer = CPickleSerializer()
        self.pythonExec = os.environ.get("PYSPARK_PYTHON", sys.executable)
        self.pythonVer = "%d.%d" % sys.version_info[:2]
        self.profiler_collector = self._profiles = None
        if self._conf._is("spark.python.profile"):
            self.profiler_collector = self._profiles = ProfilerCollector(
                profiler_cls or BasicProfiler, self._conf.get("spark.python.profile.dump"))
        self._added = []
        self._archives = []
        self._meeting_point = None
        self._meetings = 0
        self._python_paths = []
        self._checkpoint_dir = None
        self._checkpoints_wanted = False
        self._same_hash = None
        self._jsc = _Handle(self)
        self._jvm = None
        self._temp_dir = tempfile.mkdtemp(prefix="millrace-")
        self._files = os.path.join(self._temp_dir, "files")
        os.mkdir(self._files)
        os.environ["MILLRACE_FILES"] = self._files
        self._python_paths.append(self._files)
        if self._files not in sys.path:
            sys.path.insert(1, self._files)

        stepped = self._conf.get("spark.streaming.clock") == "manual"
        try:
            self._load_stores()
            self._engine = self._made_engine(stepped)
            self._start_workers()
        except BaseException:
            shutil.rmtree(self._temp_dir, ignore_errors=True)
            raise
        self._running = True
        for path in py_files or ():
            self.addPyFile(path)
        for name, add in (("spark.submit.pyFiles", self.addPyFile), ("spark.files", self.addFile),
                          ("spark.archives", self.addArchive)):
            for path in filter(None, self._conf.get(name, "").split(",")):
                add(path)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._interrupted)
        atexit.register(self._at_exit)

    def _made_engine(self, stepped):
        import _millrace
        try:
            return _millrace.Engine(self.appName, _here(self.master), self._conf.getAll(), stepped)
        except _millrace.UsageError as misuse:
            raise java_error("None.org.apache.spark.api.java.JavaSparkContext",
                             f"org.apache.spark.SparkException: {misuse}") from None

    def _load_stores(self):
        """What is of no use to most programs, and large."""
        name = "streaming.state.store"
        if self._conf.get("spark." + name, self._conf.get(name, "memory")) == "rocksdb":
            try:
                import _millrace_rocksdb  # noqa: F401  it registers itself
            except ImportError as why:
                raise ImportError(
                    f"{name}=rocksdb is not to be had here: {why}. Either millrace was built "
                    "without librocksdb-dev, or librocksdb is missing (Debian: librocksdb7.8)"
                ) from why

    def _start_workers(self):
        ours, theirs = socket.socketpair()
        env = dict(os.environ)
        env.setdefault("PYTHONHASHSEED", "0")
        env["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        for name, value in self._conf.getAll():
            if name.startswith("spark.executorEnv."):
                env[name[len("spark.executorEnv."):]] = value
        memory = self._conf.get("spark.executor.pyspark.memory")
        if memory:
            from pyspark.resource import mib_of
            env["PYSPARK_EXECUTOR_MEMORY_MB"] = str(mib_of(memory))
        python = env.get("PYSPARK_PYTHON", sys.executable)
        # What the engine needs to know to put keys where workers would; None: it does not do so.
        known = hash_of_workers(env)
        self._hash_in_words = hash_in_words(known, env)
        recognises = self._conf._is("spark.millrace.recognise", True)
        self._knows_functions = known if self._profiles is None and recognises else None
        server = os.path.join(os.path.dirname(os.path.abspath(frames.__file__)), "fork_server.py")
        with theirs:
            self._fork_server = subprocess.Popen(
                [python, server, str(theirs.fileno())], env=env, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL)
        patience = float(self._conf.get("spark.python.worker.idleTimeoutSeconds", "0"))
        self._engine.start_workers(ours.detach(), int(patience * 1000))

    @staticmethod
    def _interrupted(number, frame):
        active = SparkContext._active_spark_context
        if active is not None:
            active.cancelAllJobs()
        raise KeyboardInterrupt()

    def _at_exit(self):
        if self._running:
            if self._profiles is not None:
                if self._profiles.profile_dump_path:
                    self._profiles.dump_profiles(self._profiles.profile_dump_path)
                else:
                    self._profiles.show_profiles()
            self.stop()

    # ---- for RDDs

    def _next_rdd_id(self):
        self._rdd_ids += 1
        return self._rdd_ids - 1

    def _properties(self):
        """The calling thread's local properties, as its tasks see them."""
        return dict(self._local.__dict__.get("properties") or ()) or None

    def _barrier_meeting(self, tasks):
        if tasks > self._engine.threads:
            raise job_failed(
                "[SPARK-24819]: Barrier execution mode does not allow run a barrier stage that "
                "requires more slots than the total number of slots in the cluster currently: "
                f"{tasks} tasks, {self._engine.threads} slots; see local[N]")
        if self._meeting_point is None:
            self._meeting_point = MeetingPoint(self._temp_dir)
        self._meetings += 1
        return self._meeting_point.address, tasks, self._meetings

    def _profiled(self, rdd_id, made):
        profiler = self._profiles.new_profiler(self)
        self._profiles.add_profiler(rdd_id, profiler)
        return Profiled(profiler, made)

    def _check_running(self):
        if not self._running:
            raise job_failed("Cannot call methods on a stopped SparkContext.")

    def _call(self, f, *arguments):
        """The engine's failures as Spark's."""
        import _millrace
        try:
            return f(*arguments)
        except _millrace.EngineError as failure:
            raise job_failed(str(failure)) from None

    def _pickled(self, task):
        try:
            return frames.dumps(task)
        except (pickle.PickleError, Py4JJavaError):
            raise
        except Exception as failure:
            raise pickle.PicklingError(
                f"Could not serialize object: {type(failure).__name__}: {failure}") from failure

    def _task(self, source, made, inputs, gives_frames):
        return Task(source, made, inputs, gives_frames, self._python_paths, self._properties())

    def _of_job(self):
        import _millrace
        return _millrace.OfJob(self.getLocalProperty("spark.jobGroup.id") or "",
                               list(self.getJobTags()),
                               threading.current_thread() is threading.main_thread())

    def _run(self, rdd, action, partitions=None):
        dataset = rdd._rows()
        if partitions is None:
            partitions = list(range(dataset.partitions))
        if not partitions:
            return []
        results = self._call(self._engine.run, dataset, partitions, action, self._of_job())
        accumulators.apply(self._engine.take_gained())
        if self._checkpoints_wanted:
            rdd._checkpoint_now()
        return [frames.rows_of(one) for one in results]

    def _of_engine(self, rdd, action, *arguments):
        """What the engine makes of its own rows."""
        result = self._call(action, *arguments, self._of_job())
        if self._checkpoints_wanted:
            rdd._checkpoint_now()
        return pickle.loads(result) if isinstance(result, bytes) else result

    def _hashes_as_workers(self):
        """Whether text hashes alike here and in workers: not where PYTHONHASHSEED was unset when
        the program began."""
        if self._same_hash is None:
            (theirs,) = self.parallelize([None], 1).map(_hash_of_text).collect()
            self._same_hash = "PYTHONHASHSEED" in os.environ and theirs == _hash_of_text(None)
        return self._same_hash

    def _checkpoint_path(self, rdd_id):
        return os.path.join(self._checkpoint_dir, f"rdd-{rdd_id}")

    def __reduce__(self):
        raise PySparkRuntimeError(INSIDE)

    def __getnewargs__(self):
        raise PySparkRuntimeError(INSIDE)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def __repr__(self):
        return f"<SparkContext master={self.master} appName={self.appName}>"

    # ---- what it is

    @classmethod
    def getOrCreate(cls, conf=None):
        with SparkContext._lock:
            if SparkContext._active_spark_context is None:
                SparkContext(conf=conf or SparkConf())
            return SparkContext._active_spark_context

    @classmethod
    def setSystemProperty(cls, key, value):
        SparkContext._system_properties[key] = value

    @property
    def version(self):
        return __version__

    @property
    def uiWebUrl(self):
        return None

    @property
    def defaultParallelism(self):
        return self._engine.default_parallelism

    @property
    def defaultMinPartitions(self):
        return min(self.defaultParallelism, 2)

    @property
    def resources(self):
        return {}

    @property
    def listArchives(self):
        return ["file:" + path for path in self._archives]

    @property
    def listFiles(self):
        return ["file:" + path for path in self._added]

    def getConf(self):
        return self._conf._copy()

    def sparkUser(self):
        import getpass
        return os.environ.get("SPARK_USER") or getpass.getuser()

    def statusTracker(self):
        return StatusTracker(self._engine)

    def setLogLevel(self, logLevel):
        if logLevel.upper() not in ("ALL", "DEBUG", "ERROR", "FATAL", "INFO", "OFF", "TRACE",
                                    "WARN"):
            raise java_error("setLogLevel", "java.lang.IllegalArgumentException: requirement "
                             f"failed: Supplied level {logLevel} did not match one of: "
                             "ALL,DEBUG,ERROR,FATAL,TRACE,WARN,INFO,OFF")

    def stop(self):
        """Ends jobs, workers and the engine. Idempotent."""
        streaming = sys.modules.get("pyspark.streaming.context")
        if streaming is not None:
            streaming.StreamingContext._context_stops(self)
        with SparkContext._lock:
            if SparkContext._active_spark_context is self:
                SparkContext._active_spark_context = None
            if not self._running:
                return
            self._running = False
        self._engine.stop()
        self._fork_server.wait()
        if self._meeting_point is not None:
            self._meeting_point.close()
        shutil.rmtree(self._temp_dir, ignore_errors=True)
        if self._files in sys.path:
            sys.path.remove(self._files)
        atexit.unregister(self._at_exit)

    # ---- datasets

    def parallelize(self, c, numSlices=None):
        n = int(numSlices) if numSlices is not None else self.defaultParallelism
        if n < 1:
            raise ValueError(f"parallelize: the number of slices must be positive: {n}")
        if isinstance(c, range):
            return self._range(c, n)
        rows = list(c)
        bounds = [len(rows) * i // n for i in range(n + 1)]
        slices = [list(frames.frames_of(rows[low:high]))
                  for low, high in zip(bounds, bounds[1:])]
        return RDD._of_leaf(self, "parallelize", lambda: self._engine.parallelize(slices), n)

    def _range(self, numbers, n):
        bounds = [len(numbers) * i // n for i in range(n + 1)]
        rdd = PipelinedRDD._of_inputs(self, "range", [], None, [[] for _ in range(n)])
        rdd._source = _Range(numbers, bounds)
        return rdd

    def range(self, start, end=None, step=1, numSlices=None):
        numbers = range(start) if end is None else range(start, end, step)
        return self.parallelize(numbers, numSlices)

    def emptyRDD(self):
        return RDD._of_leaf(self, "emptyRDD", lambda: self._engine.parallelize([]), 0)

    def textFile(self, name, minPartitions=None, use_unicode=True):
        n = minPartitions or self.defaultMinPartitions
        paths = patterns_in(name)

        def read():
            for path in paths:
                if not matches_of(path):
                    raise _no_input("mapred", path)
            return self._engine.text_file(",".join(paths), n)

        return RDD._of_leaf(self, name, read, unicode=use_unicode).setName(name)

    def _files_of(self, path):
        """Paths of a file, of a directory's files, or of what a glob names."""
        found = []
        for pattern in patterns_in(path):
            matches = matches_of(pattern)
            if not matches:
                raise _no_input("mapreduce.lib.input", pattern)
            for one in sorted(matches):
                found += [os.path.join(one, name) for name in sorted(os.listdir(one))
                          if name[0] not in "._"] if os.path.isdir(one) else [one]
        return [os.path.abspath(one) for one in found if os.path.isfile(one)]

    def _of_files(self, path, partitions, step):
        files = self._files_of(path)
        n = max(1, min(len(files), partitions or self.defaultMinPartitions))
        return self.parallelize(files, n)._then("files", step)

    def wholeTextFiles(self, path, minPartitions=None, use_unicode=True):
        return self._of_files(path, minPartitions, steps.Map(_WholeText(use_unicode, True)))

    def binaryFiles(self, path, minPartitions=None):
        return self._of_files(path, minPartitions, steps.Map(_WholeText(False, False)))

    def binaryRecords(self, path, recordLength):
        return self._of_files(path, None, steps.FlatMap(_Records(recordLength)))

    def pickleFile(self, name, minPartitions=None):
        return self._saved_rows(name)

    def _saved_rows(self, path):
        files = self._files_of(path)
        rdd = PipelinedRDD._of_inputs(self, "pickleFile", [], None, [[] for _ in files])
        rdd._source = _SavedRows(files)
        return rdd

    def _checkpointFile(self, name, input_deserializer=None):
        return self._saved_rows(name)

    def union(self, rdds):
        rdds = list(rdds)
        if not rdds:
            raise IndexError("union needs at least one RDD")
        first = rdds[0]
        if len(rdds) == 1:
            return first
        shared = first.partitioner
        if shared is not None and all(rdd.partitioner == shared for rdd in rdds):
            # Partition by partition: they stay partitioned as they are.
            inputs = [[[(i, p) for i in range(len(rdds))]] for p in range(shared.numPartitions)]
            return PipelinedRDD._of_inputs(self, "union", rdds, None, inputs, shared)
        inputs = [[[(i, p)]] for i, rdd in enumerate(rdds)
                  for p in range(rdd.getNumPartitions())]
        return PipelinedRDD._of_inputs(self, "union", rdds, None, inputs)

    def runJob(self, rdd, partitionFunc, partitions=None, allowLocal=False):
        results = rdd.mapPartitions(partitionFunc)._run("runJob", partitions)
        return [row for rows in results for row in rows]

    # ---- shared variables and files

    def broadcast(self, value):
        descriptor, path = tempfile.mkstemp(prefix="broadcast-", dir=self._temp_dir)
        os.close(descriptor)
        return Broadcast._of(value, path)

    def accumulator(self, value, accum_param=None):
        return accumulators.create(value, accum_param)

    def addFile(self, path, recursive=False):
        path = local_path(path)
        target = os.path.join(self._files, os.path.basename(path.rstrip("/")))
        if os.path.isdir(path):
            if not recursive:
                raise job_failed(f"Added file {path} is a directory and recursive is not turned "
                                 "on.")
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)
        if target not in self._added:
            self._added.append(target)

    def addPyFile(self, path):
        self.addFile(path)
        target = os.path.join(self._files, os.path.basename(local_path(path)))
        if target.endswith(SparkContext.PACKAGE_EXTENSIONS):
            self._python_paths.append(target)
            sys.path.insert(1, target)
        import importlib
        importlib.invalidate_caches()

    def addArchive(self, path):
        """It is unpacked where SparkFiles are, under its name, or what follows a "#"."""
        path, _, name = local_path(path).partition("#")
        target = os.path.join(self._files, name or os.path.basename(path))
        shutil.unpack_archive(path, target)
        self._archives.append(target)

    def setCheckpointDir(self, dirName):
        directory = os.path.join(local_path(dirName), self.applicationId)
        os.makedirs(directory, exist_ok=True)
        self._checkpoint_dir = os.path.abspath(directory)

    def getCheckpointDir(self):
        return None if self._checkpoint_dir is None else "file:" + self._checkpoint_dir

    # ---- jobs

    def setLocalProperty(self, key, value):
        properties = self._local.__dict__.setdefault("properties", {})
        if value is None:
            properties.pop(key, None)
        else:
            properties[key] = value

    def getLocalProperty(self, key):
        return self._local.__dict__.get("properties", {}).get(key)

    def setJobGroup(self, groupId, description, interruptOnCancel=False):
        self.setLocalProperty("spark.jobGroup.id", groupId)
        self.setLocalProperty("spark.job.description", description)

    def setJobDescription(self, value):
        self.setLocalProperty("spark.job.description", value)

    def setInterruptOnCancel(self, interruptOnCancel):
        """A cancelled task always ends at once."""

    def addJobTag(self, tag):
        if not tag or "," in tag:
            raise java_error("addJobTag", "java.lang.IllegalArgumentException: Spark job tag cannot "
                             "be an empty string or contain ','.")
        self.setLocalProperty(_TAGS, ",".join(sorted(self.getJobTags() | {tag})))

    def removeJobTag(self, tag):
        self.setLocalProperty(_TAGS, ",".join(sorted(self.getJobTags() - {tag})) or None)

    def getJobTags(self):
        """Of the calling thread."""
        return set(filter(None, (self.getLocalProperty(_TAGS) or "").split(",")))

    def clearJobTags(self):
        self.setLocalProperty(_TAGS, None)

    def cancelJobsWithTag(self, tag):
        self._engine.cancel_tagged(tag)

    def cancelJobGroup(self, groupId):
        self._engine.cancel(groupId)

    def cancelAllJobs(self):
        self._engine.cancel(None)

    def _profiler_collector(self):
        if self._profiles is None:
            raise RuntimeError("'spark.python.profile' configuration must be set to 'true' to "
                               "enable Python profile.")
        return self._profiles

    def show_profiles(self):
        self._profiler_collector().show_profiles()

    def dump_profiles(self, path):
        self._profiler_collector().dump_profiles(path)

    # ---- what needs the JVM

    def hadoopFile(self, *arguments, **more):
        raise needs_jvm("SparkContext.hadoopFile")

    def hadoopRDD(self, *arguments, **more):
        raise needs_jvm("SparkContext.hadoopRDD")

    def newAPIHadoopFile(self, *arguments, **more):
        raise needs_jvm("SparkContext.newAPIHadoopFile")

    def newAPIHadoopRDD(self, *arguments, **more):
        raise needs_jvm("SparkContext.newAPIHadoopRDD")

    def sequenceFile(self, *arguments, **more):
        raise needs_jvm("SparkContext.sequenceFile")


def _no_input(package, path):
    what = f"file:{os.path.abspath(path)}"
    is_pattern = any(c in path for c in "*?[{")
    return java_error("partitions", f"org.apache.hadoop.{package}.InvalidInputException: Input " + (
        f"Pattern {what} matches 0 files" if is_pattern else f"path does not exist: {what}"))


def _hash_of_text(_):
    return hash("millrace")


class _Handle:
    """What programs reach for as `sc._jsc`."""

    def __init__(self, context):
        self._context = context
        self._hadoop = {}

    def stop(self):
        self._context.stop()

    def sc(self):
        return self

    def conf(self):
        return self._context._conf

    def hadoopConfiguration(self):
        """Settings of Hadoop's: kept, and without effect."""
        return _HadoopConfiguration(self._hadoop)

    def setLogLevel(self, logLevel):
        self._context.setLogLevel(logLevel)

    def getCheckpointDir(self):
        return self._context.getCheckpointDir()

    def defaultParallelism(self):
        return self._context.defaultParallelism


class _HadoopConfiguration:
    def __init__(self, settings):
        self._settings = settings

    def set(self, name, value):
        self._settings[name] = value

    def get(self, name, default=None):
        return self._settings.get(name, default)

    def unset(self, name):
        self._settings.pop(name, None)


class _Range(steps.Step):
    def __call__(self, split, inputs):
        numbers, bounds = self.arguments
        return iter(numbers[bounds[split]:bounds[split + 1]])


class _SavedRows(steps.Step):
    def __call__(self, split, inputs):
        return rows_in(self.arguments[0][split])


class _WholeText(steps.Step):
    def __call__(self, path):
        as_text, unpacked = self.arguments
        with opened_by_name(path) if unpacked else open(path, "rb") as file:
            data = file.read()
        return "file:" + path, data.decode("utf-8", "replace") if as_text else data


class _Records(steps.Step):
    def __call__(self, path):
        (length,) = self.arguments
        with open(path, "rb") as file:
            while record := file.read(length):
                if len(record) != length:
                    raise ValueError(f"binaryRecords: {path} does not end with a whole record of "
                                     f"{length} bytes")
                yield record
