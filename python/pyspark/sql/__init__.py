"""Spark SQL is not part of millrace: of its names, `SparkSession` leads to a SparkContext and `Row`
is a tuple with names; the others say that they are not there."""

from pyspark.errors import absent_names
from pyspark.sql.row import Row
from pyspark.sql.session import SparkSession

__all__ = ["Row", "SparkSession"]

__getattr__ = absent_names(__name__)
