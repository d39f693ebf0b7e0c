"""What travels to a worker: the steps of a task."""

import sys

from pyspark.fusing import runnable


class Task:
    """`source(split, inputs)` makes rows of the inputs (None: the first input's rows); each of
    `steps` is called with the split and the rows and gives rows."""

    __slots__ = ("source", "steps", "inputs", "gives_frames", "paths", "properties")

    def __init__(self, source, steps, inputs, gives_frames, paths, properties):
        self.source = source
        self.steps = steps
        self.inputs = inputs  # for each whether lines of text are str; None: frames, as they are
        self.gives_frames = gives_frames  # the last step gives (hash, other, frame)
        self.paths = paths
        self.properties = properties  # what TaskContext.getLocalProperty gives

    def run(self, split, inputs):
        rows = inputs[0] if self.source is None else self.source(split, inputs)
        for step in runnable(self.steps):
            rows = step(split, rows)
        return rows

    def __reduce__(self):
        return _told, (_Paths(self.paths), self.source, self.steps, self.inputs, self.gives_frames,
                       self.properties)


class _Paths:
    """Known in a worker before the functions are read, whose modules may lie there."""

    def __init__(self, paths):
        self.paths = paths

    def __reduce__(self):
        return _found, (self.paths,)


def _found(paths):
    for path in paths:
        if path not in sys.path:
            sys.path.insert(1, path)
    return paths


def _told(paths, source, steps, inputs, gives_frames, properties):
    return Task(source, steps, inputs, gives_frames, paths, properties)
