"""What tasks know of themselves, barriers, jobs that are watched, profiles, files for tasks."""

import os
import resource
import signal
import threading
import time
import zipfile
from types import SimpleNamespace

import pytest
from py4j.protocol import Py4JJavaError

from pyspark import (BarrierTaskContext, BasicProfiler, InheritableThread, SparkConf, SparkContext,
                     SparkFiles, StorageLevel, StatCounter, TaskContext)
from pyspark.testing.utils import eventually


def test_a_task_knows_where_it_is(sc):
    assert TaskContext.get() is None
    stage = sc.parallelize([1], 1).map(lambda x: TaskContext.get().stageId())
    assert stage.first() < stage.first()

    def facts(x):
        task = TaskContext.get()
        return task.attemptNumber(), task.partitionId(), task.cpus(), task.resources()

    assert sc.parallelize([1, 2], 2).map(facts).collect() == [(0, 0, 1, {}), (0, 1, 1, {})]
    ids = sc.parallelize(range(4), 4).map(lambda x: TaskContext.get().taskAttemptId()).collect()
    assert len(set(ids)) == 4


def test_a_task_sees_the_properties_of_its_job(sc):
    rdd = sc.parallelize([1], 1).map(lambda x: TaskContext.get().getLocalProperty("key"))
    assert rdd.first() is None
    sc.setLocalProperty("key", "value")
    try:
        assert rdd.first() == "value"
        seen = []
        thread = InheritableThread(target=lambda: seen.append(rdd.first()))
        thread.start()
        thread.join()
        assert seen == ["value"]
    finally:
        sc.setLocalProperty("key", None)


def test_tasks_of_a_barrier_meet(sc):
    def meet(rows):
        task = BarrierTaskContext.get()
        time.sleep(0.2 * task.partitionId())
        task.barrier()
        met = time.time()
        gathered = task.allGather(f"from {task.partitionId()}")
        yield met, gathered, len(task.getTaskInfos())

    (a, said, n), (b, also_said, _) = sc.parallelize(range(2), 2).barrier().mapPartitions(
        meet).collect()
    assert abs(a - b) < 0.15 and said == also_said == ["from 0", "from 1"] and n == 2
    with pytest.raises(Exception, match="not in a barrier stage"):
        BarrierTaskContext.get()
    with pytest.raises(Py4JJavaError, match="SPARK-24819"):
        sc.parallelize(range(9), 9).barrier().mapPartitions(meet).collect()


def test_jobs_are_watched(sc):
    tracker = sc.statusTracker()
    seen = []

    def run():
        sc.setJobGroup("watched", "a job that sleeps")
        seen.append(sc.parallelize(range(2), 2).map(lambda x: time.sleep(0.5) or x).collect())

    thread = threading.Thread(target=run)
    thread.start()
    end = time.time() + 30
    while not tracker.getJobIdsForGroup("watched") and time.time() < end:
        time.sleep(0.01)
    (job,) = tracker.getJobIdsForGroup("watched")
    assert job in tracker.getActiveJobsIds() or not thread.is_alive()
    thread.join()
    info = tracker.getJobInfo(job)
    assert info.status == "SUCCEEDED" and len(info.stageIds) == 1
    stage = tracker.getStageInfo(info.stageIds[0])
    assert stage.numTasks == stage.numCompletedTasks == 2 and stage.numFailedTasks == 0
    assert tracker.getActiveStageIds() == [] and tracker.getActiveJobsIds() == []
    assert tracker.getJobInfo(10 ** 6) is None and tracker.getStageInfo(10 ** 6) is None
    with pytest.raises(Py4JJavaError):
        sc.parallelize([1]).map(lambda x: x / 0).collect()
    assert tracker.getJobInfo(tracker.getJobIdsForGroup()[0]).status == "FAILED"


