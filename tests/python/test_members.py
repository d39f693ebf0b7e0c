"""That all of Spark's public members are there, and that each is used by some test."""

import pathlib
import re

import pytest

from pyspark import (Accumulator, AccumulatorParam, BarrierTaskContext, Broadcast, RDD, SparkConf,
                     SparkContext, SparkFiles, StatCounter, StatusTracker, StorageLevel,
                     TaskContext)
from pyspark.streaming import DStream, StreamingContext, StreamingListener

MEMBERS = {
    RDD: """aggregate aggregateByKey barrier cache cartesian checkpoint coalesce cogroup collect
        collectAsMap collectWithJobGroup combineByKey context count countApprox
        countApproxDistinct countByKey countByValue distinct filter first flatMap flatMapValues
        fold foldByKey foreach foreachPartition fullOuterJoin getCheckpointFile getNumPartitions
        getStorageLevel glom groupBy groupByKey groupWith histogram id intersection isCheckpointed
        isEmpty isLocallyCheckpointed join keyBy keys leftOuterJoin localCheckpoint lookup map
        mapPartitions mapPartitionsWithIndex mapPartitionsWithSplit mapValues max mean meanApprox
        min name partitionBy persist pipe randomSplit reduce reduceByKey reduceByKeyLocally
        repartition repartitionAndSortWithinPartitions rightOuterJoin sample sampleByKey
        sampleStdev sampleVariance saveAsHadoopDataset saveAsHadoopFile saveAsNewAPIHadoopDataset
        saveAsNewAPIHadoopFile saveAsPickleFile saveAsSequenceFile saveAsTextFile setName sortBy
        sortByKey stats stdev subtract subtractByKey sum sumApprox take takeOrdered takeSample
        toDebugString toLocalIterator top treeAggregate treeReduce union unpersist values variance
        zip zipWithIndex zipWithUniqueId __add__ toDF withResources getResourceProfile
        cleanShuffleDependencies""",
    SparkContext: """accumulator addFile addPyFile addArchive applicationId binaryFiles
        binaryRecords broadcast cancelAllJobs cancelJobGroup defaultMinPartitions
        defaultParallelism dump_profiles emptyRDD getConf getLocalProperty getOrCreate hadoopFile
        hadoopRDD newAPIHadoopFile newAPIHadoopRDD parallelize pickleFile range runJob
        sequenceFile setCheckpointDir getCheckpointDir setJobDescription setJobGroup
        setLocalProperty setLogLevel setSystemProperty show_profiles sparkUser startTime
        statusTracker stop textFile uiWebUrl union version wholeTextFiles master appName sparkHome
        environment listFiles listArchives resources addJobTag removeJobTag getJobTags clearJobTags
        cancelJobsWithTag""",
    StreamingContext: """addStreamingListener awaitTermination awaitTerminationOrTimeout
        binaryRecordsStream checkpoint getActive getActiveOrCreate getOrCreate queueStream
        remember socketTextStream sparkContext start stop textFileStream transform union""",
    DStream: """cache checkpoint cogroup combineByKey context count countByValue
        countByValueAndWindow countByWindow filter flatMap flatMapValues foreachRDD fullOuterJoin
        glom groupByKey groupByKeyAndWindow join leftOuterJoin map mapPartitions
        mapPartitionsWithIndex mapValues partitionBy persist pprint reduce reduceByKey
        reduceByKeyAndWindow reduceByWindow repartition rightOuterJoin saveAsTextFiles slice
        transform transformWith union updateStateByKey window""",
    StreamingListener: """onStreamingStarted onReceiverStarted onReceiverError onReceiverStopped
        onBatchSubmitted onBatchStarted onBatchCompleted onOutputOperationStarted
        onOutputOperationCompleted""",
    SparkConf: "contains get getAll set setAll setAppName setExecutorEnv setIfMissing setMaster "
               "setSparkHome toDebugString",
    Broadcast: "destroy dump load load_from_path unpersist value",
    Accumulator: "add value",
    AccumulatorParam: "addInPlace zero",
    StorageLevel: "DISK_ONLY DISK_ONLY_2 DISK_ONLY_3 MEMORY_AND_DISK MEMORY_AND_DISK_2 "
                  "MEMORY_AND_DISK_DESER MEMORY_ONLY MEMORY_ONLY_2 NONE OFF_HEAP",
    StatCounter: "asDict copy count max mean merge mergeStats min sampleStdev sampleVariance stdev "
                 "sum variance",
    TaskContext: "attemptNumber cpus get getLocalProperty partitionId resources stageId "
                 "taskAttemptId",
    BarrierTaskContext: "allGather barrier get getTaskInfos",
    StatusTracker: "getActiveJobsIds getActiveStageIds getJobIdsForGroup getJobInfo getStageInfo",
    SparkFiles: "get getRootDirectory",
}
ALL = [(cls, name) for cls, names in MEMBERS.items() for name in names.split()]


# What a context has of its own once it exists.
OF_AN_OBJECT = {"applicationId", "startTime", "master", "appName", "sparkHome", "environment"}


@pytest.mark.parametrize("cls, name", ALL, ids=lambda x: getattr(x, "__name__", x))
def test_is_there(sc, cls, name):
    assert hasattr(sc if name in OF_AN_OBJECT else cls, name)


def test_each_is_used():
    here = pathlib.Path(__file__)
    text = "\n".join(path.read_text() for path in here.parent.glob("test_*.py") if path != here)
    missed = [f"{cls.__name__}.{name}" for cls, name in ALL
              if not re.search(rf"\b{name}\b", text) and name != "__add__"]
    assert not missed
