"""What fails in the engine, as programs for Spark expect it."""

import pickle

from py4j.protocol import Py4JJavaError


class PySparkException(Exception):
    """What newer programs catch, with those below; what is raised here are Python's own errors."""


class PySparkValueError(PySparkException, ValueError):
    pass


class PySparkTypeError(PySparkException, TypeError):
    pass


class PySparkIndexError(PySparkException, IndexError):
    pass


class PySparkKeyError(PySparkException, KeyError):
    pass


class PySparkAttributeError(PySparkException, AttributeError):
    pass


class PySparkRuntimeError(PySparkException, RuntimeError):
    pass


class PySparkAssertionError(PySparkException, AssertionError):
    pass


class PySparkNotImplementedError(PySparkException, NotImplementedError):
    pass


class PySparkPicklingError(PySparkException, pickle.PicklingError):
    pass


_TRACEBACK = "Traceback (most recent call last):"


def java_error(method, text):
    """What Spark's JVM throws, `text` with its class, out of a method of Spark's."""
    return Py4JJavaError(f"An error occurred while calling {method}.\n: {text}")


def job_failed(text):
    text = text.replace(_TRACEBACK, "org.apache.spark.api.python.PythonException: " + _TRACEBACK, 1)
    return java_error("runJob", "org.apache.spark.SparkException: Job aborted due to stage failure: "
                      + text)


def needs_jvm(what):
    """For what Spark does in its JVM, and millrace does not have."""
    return PySparkNotImplementedError(
        f"{what} needs Spark's JVM or Spark SQL, which millrace does not have")


def absent_names(module):
    """The `__getattr__` of a module that is not there: its names can be imported, and say so when
    they are used."""

    class Absent(type):
        def __call__(cls, *arguments, **more):
            raise needs_jvm(f"{module}.{cls.__name__}")

        def __getattr__(cls, name):
            if name.startswith("__"):
                raise AttributeError(name)
            raise needs_jvm(f"{module}.{cls.__name__}.{name}")

    def name_of(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(name, (), {})

    return name_of
