"""What workers do with the rows of a partition. Each step is called with the number of the
partition and an iterator of rows, and gives rows. Classes of a module, not nested functions: they
are pickled by name.

Generators, not `map` and `filter`: where the program's function raises StopIteration, a generator
makes an error of it, and the others would end without a word."""

import sys
from heapq import nlargest, nsmallest
from itertools import chain

from millrace import frames
from pyspark import recognised
from pyspark.partitioning import portable_hash


class Step:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return type(self), self.arguments


class Map(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        return (f(x) for x in rows)


class FlatMap(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        return (y for x in rows for y in f(x))


class Filter(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        return (x for x in rows if f(x))


class MapPartitions(Step):
    def __call__(self, split, rows):
        return iter(self.arguments[0](rows))


class MapPartitionsWithIndex(Step):
    def __call__(self, split, rows):
        return iter(self.arguments[0](split, rows))


class MapValues(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        return ((k, f(v)) for k, v in rows)


class FlatMapValues(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        return ((k, x) for k, v in rows for x in f(v))


class Glom(Step):
    def __call__(self, split, rows):
        yield list(rows)


class KeyBy(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        return ((f(x), x) for x in rows)


class ZipWithIndex(Step):
    """Numbers from where the partition starts; or, of n partitions, k, k + n, k + 2n …"""

    def __call__(self, split, rows):
        starts, stride = self.arguments
        start = split if starts is None else starts[split]
        return ((x, start + i * stride) for i, x in enumerate(rows))


# ---- actions: one row a partition, or none


class Reduce(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        rows = iter(rows)
        for result in rows:
            for x in rows:
                result = f(result, x)
            yield result


class Fold(Step):
    def __call__(self, split, rows):
        result, f = self.arguments
        for x in rows:
            result = f(result, x)
        yield result


class ForEach(Step):
    def __call__(self, split, rows):
        (f,) = self.arguments
        for x in rows:
            f(x)
        return iter(())


class ForEachPartition(Step):
    def __call__(self, split, rows):
        result = self.arguments[0](rows)
        try:
            iter(result)  # a generator does its work when it is read
        except TypeError:
            return iter(())
        for _ in result:
            pass
        return iter(())


class Count(Step):
    def __call__(self, split, rows):
        yield sum(1 for _ in rows)


class CountValues(Step):
    def __call__(self, split, rows):
        counts = {}
        for x in rows:
            counts[x] = counts.get(x, 0) + 1
        yield counts


class Largest(Step):
    def __call__(self, split, rows):
        n, key = self.arguments
        yield nlargest(n, rows, key=key)


class Smallest(Step):
    def __call__(self, split, rows):
        n, key = self.arguments
        yield nsmallest(n, rows, key=key)


class Take(Step):
    """The first n rows."""

    def __call__(self, split, rows):
        (n,) = self.arguments
        if n > 0:
            for x in rows:
                yield x
                n -= 1
                if n == 0:
                    return


# ---- shuffles: (partition, 0, frame of rows) that leave the worker

_ROWS_AT_ONCE = 1 << 16
_BYTES_AT_ONCE = 8 << 20
_KEYS_AT_ONCE = 1 << 19


def _dealt(rows, partitions, partition_of):
    """Rows in frames by partition, a bounded number at a time."""
    buckets = {}
    held, most = 0, 1024
    for row in rows:
        p = partition_of(row)
        if p in buckets:
            buckets[p].append(row)
        else:
            buckets[p] = [row]
        held += 1
        if held == most:
            yield from _frames_of(buckets.items())
            most = max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // len(frames.dumps(row))))
            buckets = {}
            held = 0
    yield from _frames_of(buckets.items())


def _frames_of(buckets):
    return ((p, 0, frames.dumps(bucket)) for p, bucket in buckets if bucket)


class DealByKey(Step):
    """Pairs to the partition of their key."""

    def __call__(self, split, rows):
        partitions, f = self.arguments
        if f is portable_hash:
            return _dealt(rows, partitions, lambda row: portable_hash(row[0]) % partitions)
        return _dealt(rows, partitions, lambda row: f(row[0]) % partitions)


class DealInTurn(Step):
    def __call__(self, split, rows):
        (partitions,) = self.arguments
        at = split * 7919  # each partition begins elsewhere, or small ones all fill the first few

        def next_one(row):
            nonlocal at
            at += 1
            return at % partitions

        return _dealt(rows, partitions, next_one)


def _dealt_pairs(combined, partitions, f):
    buckets = [[] for _ in range(partitions)]
    for pair in combined.items():
        buckets[f(pair[0]) % partitions].append(pair)
    return _frames_of(enumerate(buckets))


class Combining(Step):
    """Pairs combined by key in a dictionary. `create` None: the first value is as it comes."""

    def written(self, body, indent):
        """The source of a loop that ends with x, a pair, in `body`; and the names it needs."""
        create, merge = self.arguments[:2]
        adds = recognised.is_sum(merge)
        lines = ["k, x = x",
                 "if k in found:",
                 "    found[k] = " + ("found[k] + x" if adds else "merge(found[k], x)"),
                 "else:",
                 "    found[k] = " + ("x" if create is None else "create(x)")]
        names = {} if adds else {"merge": merge}
        if create is not None:
            names["create"] = create
        begin, extra, end, needed = self.framed()
        text = ["def run(partition, rows):", *begin, "    for x in rows:", body]
        text += [indent + line for line in lines]
        text += [indent + "    " + line for line in extra] + end  # of a key that is new
        return "\n".join(text) + "\n", {**names, **needed}

    def __call__(self, split, rows):
        from pyspark.fusing import fused
        return fused((), self)(split, rows)


class CombineAndDeal(Combining):
    """Map-side: pairs combined by key, then to the partition of their key. With too many keys to
    hold, what there is goes out and the reducer combines it further."""

    def framed(self):
        _, _, partitions, f = self.arguments
        return (["    found, left = {}, most"],
                ["left -= 1",
                 "if left == 0:",
                 "    yield from deal(found, partitions, f)",
                 "    found, left = {}, most"],
                ["    yield from deal(found, partitions, f)"],
                {"deal": _dealt_pairs, "partitions": partitions, "f": f, "most": _KEYS_AT_ONCE})


class Combine(Combining):
    """Pairs combined by key within the partition; `create` None: values are combined already."""

    def framed(self):
        return ["    found = {}"], [], ["    yield from found.items()"], {}


class Group(Step):
    """(key, values) of the pairs of a partition."""

    def __call__(self, split, rows):
        (wrap,) = self.arguments
        groups = {}
        for k, v in rows:
            if k in groups:
                groups[k].append(v)
            else:
                groups[k] = [v]
        if wrap is None:
            return iter(groups.items())
        return ((k, wrap(vs)) for k, vs in groups.items())


class GroupSides(Step):
    """Pairs (key, (side, value)) into (key, one list of values a side)."""

    def __call__(self, split, rows):
        sides, then = self.arguments
        groups = {}
        for k, (side, v) in rows:
            if k not in groups:
                groups[k] = tuple([] for _ in range(sides))
            groups[k][side].append(v)
        if then is None:
            return iter(groups.items())
        return chain.from_iterable(then(k, vs) for k, vs in groups.items())


class Tag(Step):
    def __call__(self, split, rows):
        (side,) = self.arguments
        return ((k, (side, v)) for k, v in rows)


class Sort(Step):
    def __call__(self, split, rows):
        key, ascending = self.arguments
        return iter(sorted(rows, key=key, reverse=not ascending))


class SortByKey(Step):
    def __call__(self, split, rows):
        keyfunc, ascending = self.arguments
        return iter(sorted(rows, key=lambda row: keyfunc(row[0]), reverse=not ascending))


# ---- sources: rows from several inputs


class Zip(Step):
    def __call__(self, split, inputs):
        left, right = map(iter, inputs)
        end = object()
        while True:
            a, b = next(left, end), next(right, end)
            if a is end and b is end:
                return
            if a is end or b is end:
                raise ValueError(
                    "Can only zip RDDs with same number of elements in each partition")
            yield a, b


class Cartesian(Step):
    def __call__(self, split, inputs):
        right = list(inputs[1])
        return ((x, y) for x in inputs[0] for y in right)


def identity(x):
    return x


def first_of(pair):
    return pair[0]


def second_of(pair):
    return pair[1]


def largest_int():
    return sys.maxsize
