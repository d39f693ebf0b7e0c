import functools
import threading


def fail_on_stopiteration(f):
    """f, with StopIteration made an error."""

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        try:
            return f(*args, **kwargs)
        except StopIteration as failure:
            raise RuntimeError("Caught StopIteration thrown from user's code; failing the task",
                               failure) from failure

    return wrapper


class VersionUtils:
    @staticmethod
    def majorMinorVersion(sparkVersion):
        """(major, minor)

        >>> VersionUtils.majorMinorVersion("2.4.0")
        (2, 4)
        """
        try:
            major, minor = sparkVersion.split("-")[0].split(".")[:2]
            return int(major), int(minor)
        except ValueError:
            raise ValueError("Spark tried to parse '%s' as a Spark version string, but it could "
                             "not find the major and minor version numbers." % sparkVersion)


class InheritableThread(threading.Thread):
    """A thread with the local properties of the one that made it."""

    def __init__(self, target, *args, session=None, **kwargs):
        from pyspark import SparkContext
        context = SparkContext._active_spark_context
        properties = dict(context._local.__dict__.get("properties", {})) if context else {}

        def run(*a, **k):
            if context is not None:
                context._local.properties = properties
            return target(*a, **k)

        super().__init__(target=run, *args, **kwargs)


def inheritable_thread_target(f=None):
    return f if callable(f) else (lambda g: g)
