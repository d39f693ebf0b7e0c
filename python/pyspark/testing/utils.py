import functools
import os
import sys
import time
import unittest
from importlib.util import find_spec

from pyspark import SparkConf, SparkContext

have_numpy = find_spec("numpy") is not None
have_pandas = find_spec("pandas") is not None
SPARK_HOME = os.environ.get("SPARK_HOME", os.path.dirname(os.path.dirname(__file__)))


def eventually(condition=None, timeout=30.0, catch_assertions=False):
    """Calls a condition until it gives neither False nor a message; with `catch_assertions` also
    until it passes. Without a condition: a decorator that does so."""
    if not callable(condition):
        seconds = timeout if condition is None else condition

        def decorated(f):
            return functools.wraps(f)(
                lambda *args: eventually(lambda: f(*args), seconds, catch_assertions))

        return decorated
    end, given = time.monotonic() + timeout, None
    while time.monotonic() < end:
        try:
            given = condition()
        except AssertionError as failure:
            if not catch_assertions:
                raise
            given = failure
        if given is None or given is True:
            return
        time.sleep(0.01)
    if isinstance(given, AssertionError):
        raise given
    raise AssertionError(f"Test failed due to timeout after {timeout:g} sec, with last condition "
                         f"returning: {given}")


class QuietTest:
    """Nothing is logged here that would have to be kept quiet."""

    def __init__(self, sc):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        pass


class _WithContext(unittest.TestCase):
    def quiet(self):
        return QuietTest(self.sc)


class PySparkTestCase(_WithContext):
    """A context for each test."""

    def setUp(self):
        self._old_sys_path = list(sys.path)
        self.sc = SparkContext("local[4]", type(self).__name__)

    def tearDown(self):
        self.sc.stop()
        sys.path = self._old_sys_path


class ReusedPySparkTestCase(_WithContext):
    """One context for all tests of the class."""

    @classmethod
    def conf(cls):
        return SparkConf()

    @classmethod
    def setUpClass(cls):
        cls.sc = SparkContext("local[4]", cls.__name__, conf=cls.conf())

    @classmethod
    def tearDownClass(cls):
        cls.sc.stop()
