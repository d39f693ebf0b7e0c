import os
import sys
import unittest

from pyspark import SparkConf, SparkContext

SPARK_HOME = os.environ.get("SPARK_HOME", os.path.dirname(os.path.dirname(__file__)))


class QuietTest:
    """Nothing is logged here that would have to be kept quiet."""

    def __init__(self, sc):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        pass


class PySparkTestCase(unittest.TestCase):
    """A context for each test."""

    def setUp(self):
        self._old_sys_path = list(sys.path)
        self.sc = SparkContext("local[4]", type(self).__name__)

    def tearDown(self):
        self.sc.stop()
        sys.path = self._old_sys_path


class ReusedPySparkTestCase(unittest.TestCase):
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
