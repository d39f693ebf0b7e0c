"""millrace: Spark Streaming's model as native code. This package holds what the `pyspark` drop-in
and the worker processes stand on; programs import `pyspark` and `pyspark.streaming`."""

__version__ = "0.1.0"
