"""Where a running task is."""

from pyspark import barrier


class TaskContext:
    """The task that this process runs. There is one object: whoever makes one gets that."""

    _taskContext = None

    _attemptNumber = None
    _partitionId = None
    _stageId = None
    _taskAttemptId = None
    _localProperties = None
    _resources = None

    def __new__(cls):
        if cls._taskContext is None:
            cls._taskContext = object.__new__(cls)
        return cls._taskContext

    @classmethod
    def get(cls):
        """None outside of a task."""
        return cls._taskContext

    def stageId(self):
        return self._stageId

    def partitionId(self):
        return self._partitionId

    def attemptNumber(self):
        return self._attemptNumber

    def taskAttemptId(self):
        return self._taskAttemptId

    def getLocalProperty(self, key):
        """What the driver's thread had set when it began the job."""
        return (self._localProperties or {}).get(key)

    def cpus(self):
        return 1

    def resources(self):
        return {}


class BarrierTaskInfo:
    def __init__(self, address):
        self.address = address

    def __repr__(self):
        return f"BarrierTaskInfo({self.address!r})"


class BarrierTaskContext(TaskContext):
    """A task of a barrier stage: all of them run together and can wait for each other."""

    _taskContext = None
    _meeting = None  # (address, tasks, the job's name for it)

    @classmethod
    def get(cls):
        if TaskContext.get() is None or cls._meeting is None:
            raise Exception("It is not in a barrier stage")
        one = cls()
        one.__dict__.update(TaskContext.get().__dict__)
        return one

    def barrier(self):
        """Waits until every task of the stage is here."""
        self._meet("barrier", "")

    def allGather(self, message=""):
        """Waits until every task is here; the messages of all, by partition."""
        if not isinstance(message, str):
            raise TypeError("Argument `message` must be of type `str`")
        return self._meet("allGather", message)

    def getTaskInfos(self):
        _, tasks, _ = self._meeting
        return [BarrierTaskInfo("localhost:0") for _ in range(tasks)]

    def _meet(self, what, message):
        address, tasks, name = self._meeting
        return barrier.meet(address, (name, self.stageId(), tasks), self.partitionId(), what,
                            message)


def begin(partition, attempt, stage, number, properties):
    """A task begins in this worker."""
    BarrierTaskContext._meeting = None
    one = TaskContext()
    one._stageId = stage
    one._partitionId = partition
    one._attemptNumber = attempt
    one._taskAttemptId = number
    one._localProperties = properties


def begin_barrier(meeting):
    BarrierTaskContext._meeting = meeting
