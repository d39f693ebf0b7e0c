"""A value that every worker reads from one file."""

import os
import pickle

import cloudpickle
from types import GenericAlias

from pyspark.errors import java_error

_in_worker = {}  # path -> value


class Broadcast:
    __class_getitem__ = classmethod(GenericAlias)  # Broadcast[int], in annotations

    def __init__(self, path=None, value=None):
        self._path = path
        self._here = value is not None or path is None
        self._value = value

    @classmethod
    def _of(cls, value, path):
        try:
            data = cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception as failure:
            raise pickle.PicklingError(
                f"Could not serialize broadcast: {type(failure).__name__}: {failure}") from failure
        with open(path, "wb") as file:
            file.write(data)
        one = cls(path)
        one._here, one._value = True, value
        return one

    @property
    def value(self):
        if not self._here:
            if self._path not in _in_worker:
                _in_worker[self._path] = self.load_from_path(self._path)
            self._value, self._here = _in_worker[self._path], True
        return self._value

    def load(self, file):
        return pickle.load(file)

    def load_from_path(self, path):
        with open(path, "rb", 1 << 20) as file:
            return self.load(file)

    def dump(self, value, f):
        pickle.dump(value, f, pickle.HIGHEST_PROTOCOL)
        f.close()

    def unpersist(self, blocking=False):
        """The copies in workers go with the workers; it can be used again."""
        self._check()

    def destroy(self, blocking=False):
        self._check()
        os.unlink(self._path)
        self._path = None

    def _check(self):
        if self._path is None:
            raise _destroyed("destroy")

    def __reduce__(self):
        if self._path is None:
            raise _destroyed("runJob")
        return Broadcast, (self._path,)


def _destroyed(method):
    return java_error(method, "org.apache.spark.SparkException: Attempted to use Broadcast after it "
                      "was destroyed")
