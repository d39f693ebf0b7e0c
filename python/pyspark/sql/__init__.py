"""Spark SQL is not part of millrace: names can be imported, and say so when they are used."""

from pyspark.errors import needs_jvm


class _Absent(type):
    def __call__(cls, *arguments, **more):
        raise needs_jvm("pyspark.sql." + cls.__name__)

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise needs_jvm(f"pyspark.sql.{cls.__name__}.{name}")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Absent(name, (), {})
