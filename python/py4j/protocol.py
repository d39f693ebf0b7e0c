class Py4JError(Exception):
    pass


class Py4JNetworkError(Py4JError):
    pass


class Py4JJavaError(Py4JError):
    """A job failed; the text holds Python's traceback from the worker."""

    def __init__(self, msg, java_exception=None):
        super().__init__(msg)
        self.errmsg = msg
        self.java_exception = java_exception
