"""SparkContext, SparkConf and what programs share with their tasks."""

import os
import pickle
import threading
import zipfile

import pytest
from py4j.protocol import Py4JJavaError

import pyspark
from pyspark import (AccumulatorParam, Broadcast, SparkConf, SparkContext, SparkFiles,
                     StorageLevel, TaskContext)
from pyspark.statcounter import StatCounter


def test_what_it_is(sc):
    assert sc.master == "local[2]" and sc.appName == "tests"
    assert sc.defaultParallelism == 2 and sc.defaultMinPartitions == 2
    assert sc.version == pyspark.__version__ and sc.applicationId.startswith("local-")
    assert sc.startTime > 0 and sc.uiWebUrl is None and sc.sparkUser()
    assert SparkContext._jvm is None and sc._jvm is None
    assert SparkContext.getOrCreate() is sc
    assert sc.getConf().get("spark.app.name") == "tests"
    assert "master=local[2]" in repr(sc)
    assert sc.statusTracker().getJobIdsForGroup() == []
    sc.setLogLevel("WARN")
    with pytest.raises(Py4JJavaError, match="Supplied level LOUD did not match one of"):
        sc.setLogLevel("LOUD")
    with pytest.raises(RuntimeError):
        sc.show_profiles()


def test_one_at_a_time(sc):
    with pytest.raises(ValueError, match="Cannot run multiple SparkContexts at once"):
        SparkContext("local", "second")
    assert SparkContext._active_spark_context is sc


def test_parallelize_and_range(sc):
    assert sc.parallelize([0, 2, 3, 4, 6], 5).glom().collect() == [[0], [2], [3], [4], [6]]
    assert sc.parallelize(range(0, 6, 2), 5).glom().collect() == [[], [0], [], [2], [4]]
    assert sc.parallelize((x for x in "ab")).collect() == ["a", "b"]
    assert sc.parallelize({"k": 1}.items()).collectAsMap() == {"k": 1}
    assert sc.range(5).collect() == [0, 1, 2, 3, 4]
    assert sc.range(2, 4).collect() == [2, 3]
    assert sc.range(1, 7, 2).collect() == [1, 3, 5]
    assert sc.range(10**12, 10**12 + 2).collect() == [10**12, 10**12 + 1]
    assert sc.emptyRDD().collect() == [] and sc.emptyRDD().getNumPartitions() == 0
    with pytest.raises(ValueError):
        sc.parallelize([1], 0)


def test_union_and_run_job(sc):
    a, b = sc.parallelize([1], 1), sc.parallelize([2, 3], 2)
    assert sc.union([a, b]).collect() == [1, 2, 3]
    assert sc.union([a, sc.emptyRDD()]).getNumPartitions() == 1
    rdd = sc.parallelize(range(6), 3)
    assert sc.runJob(rdd, lambda part: [x * x for x in part]) == [0, 1, 4, 9, 16, 25]
    assert sc.runJob(rdd, lambda part: [x * x for x in part], [0, 2], True) == [0, 1, 16, 25]


def test_text_and_rows_in_one_union(sc, tmp_path):
    (tmp_path / "a").write_text("Hello\n")
    text = sc.textFile(str(tmp_path / "a"))
    assert sorted(sc.union([text, sc.parallelize(["World!"])]).collect()) == ["Hello", "World!"]


def test_broadcast(sc):
    shared = sc.broadcast({1: "x"})
    assert isinstance(shared, Broadcast) and shared.value == {1: "x"}
    assert sc.parallelize([1, 1]).map(lambda k: shared.value[k]).collect() == ["x", "x"]
    shared.unpersist()
    assert sc.parallelize([1]).map(lambda k: shared.value[k]).collect() == ["x"]
    shared.destroy()
    for call in (lambda: sc.parallelize([1]).map(lambda k: shared.value[k]).collect(),
                 shared.unpersist, shared.destroy):
        with pytest.raises(Py4JJavaError, match="destroyed"):
            call()
    with pytest.raises(pickle.PicklingError, match="broadcast an RDD"):
        sc.broadcast(sc.parallelize([1]))
    assert sc.broadcast(None).value is None


