class Py4JError(Exception):
    pass


class Py4JNetworkError(Py4JError):
    pass


class Throwable:
    """What programs ask of `Py4JJavaError.java_exception`: there is no object of Java's behind it."""

    def __init__(self, text, cause=None):
        self._class, found, self._message = text.partition(": ")
        if not found or " " in self._class:
            self._class, self._message = "org.apache.spark.SparkException", text
        self._cause = cause

    def getMessage(self):
        return self._message

    getLocalizedMessage = getMessage

    def getCause(self):
        return self._cause

    def getClass(self):
        return self

    def getName(self):
        return self._class

    def getSimpleName(self):
        return self._class.rpartition(".")[2]

    def getStackTrace(self):
        return []

    def toString(self):
        return f"{self._class}: {self._message}"

    __str__ = __repr__ = toString


class Py4JJavaError(Py4JError):
    """What failed beneath Python. The text holds the traceback of a worker, where there is one."""

    def __init__(self, msg, java_exception=None):
        super().__init__(msg)
        self.errmsg, found, thrown = msg.partition("\n: ")
        if found:
            self.errmsg += "\n"
        if java_exception is None:
            _, raised, trace = thrown.partition(_OF_A_WORKER)
            cause = Throwable(_OF_A_WORKER + trace) if raised else None
            java_exception = Throwable(thrown or msg, cause)
        self.java_exception = java_exception


_OF_A_WORKER = "org.apache.spark.api.python.PythonException: "
