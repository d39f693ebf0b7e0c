"""The door that newer programs take to a SparkContext. There is no SQL behind it."""

import threading

from pyspark.conf import SparkConf
from pyspark.context import SparkContext
from pyspark.errors import java_error, needs_jvm
from pyspark.sql.row import Row


class SparkSession:
    """Programs reach `sparkContext` by it; `read.text(path).rdd` gives the lines of files as rows.
    What is SQL says so when it is called."""

    _active = None
    _lock = threading.RLock()

    class Builder:
        def __init__(self):
            self._options = {}

        def appName(self, name):
            return self.config("spark.app.name", name)

        def master(self, master):
            return self.config("spark.master", master)

        def config(self, key=None, value=None, conf=None, *, map=None):
            if conf is not None:
                self._options.update(conf.getAll())
            elif map is not None:
                self._options.update(map)
            else:
                self._options[key] = value
            return self

        def enableHiveSupport(self):
            raise needs_jvm("SparkSession.builder.enableHiveSupport")

        def remote(self, url):
            raise needs_jvm("SparkSession.builder.remote")

        def getOrCreate(self):
            with SparkSession._lock:
                session = SparkSession.getActiveSession()
                if session is None:
                    conf = SparkConf().setAll(self._options.items())
                    session = SparkSession(SparkContext.getOrCreate(conf))
                return session

    def __init__(self, sparkContext, jsparkSession=None, options=None):
        self._sc = sparkContext
        SparkSession._active = self

    @classmethod
    def getActiveSession(cls):
        """None where there is none, or its context was stopped."""
        session = cls._active
        if session is not None and not session._sc._running:
            return None
        return session

    @property
    def sparkContext(self):
        return self._sc

    @property
    def version(self):
        return self._sc.version

    @property
    def conf(self):
        return _RuntimeConf(self._sc._conf)

    @property
    def read(self):
        return _Reader(self._sc)

    def newSession(self):
        return SparkSession(self._sc)

    def stop(self):
        self._sc.stop()
        SparkSession._active = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise needs_jvm(f"SparkSession.{name}")


class _BuilderOfEach:
    """`SparkSession.builder` begins anew each time."""

    def __get__(self, instance, owner):
        return SparkSession.Builder()


SparkSession.builder = _BuilderOfEach()


class _RuntimeConf:
    """`spark.conf`: settings of the context, where a value may be looked for and set."""

    def __init__(self, conf):
        self._conf = conf

    def get(self, key, *default):
        if not self._conf.contains(key) and not default:
            raise java_error("get", "java.util.NoSuchElementException: [SQL_CONF_NOT_FOUND] The SQL "
                             f'config "{key}" cannot be found. Please verify that the config exists.')
        return self._conf.get(key, *default)

    def set(self, key, value):
        self._conf.set(key, str(value).lower() if isinstance(value, bool) else value)

    def unset(self, key):
        self._conf._conf.pop(key, None)

    def isModifiable(self, key):
        return False

    def __getattr__(self, name):  # what SparkConf has
        return getattr(self._conf, name)


class _Reader:
    def __init__(self, sc):
        self._sc = sc

    def text(self, paths, wholetext=False):
        if wholetext:
            raise needs_jvm("spark.read.text with wholetext")
        return _Lines(self._sc.textFile(paths if isinstance(paths, str) else ",".join(paths)))

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise needs_jvm(f"spark.read.{name}")


class _Lines:
    """Lines of files: what `spark.read.text` gives is good for its `rdd`."""

    def __init__(self, lines):
        self._lines = lines

    @property
    def rdd(self):
        return self._lines.map(_row_of_line)

    def count(self):
        return self._lines.count()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise needs_jvm(f"DataFrame.{name}")


def _row_of_line(line):
    return Row(value=line)