def test_accumulators(sc):
    total = sc.accumulator(1)
    total += 1
    assert total.value == 2 and "value=2" in repr(total)

    def add(x):
        global counted
        counted += x

    global counted
    counted = sc.accumulator(0.0)
    sc.parallelize([20, 30], 2).foreach(add)
    assert counted.value == 50.0

    class Lists(AccumulatorParam):
        def zero(self, value):
            return [0.0] * len(value)

        def addInPlace(self, a, b):
            return [x + y for x, y in zip(a, b)]

    lists = sc.accumulator([1.0, 2.0], Lists())
    sc.parallelize([1, 2]).foreach(lambda x: lists.add([x, x]))
    assert lists.value == [4.0, 5.0]
    with pytest.raises(TypeError):
        sc.accumulator("text")
    with pytest.raises(Py4JJavaError, match="cannot be accessed inside tasks"):
        sc.parallelize([1]).map(lambda x: total.value).collect()


def test_tasks_know_where_they_are(sc):
    assert TaskContext.get() is None
    seen = sc.parallelize(range(2), 2).map(
        lambda x: (TaskContext.get().partitionId(), TaskContext.get().attemptNumber(),
                   TaskContext.get().stageId(), TaskContext.get().taskAttemptId())).collect()
    assert [one[:2] for one in seen] == [(0, 0), (1, 0)]
    assert len({one[3] for one in seen}) == 2


def test_files(sc, tmp_path):
    (tmp_path / "data.txt").write_text("100")
    sc.addFile(str(tmp_path / "data.txt"))

    def times(rows):
        with open(SparkFiles.get("data.txt")) as file:
            factor = int(file.read())
        return [x * factor for x in rows]

    assert sc.parallelize([1, 2]).mapPartitions(times).collect() == [100, 200]
    sc.addFile(str(tmp_path / "data.txt"))
    assert sum(one.endswith("/data.txt") for one in sc.listFiles) == 1
    (tmp_path / "added_module.py").write_text("def hello():\n    return 'Hello'\n")
    sc.addPyFile(str(tmp_path / "added_module.py"))

    def greet(x):
        from added_module import hello
        return hello()

    assert sc.parallelize([1]).map(greet).collect() == ["Hello"]
    assert os.path.isdir(SparkFiles.getRootDirectory())


def test_functions_of_a_zipped_module(sc, tmp_path):
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("module_in_zip.py", "def more(x):\n    return x + 1\n")
    sc.addPyFile(str(tmp_path / "packed.zip"))
    import module_in_zip
    assert sc.parallelize([1, 2]).map(module_in_zip.more).collect() == [2, 3]


def test_properties_and_groups(sc):
    sc.setLocalProperty("k", "v")
    assert sc.getLocalProperty("k") == "v" and sc.getLocalProperty("other") is None
    sc.setJobGroup("group", "description")
    assert sc.getLocalProperty("spark.jobGroup.id") == "group"
    sc.setJobDescription("other")
    sc.cancelJobGroup("nothing runs")
    sc.cancelAllJobs()
    sc.setJobGroup(None, None)


def test_a_job_group_is_cancelled(sc, tmp_path):
    mark = str(tmp_path / "runs")
    failures = []

    def forever(x):
        open(mark, "w").close()
        while True:
            pass

    def job():
        sc.setJobGroup("endless", "")
        try:
            sc.parallelize([1]).map(forever).collect()
        except Py4JJavaError as failure:
            failures.append(str(failure))

    thread = threading.Thread(target=job)
    thread.start()
    while not os.path.exists(mark):
        pass
    sc.cancelJobGroup("endless")
    thread.join(30)
    assert "cancelled" in failures[0]
    assert sc.parallelize([1]).collect() == [1]


@pytest.mark.parametrize("call", ["hadoopFile", "hadoopRDD", "newAPIHadoopFile",
                                  "newAPIHadoopRDD", "sequenceFile"])
def test_what_needs_a_jvm_says_so(sc, call):
    with pytest.raises(NotImplementedError, match=call):
        getattr(sc, call)("x")


