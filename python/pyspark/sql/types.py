"""Spark SQL is not part of millrace."""

from pyspark.errors import absent_names

__getattr__ = absent_names(__name__)
