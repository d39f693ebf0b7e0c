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


def inheritable_thread_target(f):
    """f, for another thread: it runs with the local properties that the calling one has now."""
    if not callable(f):  # a session
        return inheritable_thread_target
    from pyspark import SparkContext
    context = SparkContext._active_spark_context
    if context is None:
        return f
    properties = context._properties() or {}

    @functools.wraps(f)
    def wrapped(*args, **kwargs):
        context._local.properties = dict(properties)
        return f(*args, **kwargs)

    return wrapped


class InheritableThread(threading.Thread):
    """A thread with the local properties of the one that made it."""

    def __init__(self, target, *args, session=None, **kwargs):
        super().__init__(target=inheritable_thread_target(target), *args, **kwargs)
