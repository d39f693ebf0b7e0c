"""RDDs into files, and through other programs."""

import bz2
import contextlib
import glob
import gzip
import os
import re
import shlex
import struct
import subprocess
import threading

from millrace import frames
from pyspark import steps
from pyspark.errors import java_error, needs_jvm

_SIZE = struct.Struct("<Q")
_CODECS = {"Gzip": (gzip.open, ".gz"), "BZip2": (bz2.open, ".bz2")}


def local_path(path):
    """The path of a file URL, or the path itself."""
    path = os.fspath(path)
    if path.startswith("file:"):
        path = path[len("file:"):]
        return "/" + path.lstrip("/")
    if "://" in path:
        raise NotImplementedError(f"only local files are read and written here: {path}")
    return path


def patterns_in(paths):
    """Several are parted by commas, those within braces aside."""
    return [local_path(one) for one in re.split(r",(?![^{}]*\})", paths)]


def matches_of(pattern):
    """What a path, or a pattern with Hadoop's braces, names."""
    if os.path.exists(pattern):
        return [pattern]
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return glob.glob(pattern)
    return [match for one in braces[1].split(",")
            for match in matches_of(pattern[:braces.start()] + one + pattern[braces.end():])]


def opened_by_name(path):
    """To be read; what is compressed, as its name says, unpacked."""
    for opened, ending in _CODECS.values():
        if path.endswith(ending):
            return opened(path, "rb")
    return open(path, "rb")


class SavingOperations:
    def saveAsTextFile(self, path, compressionCodecClass=None):
        opened, ending = open, ""
        if compressionCodecClass is not None:
            short = compressionCodecClass.rpartition(".")[2].removesuffix("Codec")
            if short not in _CODECS:
                raise NotImplementedError(f"this codec is not known: {compressionCodecClass}")
            opened, ending = _CODECS[short]
        self._save("saveAsTextFile", path, _WriteText, opened, ending)

    def _save_batch(self, path):
        """As text. A batch that was saved is not saved again; what is left of one that was not
        ended is written over."""
        if not os.path.exists(os.path.join(local_path(path), "_SUCCESS")):
            self._save("saveAsTextFile", path, _WriteText, open, "", overwrite=True)

    def saveAsPickleFile(self, path, batchSize=10):
        self._save("saveAsPickleFile", path, _WriteRows, open, "")

    def _save(self, action, path, writer, opened, ending, overwrite=False):
        path = local_path(path)
        if not path:
            raise java_error(action, "java.lang.IllegalArgumentException: Can not create a Path "
                             "from an empty string")
        try:
            os.makedirs(path, exist_ok=overwrite or not self.ctx._validate_output)
        except FileExistsError:
            raise java_error(
                action, "org.apache.hadoop.mapred.FileAlreadyExistsException: Output directory "
                f"file:{os.path.abspath(path)} already exists") from None
        self._then(action, writer(os.path.abspath(path), opened, ending))._run(action)
        with open(os.path.join(path, "_SUCCESS"), "wb"):
            pass
        _sync_directory(path)

    def pipe(self, command, env=None, checkCode=False):
        return self._then("pipe", _Pipe(command, env or {}, checkCode))

    def saveAsHadoopDataset(self, *arguments, **more):
        raise needs_jvm("RDD.saveAsHadoopDataset")

    def saveAsHadoopFile(self, *arguments, **more):
        raise needs_jvm("RDD.saveAsHadoopFile")

    def saveAsNewAPIHadoopDataset(self, *arguments, **more):
        raise needs_jvm("RDD.saveAsNewAPIHadoopDataset")

    def saveAsNewAPIHadoopFile(self, *arguments, **more):
        raise needs_jvm("RDD.saveAsNewAPIHadoopFile")

    def saveAsSequenceFile(self, *arguments, **more):
        raise needs_jvm("RDD.saveAsSequenceFile")


def _sync_directory(path):
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class _Write(steps.Step):
    """One file a partition, which appears when it is whole."""

    def __call__(self, split, rows):
        directory, opened, ending = self.arguments
        path = os.path.join(directory, f"part-{split:05d}{ending}")
        unfinished = os.path.join(directory, f"._part-{split:05d}.{os.getpid()}")
        try:
            with open(unfinished, "wb") as file:
                with opened(file, "wb") if opened is not open else contextlib.nullcontext(file) as to:
                    self.write(to, rows)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except BaseException:
            if os.path.exists(unfinished):
                os.unlink(unfinished)
            raise
        return iter(())


class _WriteText(_Write):
    def write(self, file, rows):
        for row in rows:
            if not isinstance(row, (str, bytes)):
                row = str(row)
            file.write(row.encode("utf-8") if isinstance(row, str) else row)
            file.write(b"\n")


class _WriteRows(_Write):
    def write(self, file, rows):
        for frame in frames.frames_of(rows):
            file.write(_SIZE.pack(len(frame)))
            file.write(frame)


def rows_in(path):
    """The rows that `saveAsPickleFile` wrote into one file."""
    with open(path, "rb") as file:
        while size := file.read(_SIZE.size):
            yield from frames.loads(file.read(*_SIZE.unpack(size)))


class _Pipe(steps.Step):
    def __call__(self, split, rows):
        command, env, check = self.arguments
        process = subprocess.Popen(shlex.split(command), env=env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)

        def feed():
            try:
                for row in rows:
                    process.stdin.write(str(row).rstrip("\n").encode("utf-8") + b"\n")
                process.stdin.close()
            except BrokenPipeError:
                pass  # it has read what it wants

        # Input is asked for by this thread alone: rows come over the worker's one connection.
        rows = list(rows)
        threading.Thread(target=feed, daemon=True).start()
        for line in process.stdout:
            yield line.rstrip(b"\n").decode("utf-8")
        process.wait()
        if check and process.returncode:
            raise Exception("Pipe function `%s' exited with error code %d"
                            % (command, process.returncode))
