"""Where a running task is."""

import itertools
import time

_ids = itertools.count()


class TaskContext:
    _current = None

    @classmethod
    def get(cls):
        """None outside of a task."""
        return TaskContext._current

    def stageId(self):
        return self._stage_id

    def partitionId(self):
        return self._partition_id

    def attemptNumber(self):
        return self._attempt_number

    def taskAttemptId(self):
        return self._task_attempt_id

    def getLocalProperty(self, key):
        return None

    def cpus(self):
        return 1

    def resources(self):
        return {}


class BarrierTaskInfo:
    def __init__(self, address):
        self.address = address


class BarrierTaskContext(TaskContext):
    """Tasks of a barrier stage; in one process they need no meeting point, and have none."""

    @classmethod
    def get(cls):
        if TaskContext._current is None:
            raise Exception("It is not in a barrier stage")
        one = cls()
        one.__dict__.update(TaskContext._current.__dict__)
        return one

    def barrier(self):
        from pyspark.errors import needs_jvm
        raise needs_jvm("BarrierTaskContext.barrier")

    def allGather(self, message=""):
        from pyspark.errors import needs_jvm
        raise needs_jvm("BarrierTaskContext.allGather")


def begin(partition, attempt):
    one = TaskContext()
    one._stage_id = 0
    one._partition_id = partition
    one._attempt_number = attempt
    one._task_attempt_id = (int(time.time() * 1000) << 12) | (next(_ids) & 0xFFF)
    TaskContext._current = one
