"""What travels to a worker: the steps of a task."""

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
        return Task, (self.source, self.steps, self.inputs, self.gives_frames, self.paths,
                      self.properties)
