"""What RDDs of numbers can, and what is counted approximately."""

import math
from bisect import bisect_right

from millrace import frames
from pyspark import steps
from pyspark.statcounter import StatCounter


class BoundedFloat(float):
    """An estimate with its bounds."""

    def __new__(cls, mean, confidence, low, high):
        one = float.__new__(cls, mean)
        one.confidence = confidence
        one.low = low
        one.high = high
        return one


class NumberOperations:
    def sum(self):
        return self.mapPartitions(_sum).fold(0, _add)

    def stats(self):
        return self.mapPartitions(_stats).reduce(StatCounter.mergeStats)

    def mean(self):
        return self.stats().mean()

    def variance(self):
        return self.stats().variance()

    def stdev(self):
        return self.stats().stdev()

    def sampleStdev(self):
        return self.stats().sampleStdev()

    def sampleVariance(self):
        return self.stats().sampleVariance()

    def histogram(self, buckets):
        if isinstance(buckets, int):
            if buckets < 1:
                raise ValueError("number of buckets must be >= 1")
            buckets = self._even_buckets(buckets)
            if isinstance(buckets, tuple):  # one value only
                return list(buckets[0]), [buckets[1]]
        elif isinstance(buckets, (list, tuple)):
            _check_buckets(buckets)
        else:
            raise TypeError("buckets should be a list or tuple or number(int or long)")
        count = _Histogram(list(buckets))
        return buckets, self.mapPartitions(count).reduce(_add_lists)

    def _even_buckets(self, n):
        """Bounds of n buckets, or (bounds, count) where one value fills one bucket."""
        known = self.filter(_is_number)
        low, high = known.map(_twice).reduce(_widen)
        if low == high or n == 1:
            return (low, high), known.count()
        try:
            step = (high - low) / n
        except TypeError:
            raise TypeError("Can not generate buckets with non-number in RDD")
        if math.isinf(step):
            raise ValueError("Can not generate buckets with infinite value")
        if step == int(step) and isinstance(low, int):
            step = int(step)
        return [low + i * step for i in range(n)] + [high]

    # ---- approximate: exact here, since nothing is gained by stopping early

    def countApprox(self, timeout, confidence=0.95):
        return int(self.count())

    def sumApprox(self, timeout, confidence=0.95):
        total = float(self.sum())
        return BoundedFloat(total, confidence, total, total)

    def meanApprox(self, timeout, confidence=0.95):
        mean = float(self.mean())
        return BoundedFloat(mean, confidence, mean, mean)

    def countApproxDistinct(self, relativeSD=0.05):
        if relativeSD < 0.000017:
            raise ValueError("relativeSD should be greater than 0.000017")
        # Four times the registers that would do: an answer is then rarely off by as much.
        bits = max(4, int(math.ceil(2 * math.log(1.054 / relativeSD, 2))) + 2)
        registers = self.mapPartitions(_Registers(bits)).reduce(_greater)
        return _estimate(registers)


def _sum(rows):
    yield sum(rows)


def _add(a, b):
    return a + b


def _stats(rows):
    yield StatCounter(rows)


def _is_number(x):
    return x is not None and not (type(x) is float and math.isnan(x))


def _twice(x):
    return x, x


def _widen(a, b):
    return min(a[0], b[0]), max(a[1], b[1])


def _add_lists(a, b):
    return [x + y for x, y in zip(a, b)]


def _check_buckets(buckets):
    if len(buckets) < 2:
        raise ValueError("buckets should have more than one value")
    if any(not _is_number(bound) for bound in buckets):
        raise ValueError("can not have None or NaN in buckets")
    if sorted(buckets) != list(buckets):
        raise ValueError("buckets should be sorted")
    if len(set(buckets)) != len(buckets):
        raise ValueError("buckets should not contain duplicated values")


class _Histogram(steps.Step):
    def __call__(self, rows):
        (bounds,) = self.arguments
        counts = [0] * (len(bounds) - 1)
        for x in rows:
            if not _is_number(x) or x < bounds[0] or x > bounds[-1]:
                continue
            # The last bucket has its upper bound too.
            counts[min(bisect_right(bounds, x) - 1, len(counts) - 1)] += 1
        yield counts


class _Registers(steps.Step):
    """HyperLogLog: for each of 2^bits groups of hashes the longest run of zeros."""

    def __call__(self, rows):
        import hashlib  # it loads libcrypto, megabytes that most programs do without
        (bits,) = self.arguments
        registers = bytearray(1 << bits)
        for x in rows:
            digest = hashlib.blake2b(frames.dumps(x), digest_size=8).digest()
            h = int.from_bytes(digest, "little")
            rest = h >> bits
            zeros = 64 - bits - rest.bit_length() + 1
            at = h & ((1 << bits) - 1)
            if zeros > registers[at]:
                registers[at] = zeros
        yield bytes(registers)


def _greater(a, b):
    return bytes(map(max, a, b))


def _estimate(registers):
    m = len(registers)
    alpha = {16: 0.673, 32: 0.697, 64: 0.709}.get(m, 0.7213 / (1 + 1.079 / m))
    raw = alpha * m * m / sum(2.0 ** -r for r in registers)
    empty = registers.count(0)
    if raw <= 2.5 * m and empty:
        return int(round(m * math.log(m / empty)))
    return int(round(raw))
