"""Count, mean, variance, least and greatest of numbers, in one pass."""

from math import sqrt

# Values may be numpy's arrays: then all is done place by place.


def _larger(a, b):
    if hasattr(b, "__array__"):
        import numpy
        return numpy.maximum(a, b)
    return max(a, b)


def _smaller(a, b):
    if hasattr(b, "__array__"):
        import numpy
        return numpy.minimum(a, b)
    return min(a, b)


def _root(x):
    return x ** 0.5 if hasattr(x, "__array__") else sqrt(x)


class StatCounter:
    def __init__(self, values=None):
        self.n = 0
        self.mu = 0.0  # the mean so far
        self.m2 = 0.0  # the sum of squared distances from it
        self.maxValue = float("-inf")
        self.minValue = float("inf")
        for value in values if values is not None else ():
            self.merge(value)

    def merge(self, value):
        delta = value - self.mu
        self.n += 1
        self.mu += delta / self.n
        self.m2 += delta * (value - self.mu)
        self.maxValue = _larger(self.maxValue, value)
        self.minValue = _smaller(self.minValue, value)
        return self

    def mergeStats(self, other):
        if not isinstance(other, StatCounter):
            raise Exception("Can only merge StatCounter but got %s" % type(other))
        if other is self:
            return self.mergeStats(other.copy())
        if other.n == 0:
            return self
        if self.n == 0:
            self.__dict__.update(other.__dict__)
            return self
        delta = other.mu - self.mu
        total = self.n + other.n
        if other.n * 10 < self.n:
            self.mu += delta * other.n / total
        elif self.n * 10 < other.n:
            self.mu = other.mu - delta * self.n / total
        else:
            self.mu = (self.mu * self.n + other.mu * other.n) / total
        self.m2 += other.m2 + delta * delta * self.n * other.n / total
        self.n = total
        self.maxValue = _larger(self.maxValue, other.maxValue)
        self.minValue = _smaller(self.minValue, other.minValue)
        return self

    def copy(self):
        one = StatCounter()
        one.__dict__.update(self.__dict__)
        return one

    def count(self):
        return int(self.n)

    def mean(self):
        return self.mu

    def sum(self):
        return self.n * self.mu

    def min(self):
        return self.minValue

    def max(self):
        return self.maxValue

    def variance(self):
        return self.m2 / self.n if self.n else float("nan")

    def sampleVariance(self):
        return self.m2 / (self.n - 1) if self.n > 1 else float("nan")

    def stdev(self):
        return _root(self.variance())

    def sampleStdev(self):
        return _root(self.sampleVariance())

    def asDict(self, sample=False):
        # Which of the two `sample` chooses is the wrong way round in Spark too; programs know it so.
        return {
            "count": self.count(), "mean": self.mean(), "sum": self.sum(), "min": self.min(),
            "max": self.max(),
            "stdev": self.stdev() if sample else self.sampleStdev(),
            "variance": self.variance() if sample else self.sampleVariance(),
        }

    def __repr__(self):
        return "(count: %s, mean: %s, stdev: %s, max: %s, min: %s)" % (
            self.count(), self.mean(), self.stdev(), self.max(), self.min())