def test_conf():
    conf = SparkConf(False)
    assert conf.setMaster("local").setAppName("app").get("spark.master") == "local"
    conf.setAll([("a", 1), ("b", True)]).setIfMissing("a", 2).setSparkHome("/x")
    conf.setExecutorEnv("VAR1", "value1").setExecutorEnv(pairs=[("VAR2", "2")])
    assert conf.get("a") == "1" and conf.get("b") == "True" and conf.get("c", "d") == "d"
    assert conf.contains("a") and not conf.contains("c") and ("a", "1") in conf.getAll()
    assert "spark.executorEnv.VAR1=value1" in conf.toDebugString()
    with pytest.raises(RuntimeError, match="Key-value pair or a list of pairs is required"):
        conf.setExecutorEnv("a", "b", [("c", "d")])


def test_storage_levels():
    assert str(StorageLevel.MEMORY_AND_DISK_2) == "Disk Memory Serialized 2x Replicated"
    assert repr(StorageLevel.NONE) == "StorageLevel(False, False, False, False, 1)"
    assert StorageLevel.MEMORY_ONLY == StorageLevel(False, True, False, False)


def test_stat_counter():
    stats = StatCounter([1.0, 2.0]).mergeStats(StatCounter([3.0, 4.0]))
    assert (stats.count(), stats.mean(), stats.min(), stats.max()) == (4, 2.5, 1.0, 4.0)
    assert stats.variance() == 1.25 and stats.asDict()["sum"] == 10.0
    assert stats.asDict()["variance"] == stats.sampleVariance()  # as in Spark
    assert stats.asDict(sample=True)["stdev"] == stats.stdev()
    assert str(StatCounter().variance()) == "nan"


def test_sql_says_so():
    from pyspark.sql import DataFrame, SparkSession
    with pytest.raises(NotImplementedError, match="pyspark.sql.DataFrame"):
        DataFrame()
    with pytest.raises(NotImplementedError, match="enableHiveSupport"):
        SparkSession.builder.appName("x").enableHiveSupport()


def test_a_session_leads_to_its_context(sc, tmp_path):
    from pyspark.sql import Row, SparkSession
    session = SparkSession.builder.appName("x").master("local[2]").config("a", "b").getOrCreate()
    assert SparkSession.builder.getOrCreate() is session and session.sparkContext is sc
    assert SparkSession.getActiveSession() is session and session.version == sc.version
    assert session.conf.set("spark.b", True) is None and session.conf.get("spark.b") == "true"
    session.conf.unset("spark.b")
    assert session.conf.get("spark.b", None) is None
    with pytest.raises(Py4JJavaError, match="spark.b"):
        session.conf.get("spark.b")
    (tmp_path / "f").write_text("a b\nc\n")
    assert session.read.text(str(tmp_path / "f")).rdd.map(lambda r: r[0]).collect() == ["a b", "c"]
    with pytest.raises(NotImplementedError, match="SparkSession.sql"):
        session.sql("select 1")
    with pytest.raises(NotImplementedError, match="spark.read.json"):
        session.read.json("x")
    row = sc.parallelize([Row(name="a", age=1)]).first()
    assert row == ("a", 1) and row.name == "a" and row["age"] == 1 and "age" in row
    assert row.asDict() == {"name": "a", "age": 1} and repr(row) == "Row(name='a', age=1)"
    assert Row("name", "age")("b", 2).age == 2


def test_contexts_follow_each_other():
    # After all tests that use the module's context.
    SparkContext._active_spark_context.stop()
    with SparkContext("local[2]", "one") as one:
        assert one.parallelize([1]).collect() == [1]
    with SparkContext(conf=SparkConf().setMaster("local[1]").setAppName("two")) as two:
        assert two.parallelize([2]).collect() == [2]
    with pytest.raises(Exception, match="stopped SparkContext"):
        two.parallelize([1]).collect()
    with pytest.raises(Exception, match="master is not understood"):
        SparkContext("nonsense", "three")
    assert SparkContext._active_spark_context is None


def test_a_cluster_of_this_machine():
    with SparkContext("local-cluster[2, 1, 1024]") as sc:
        assert sc.master == "local-cluster[2, 1, 1024]" and sc.defaultParallelism == 2
        with pytest.raises(Exception, match="created and accessed on the driver"):
            sc.range(2).foreach(lambda _: SparkContext())
