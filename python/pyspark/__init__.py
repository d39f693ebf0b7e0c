"""Spark's Python API for RDDs and DStreams, over the millrace engine: no JVM, no SQL."""

from pyspark.version import __version__
from pyspark.accumulators import Accumulator, AccumulatorParam
from pyspark.broadcast import Broadcast
from pyspark.conf import SparkConf
from pyspark.files import SparkFiles
from pyspark.rdd import RDD, RDDBarrier
from pyspark.statcounter import StatCounter
from pyspark.status import SparkJobInfo, SparkStageInfo, StatusTracker
from pyspark.storagelevel import StorageLevel
from pyspark.profiler import BasicProfiler, Profiler
from pyspark.serializers import CPickleSerializer, MarshalSerializer
from pyspark.taskcontext import BarrierTaskContext, BarrierTaskInfo, TaskContext
from pyspark.context import SparkContext
from pyspark.util import InheritableThread, inheritable_thread_target

__all__ = [
    "SparkConf", "SparkContext", "SparkFiles", "RDD", "StorageLevel", "Broadcast", "Accumulator",
    "AccumulatorParam", "TaskContext", "BarrierTaskContext", "BarrierTaskInfo", "RDDBarrier",
    "MarshalSerializer", "CPickleSerializer", "StatCounter", "StatusTracker", "SparkJobInfo", "SparkStageInfo", "Profiler", "BasicProfiler",
    "InheritableThread", "inheritable_thread_target", "__version__",
]


def __getattr__(name):
    if name in ("SQLContext", "HiveContext", "Row"):
        from pyspark import sql
        return getattr(sql, name)
    raise AttributeError(f"module 'pyspark' has no attribute {name!r}")
