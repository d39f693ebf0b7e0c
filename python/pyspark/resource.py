"""What stages ask for. On one machine there is nothing to choose from: profiles are kept with their
RDD and have no effect."""

import itertools
import re

_ids = itertools.count(1)
_MIB = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 ** 2}


def mib_of(text):
    """Of "512m", "2g" …"""
    number = re.fullmatch(r"(\d+)([kmgt])b?", text.lower())
    if number is None:
        raise ValueError("invalid format: " + text)
    return int(int(number[1]) * _MIB[number[2]])


class ResourceInformation:
    """A named resource, as a GPU, and the addresses of its units."""

    def __init__(self, name, addresses):
        self.name = name
        self.addresses = addresses


class TaskResourceRequest:
    def __init__(self, resourceName, amount):
        self.resourceName = resourceName
        self.amount = float(amount)


class ExecutorResourceRequest:
    def __init__(self, resourceName, amount, discoveryScript="", vendor=""):
        self.resourceName = resourceName
        self.amount = amount
        self.discoveryScript = discoveryScript
        self.vendor = vendor


class _Requests:
    def __init__(self, _jvm=None, requests=None):
        self.requests = dict(requests or {})

    def _with(self, request):
        self.requests[request.resourceName] = request
        return self


class TaskResourceRequests(_Requests):
    def cpus(self, amount):
        return self._with(TaskResourceRequest("cpus", amount))

    def resource(self, resourceName, amount):
        return self._with(TaskResourceRequest(resourceName, amount))


class ExecutorResourceRequests(_Requests):
    def memory(self, amount):
        return self._with(ExecutorResourceRequest("memory", mib_of(amount)))

    def memoryOverhead(self, amount):
        return self._with(ExecutorResourceRequest("memoryOverhead", mib_of(amount)))

    def offheapMemory(self, amount):
        return self._with(ExecutorResourceRequest("offHeap", mib_of(amount)))

    def pysparkMemory(self, amount):
        return self._with(ExecutorResourceRequest("pyspark.memory", mib_of(amount)))

    def cores(self, amount):
        return self._with(ExecutorResourceRequest("cores", amount))

    def resource(self, resourceName, amount, discoveryScript="", vendor=""):
        return self._with(ExecutorResourceRequest(resourceName, amount, discoveryScript, vendor))


class ResourceProfile:
    def __init__(self, _java_resource_profile=None, _exec_req=None, _task_req=None):
        self.id = next(_ids)
        self.executorResources = dict(_exec_req or {})
        self.taskResources = dict(_task_req or {})


class ResourceProfileBuilder:
    def __init__(self):
        self.clearExecutorResourceRequests()
        self.clearTaskResourceRequests()

    def require(self, resourceRequest):
        mine = self._tasks if isinstance(resourceRequest, TaskResourceRequests) else self._executors
        mine.update(resourceRequest.requests)
        return self

    def clearExecutorResourceRequests(self):
        self._executors = {}

    def clearTaskResourceRequests(self):
        self._tasks = {}

    @property
    def executorResources(self):
        return self._executors

    @property
    def taskResources(self):
        return self._tasks

    @property
    def build(self):
        return ResourceProfile(_exec_req=self._executors, _task_req=self._tasks)
