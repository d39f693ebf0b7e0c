"""What Spark's workers spill with. Shuffles are the engine's here: these names can be imported, and
say that they are not there when they are used."""

from pyspark.errors import absent_names

__getattr__ = absent_names(__name__)