def test_jobs_have_tags(sc, tmp_path):
    assert sc.getJobTags() == set()
    for tag in ("a", "b", "b"):
        sc.addJobTag(tag)
    assert sc.getJobTags() == {"a", "b"}
    sc.removeJobTag("b")
    assert sc.getJobTags() == {"a"}
    sc.clearJobTags()
    assert sc.getJobTags() == set()
    for tag in ("", "a,b"):
        with pytest.raises(Py4JJavaError, match="tag cannot be"):
            sc.addJobTag(tag)
    begun, failures = tmp_path / "begun", []

    def endless(x):
        begun.touch()
        threading.Event().wait()

    def run():
        sc.addJobTag("slow")
        try:
            sc.parallelize([1], 1).foreach(endless)
        except Py4JJavaError as failure:
            failures.append(str(failure))

    thread = threading.Thread(target=run)
    thread.start()
    eventually(begun.exists)
    sc.cancelJobsWithTag("other")
    assert thread.is_alive()
    sc.cancelJobsWithTag("slow")
    thread.join(30)
    assert "cancelled" in failures[0]


def test_a_level_is_given_once(sc):
    for level in (StorageLevel.DISK_ONLY, StorageLevel.DISK_ONLY_2, StorageLevel.DISK_ONLY_3,
                  StorageLevel.MEMORY_AND_DISK, StorageLevel.MEMORY_ONLY_2,
                  StorageLevel.MEMORY_AND_DISK_DESER, StorageLevel.OFF_HEAP):
        rdd = sc.parallelize([1, 2]).map(str).persist(level)
        assert rdd.collect() == rdd.collect() == ["1", "2"] and rdd.getStorageLevel() == level
        with pytest.raises(Py4JJavaError, match="Cannot change storage level"):
            rdd.persist(StorageLevel.MEMORY_ONLY)
        assert rdd.unpersist().cache().getStorageLevel() == StorageLevel.MEMORY_ONLY


def test_a_broadcast_is_a_file(sc):
    one = sc.broadcast([1, 2])
    assert one.load_from_path(one._path) == [1, 2]
    with open(one._path, "rb") as file:
        assert one.load(file) == [1, 2]
    one.dump([3], open(one._path, "wb"))
    assert sc.parallelize([0]).map(lambda x: one.value).collect() == [[3]]


def test_counters_are_merged_and_copied():
    counter = StatCounter([1]).merge(2)
    copy = counter.copy().merge(30)
    assert (counter.sum(), copy.sum()) == (3, 33)


# ---- contexts of their own: the module's is stopped


def test_a_worker_that_ended_between_two_jobs_is_not_asked(sc):
    def busy(x):
        time.sleep(0.1)  # so that each has a worker of its own
        return os.getpid()

    tasks = sc.parallelize(range(2), 2)
    workers = set(tasks.map(busy).collect())
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: not any(os.path.exists(f"/proc/{worker}") for worker in workers))
    again = tasks.map(lambda x: (TaskContext.get().attemptNumber(), os.getpid())).collect()
    assert [attempt for attempt, _ in again] == [0, 0]
    assert workers.isdisjoint(worker for _, worker in again)


@pytest.mark.parametrize("end, words", [
    (lambda: os.kill(os.getpid(), signal.SIGSEGV), r"was ended by signal 11 \(SIGSEGV\) in the"),
    (lambda: os.kill(os.getpid(), signal.SIGKILL), r"was ended by signal 9 \(SIGKILL\) .*memory"),
    (lambda: os._exit(3), "ended with exit status 3 in the middle of a task"),
    # Closed, and then as good as gone, but not ended.
    (lambda: (os.closerange(3, 100), threading.Event().wait()), "ended in the middle of a task"),
], ids=["crash", "kill", "exit", "hidden"])
def test_how_a_worker_ended_is_named(sc, end, words):
    with pytest.raises(Py4JJavaError, match="a Python worker process " + words):
        sc.parallelize([1], 1).map(lambda x: end()).collect()
    assert sc.parallelize([1, 2]).map(lambda x: x + 1).collect() == [2, 3]


def test_a_function_that_exits_says_where(sc):
    def leaves(x):
        raise SystemExit("enough")

    with pytest.raises(Py4JJavaError, match="in leaves(.|\n)*SystemExit: enough"):
        sc.parallelize([1], 1).map(leaves).collect()


