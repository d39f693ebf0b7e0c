from millrace import submitting

from pyspark.errors import PySparkRuntimeError

_HOME = "spark.home"


class SparkConf:
    """Settings by Spark's names. What the engine has no use for is kept and has no effect."""

    def __init__(self, loadDefaults=True, _jvm=None, _jconf=None):
        self._conf = {}
        if loadDefaults:
            self._conf.update(submitting.given())

    def set(self, key, value):
        self._conf[key] = str(value)
        return self

    def setIfMissing(self, key, value):
        if key not in self._conf:
            self.set(key, value)
        return self

    def setMaster(self, value):
        return self.set("spark.master", value)

    def setAppName(self, value):
        return self.set("spark.app.name", value)

    def setSparkHome(self, value):
        return self.set(_HOME, value)

    def setExecutorEnv(self, key=None, value=None, pairs=None):
        if (key is not None and pairs is not None) or (key is None and pairs is None):
            raise PySparkRuntimeError("[KEY_VALUE_PAIR_REQUIRED] Key-value pair or a list of pairs "
                                      "is required.")
        for name, text in pairs if pairs is not None else [(key, value)]:
            self.set("spark.executorEnv." + name, text)
        return self

    def setAll(self, pairs):
        for key, value in pairs:
            self.set(key, value)
        return self

    def get(self, key, defaultValue=None):
        return self._conf.get(key, defaultValue)

    def getAll(self):
        return list(self._conf.items())

    def contains(self, key):
        return key in self._conf

    def toDebugString(self):
        return "\n".join(f"{key}={value}" for key, value in sorted(self._conf.items()))

    def _is(self, key, default=False):
        """Whether it says yes, in any letters, as Spark's JVM reads it."""
        return self._conf.get(key, str(default)).lower() == "true"

    def _copy(self):
        copy = SparkConf(False)
        copy._conf = dict(self._conf)
        return copy

    def __repr__(self):
        return f"<SparkConf with {len(self._conf)} settings>"
