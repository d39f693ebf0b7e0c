"""What suites take from here that has nothing to do with SQL; the other names say that it is not
there."""

from pyspark.errors import absent_names
from pyspark.testing.utils import (SPARK_HOME, PySparkTestCase, ReusedPySparkTestCase, have_numpy,
                                   have_pandas)

__all__ = ["SPARK_HOME", "PySparkTestCase", "ReusedPySparkTestCase", "have_numpy", "have_pandas"]
__getattr__ = absent_names(__name__)
