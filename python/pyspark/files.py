import os


class SparkFiles:
    """Files that were added through `SparkContext.addFile`; driver and workers share them."""

    def __init__(self):
        raise NotImplementedError("Do not construct SparkFiles objects")

    @classmethod
    def get(cls, filename):
        return os.path.abspath(os.path.join(cls.getRootDirectory(), filename))

    @classmethod
    def getRootDirectory(cls):
        return os.environ["MILLRACE_FILES"]
