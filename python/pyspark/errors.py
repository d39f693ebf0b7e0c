"""What fails in the engine, as programs for Spark expect it."""

from py4j.protocol import Py4JJavaError


def job_failed(text):
    return Py4JJavaError(
        "An error occurred while running a job.\n"
        ": org.apache.spark.SparkException: Job aborted due to stage failure: " + text)


def needs_jvm(what):
    """For what Spark does in its JVM, and millrace does not have."""
    return NotImplementedError(
        f"{what} needs Spark's JVM or Spark SQL, which millrace does not have")
