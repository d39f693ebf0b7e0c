"""Where the time of Python functions goes: profiles of tasks, added up by RDD.
`spark.python.profile=true` turns them on."""

import cProfile
import os
import pstats
import sys

from pyspark.accumulators import AccumulatorParam
from pyspark.steps import Step


class ProfilerCollector:
    """The profiles of a context's RDDs."""

    def __init__(self, profiler_cls, dump_path=None):
        self.profiler_cls = profiler_cls
        self.profile_dump_path = dump_path
        self.profilers = []  # [id, profiler, whether it was shown]

    def new_profiler(self, ctx):
        return self.profiler_cls(ctx)

    def add_profiler(self, id, profiler):
        self.profilers.append([id, profiler, False])

    def dump_profiles(self, path):
        for id, profiler, _ in self.profilers:
            profiler.dump(id, path)
        self.profilers = []

    def show_profiles(self):
        for entry in self.profilers:
            if not entry[2]:
                entry[1].show(entry[0])
                entry[2] = True


class Profiler:
    """Derive from it and override `profile`, `stats` and, to show it otherwise, `show` and
    `dump`."""

    def __init__(self, ctx):
        pass

    def profile(self, func, *args, **kwargs):
        raise NotImplementedError

    def stats(self):
        raise NotImplementedError

    def show(self, id):
        stats = self.stats()
        if stats:
            print("=" * 60)
            print("Profile of RDD<id=%d>" % id)
            print("=" * 60)
            stats.sort_stats("time", "cumulative").print_stats()

    def dump(self, id, path):
        os.makedirs(path, exist_ok=True)
        stats = self.stats()
        if stats:
            stats.dump_stats(os.path.join(path, "rdd_%d.pstats" % id))


class PStatsParam(AccumulatorParam):
    @staticmethod
    def zero(value):
        return None

    @staticmethod
    def addInPlace(value1, value2):
        if value1 is None:
            return value2
        value1.add(value2)
        return value1


class BasicProfiler(Profiler):
    """By cProfile; tasks add their profiles to an accumulator."""

    def __init__(self, ctx):
        super().__init__(ctx)
        self._accumulator = ctx.accumulator(None, PStatsParam)

    def profile(self, func, *args, **kwargs):
        profile = cProfile.Profile()
        result = profile.runcall(func, *args, **kwargs)
        stats = pstats.Stats(profile)
        stats.stream = None  # it does not travel
        stats.strip_dirs()
        self._accumulator.add(stats)
        return result

    def stats(self):
        stats = self._accumulator.value
        if stats is not None:
            stats.stream = sys.stdout
        return stats


class Profiled(Step):
    """Steps that run under a profiler, all rows at once: their time is then theirs."""

    def __call__(self, split, rows):
        profiler, steps = self.arguments

        def run():
            made = rows
            for step in steps:
                made = step(split, made)
            return list(made)

        return iter(profiler.profile(run))