def test_profiles(capsys, tmp_path):
    SparkContext._active_spark_context and SparkContext._active_spark_context.stop()
    conf = SparkConf().set("spark.python.profile", "true").setMaster("local[2]").setAppName("p")
    with SparkContext(conf=conf, profiler_cls=BasicProfiler) as sc:
        def slow(x):
            return sum(range(x))

        assert sc.parallelize([1000] * 4, 2).map(slow).count() == 4
        sc.show_profiles()
        shown = capsys.readouterr().out
        assert "Profile of RDD<id=" in shown and "(slow)" in shown
        sc.dump_profiles(str(tmp_path / "profiles"))
        assert any(name.endswith(".pstats") for name in os.listdir(tmp_path / "profiles"))


def test_files_for_tasks(tmp_path):
    SparkContext._active_spark_context and SparkContext._active_spark_context.stop()
    SparkContext.setSystemProperty("some.property", "1")
    with SparkContext("local[2]", "files", sparkHome="/somewhere") as sc:
        assert sc.getConf().get("some.property") == "1" and sc.sparkHome == "/somewhere"
        (tmp_path / "text").write_text("content")
        with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
            packed.write(tmp_path / "text", "inner")
        sc.addFile(str(tmp_path / "text"))
        sc.addArchive(str(tmp_path / "packed.zip"))
        assert [path.rpartition("/")[2] for path in sc.listFiles] == ["text"]
        assert [path.rpartition("/")[2] for path in sc.listArchives] == ["packed.zip"]

        def read(x):
            with open(SparkFiles.get("text")) as one, open(
                    SparkFiles.get("packed.zip/inner")) as other:
                return one.read() + other.read()

        assert sc.parallelize([1]).map(read).collect() == ["contentcontent"]
        assert sc.resources == {} and sc.getCheckpointDir() is None
        sc.setCheckpointDir(str(tmp_path / "checkpoints"))
        assert sc.getCheckpointDir().startswith("file:")
        rdd = sc.parallelize([1])
        assert rdd.withResources(None) is rdd and rdd.getResourceProfile() is None
        rdd.cleanShuffleDependencies()


@pytest.fixture
def no_context():
    """For tests that make one of their own."""
    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()


@pytest.fixture
def impatient(no_context):
    conf = SparkConf().setMaster("local[2]").setAppName("impatient")
    with SparkContext(conf=conf.set("spark.python.worker.idleTimeoutSeconds", "1")) as sc:
        yield sc


def test_a_worker_that_hangs_is_replaced(impatient, tmp_path):
    def hangs_once(x):
        mark = tmp_path / str(x)
        if not mark.exists():
            mark.touch()
            time.sleep(1000)
        return x

    assert impatient.parallelize([1, 2, 3], 3).map(hangs_once).collect() == [1, 2, 3]


def test_a_function_that_always_hangs_fails(impatient):
    with pytest.raises(Py4JJavaError, match="ended after spark.python.worker.idleTimeoutSeconds: 1"):
        impatient.parallelize([1], 1).map(lambda x: time.sleep(1000)).collect()


def test_memory_of_workers_is_limited(no_context):
    conf = SparkConf().setMaster("local[2]").setAppName("small")
    with SparkContext(conf=conf.set("spark.executor.pyspark.memory", "512m")) as sc:
        ones = sc.parallelize([1], 1)
        assert ones.map(lambda x: resource.getrlimit(resource.RLIMIT_AS)).collect() == [
            (512 << 20, 512 << 20)]
        with pytest.raises(Py4JJavaError, match="MemoryError"):
            ones.map(lambda x: len(bytearray(1 << 30))).collect()


def test_gateways_without_a_secret_are_refused():
    mock = SimpleNamespace(gateway_parameters=SimpleNamespace(auth_token=None))
    with pytest.raises(ValueError, match="insecure Py4j gateway"):
        SparkContext(gateway=mock)
