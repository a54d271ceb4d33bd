"""As much of numpy as exported formulas need, for machines without numpy. Columns are lists of floats."""

import math

nan = math.nan


class Column:
    def __init__(self, values):
        self.values = [float(v) for v in values]

    def _with(self, other, f):
        if isinstance(other, Column):
            return Column(f(a, b) for a, b in zip(self.values, other.values, strict=True))
        return Column(f(a, float(other)) for a in self.values)

    def __getitem__(self, keep):
        return Column(a for a, k in zip(self.values, keep.values, strict=True) if k)

    def any(self):
        return any(self.values)

    def __neg__(self):
        return Column(-a for a in self.values)

    def __add__(self, other):
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other):
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other):
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other):
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other):
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other):
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other):
        return self._with(other, _divide)

    def __rtruediv__(self, other):
        return self._with(other, lambda a, b: _divide(b, a))

    def __pow__(self, other):
        return self._with(other, lambda a, b: a**b)

    def __rpow__(self, other):
        return self._with(other, lambda a, b: b**a)

    def __lt__(self, other):
        return self._with(other, lambda a, b: a < b)

    def __le__(self, other):
        return self._with(other, lambda a, b: a <= b)

    def __gt__(self, other):
        return self._with(other, lambda a, b: a > b)

    def __ge__(self, other):
        return self._with(other, lambda a, b: a >= b)

    def __eq__(self, other):
        return self._with(other, lambda a, b: a == b)

    def __ne__(self, other):
        return self._with(other, lambda a, b: a != b)


def _divide(a, b):
    return a / b if b else math.nan


def _each(f, *columns):
    length = next((len(c.values) for c in columns if isinstance(c, Column)), None)
    if length is None:
        return f(*columns)
    rows = [c.values if isinstance(c, Column) else [float(c)] * length for c in columns]
    return Column(f(*row) for row in zip(*rows, strict=True))


def where(c, a, b):
    return _each(lambda c, a, b: a if c else b, c, a, b)


def clip(x, low, high):
    return _each(lambda x, low, high: min(max(x, low), high), x, low, high)


def minimum(a, b):
    return _each(min, a, b)


def maximum(a, b):
    return _each(max, a, b)


def logical_and(a, b):
    return _each(lambda a, b: bool(a) and bool(b), a, b)


def logical_or(a, b):
    return _each(lambda a, b: bool(a) or bool(b), a, b)


def logical_not(a):
    return _each(lambda a: not a, a)


def abs(x):
    return _each(math.fabs, x)


def exp(x):
    return _each(math.exp, x)


def log(x):
    return _each(math.log, x)


def sqrt(x):
    return _each(math.sqrt, x)


def floor(x):
    return _each(math.floor, x)


def array(values):
    return Column(values)


def asarray(x, _type=None):
    return x if isinstance(x, Column) else Column([x])


def broadcast_arrays(a, b):
    length = max(len(a.values), len(b.values))
    return tuple(Column(c.values * (length if len(c.values) == 1 else 1)) for c in (a, b))


def count_nonzero(x):
    return sum(1 for a in x.values if a)



def mean(x):
    return math.fsum(x.values) / len(x.values)


def median(x):
    return quantile(x, 0.5)


def std(x):
    middle = mean(x)
    return math.sqrt(math.fsum((a - middle) ** 2 for a in x.values) / len(x.values))


def quantile(x, at):
    ordered = sorted(x.values)
    place = float(at.values[0] if isinstance(at, Column) else at) * (len(ordered) - 1)
    low = math.floor(place)
    high = low + 1 if low + 1 < len(ordered) else low
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


_least, _most = min, max


class Numpy:
    """The functions under the names that formulas use: `min` and `max` reduce there."""

    array, asarray, broadcast_arrays = staticmethod(array), staticmethod(asarray), staticmethod(broadcast_arrays)
    where, clip, minimum, maximum = staticmethod(where), staticmethod(clip), staticmethod(minimum), staticmethod(maximum)
    logical_and, logical_or, logical_not = staticmethod(logical_and), staticmethod(logical_or), staticmethod(logical_not)
    abs, exp, log, sqrt, floor = staticmethod(abs), staticmethod(exp), staticmethod(log), staticmethod(sqrt), staticmethod(floor)
    count_nonzero, mean, median = staticmethod(count_nonzero), staticmethod(mean), staticmethod(median)
    std, quantile, nan = staticmethod(std), staticmethod(quantile), math.nan
    min = staticmethod(lambda x: _least(x.values))
    max = staticmethod(lambda x: _most(x.values))
    sum = staticmethod(lambda x: math.fsum(x.values))
