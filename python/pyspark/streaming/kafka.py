"""Spark's receivers of Kafka for Python, gone since Spark 3, run in its JVM."""

from pyspark.errors import absent_names

__getattr__ = absent_names(__name__)
