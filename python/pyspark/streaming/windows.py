"""Windows: the batches of the last seconds together."""

from pyspark.rdd import RDD
from pyspark.streaming.dstream import DStream
from pyspark.streaming.state import KeptStream, Moved


class WindowedDStream(DStream):
    """All RDDs of the parent within the window, together. The engine keeps them, and brings them
    back in a program that was started again."""

    def __init__(self, parent, window, slide):
        self._window = int(window * 1000)
        self._feed = parent._in_engine()
        slide = parent._slide if slide is None else int(slide * 1000)
        ssc = parent._ssc
        self._native = ssc._sc._call(ssc._native.window, self._feed, ssc._name_of("window"),
                                     self._window, slide)
        super().__init__(ssc, self._union, [parent], slide)

    def _engine_streams(self):
        return [self._native]

    def _named(self, name):
        super()._named(name)
        self._native.named(name)

    def _rdds_within(self, time):
        (parent,) = self._parents
        begin = max(time - self._window, self._ssc._zero) + parent._slide
        found = []
        for t in range(begin, time + 1, parent._slide):
            known = parent._rdds.get(t)
            if known is None:  # of before the program was started, too
                dataset = self._feed.dataset(t)
                if dataset is None:
                    continue
                known = RDD._of_dataset(self._sc, "window", dataset)
            found.append(known)
        return found

    def _union(self, time):
        rdds = self._rdds_within(time)
        return self._sc.union(rdds) if rdds else self._sc.emptyRDD()

    def _parents_remember(self):
        return self._window

    def persist(self, storageLevel):
        self._parents[0].persist(storageLevel)
        return self


class ReducedWindowDStream(WindowedDStream):
    """A short window by key: reduced anew each time. As in Spark, there is no RDD without any of
    the parent's, and a directory is wanted though nothing needs it."""

    _wants_directory = True

    def __init__(self, parent, func, keep, window, slide, partitions):
        super().__init__(parent, window, slide)
        self._func = func
        self._keep = keep
        self._partitions = partitions

    def _union(self, time):
        rdds = self._rdds_within(time)
        if not rdds:
            return None
        reduced = self._sc.union(rdds).reduceByKey(self._func, self._partitions)
        return reduced if self._keep is None else reduced.filter(self._keep)


class MovedWindowDStream(KeptStream):
    """A long window by key, moved by what leaves and what enters it."""

    def __init__(self, parent, func, inverse, keep, window, slide, partitions):
        native, window_ms, slide_ms = parent._ssc._native, int(window * 1000), int(slide * 1000)
        super().__init__(parent, "reduceByKeyAndWindow", partitions, Moved(func, inverse, keep),
                         lambda *facts: native.moved(*facts, window_ms, slide_ms), slide_ms)
