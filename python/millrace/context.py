"""The door to datasets."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence, TypeVar

from millrace import use_drop_in
from millrace.rdd import RDD

use_drop_in()

T = TypeVar("T")


class Context:
    """One engine in this process; one at a time. Ends with `stop`, or with its `with` block.

    `master`: `local[N]` for N threads and worker processes, `local[*]` for one a core."""

    def __init__(self, master: str = "local[*]", name: str = "millrace", *,
                 conf: Mapping[str, Any] | None = None) -> None:
        from pyspark import SparkConf, SparkContext
        settings = SparkConf().setAll((conf or {}).items())
        self.spark = SparkContext(master, name, conf=settings)

    @classmethod
    def over(cls, spark: Any) -> Context:
        """The same context as a SparkContext."""
        context = cls.__new__(cls)
        context.spark = spark
        return context

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<millrace.Context {self.spark.master} {self.spark.appName}>"

    @property
    def name(self) -> str:
        return self.spark.appName

    @property
    def default_parallelism(self) -> int:
        """The partitions of a dataset that is not told how many."""
        return self.spark.defaultParallelism

    def stop(self) -> None:
        """Ends jobs, streams and workers. Twice does nothing."""
        self.spark.stop()

    # ---- datasets

    def parallelize(self, rows: Iterable[T], partitions: int | None = None) -> RDD[T]:
        return RDD(self.spark.parallelize(rows, partitions))

    def range(self, start: int, stop: int | None = None, step: int = 1,
              partitions: int | None = None) -> RDD[int]:
        return RDD(self.spark.range(start, stop, step, partitions))

    def text_file(self, path: str, min_partitions: int | None = None) -> RDD[str]:
        """The lines of a file, of a directory's files or of what a pattern names; compressed ones
        are unpacked."""
        return RDD(self.spark.textFile(str(path), min_partitions))

    def whole_text_files(self, path: str, min_partitions: int | None = None
                         ) -> RDD[tuple[str, str]]:
        """(path, content) of each file."""
        return RDD(self.spark.wholeTextFiles(str(path), min_partitions))

    def binary_records(self, path: str, length: int) -> RDD[bytes]:
        return RDD(self.spark.binaryRecords(str(path), length))

    def object_file(self, path: str) -> RDD[Any]:
        """What `RDD.save_as_object_file` wrote."""
        return RDD(self.spark.pickleFile(str(path)))

    def empty(self) -> RDD[Any]:
        return RDD(self.spark.emptyRDD())

    def union_of(self, datasets: Sequence[RDD[T]]) -> RDD[T]:
        return RDD(self.spark.union([one.spark for one in datasets]))

    # ---- shared values and files

    def broadcast(self, value: T) -> Any:
        """An object whose `value` every worker reads once."""
        return self.spark.broadcast(value)

    def accumulator(self, value: Any, param: Any = None) -> Any:
        """A sum that tasks add to and the program reads."""
        return self.spark.accumulator(value, param)

    def add_file(self, path: str) -> None:
        self.spark.addFile(str(path))

    def add_py_file(self, path: str) -> None:
        """A module, or a zip of packages, for functions that run in workers."""
        self.spark.addPyFile(str(path))

    def set_checkpoint_directory(self, path: str) -> None:
        self.spark.setCheckpointDir(str(path))

    # ---- jobs

    def set_job_group(self, group: str, description: str = "") -> None:
        """Of the jobs that this thread begins from now on."""
        self.spark.setJobGroup(group, description)

    def cancel_job_group(self, group: str) -> None:
        self.spark.cancelJobGroup(group)

    def cancel_all_jobs(self) -> None:
        self.spark.cancelAllJobs()
