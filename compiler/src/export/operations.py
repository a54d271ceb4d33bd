# What formulas are made of. Every function takes and gives floats and never raises: a broken signal becomes `nan`, which is seen, and
# nothing is papered over. The order of sums is that of the rows.
import math
from math import inf, nan


def least(x, y):
    return x if x != x or x < y else y


def greatest(x, y):
    return x if x != x or x > y else y


def divide(x, y):
    if y != 0.0:
        return x / y
    if x == 0.0 or x != x:
        return nan
    return math.copysign(inf, math.copysign(1.0, x) * math.copysign(1.0, y))


def power(x, y):
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0.0 and math.fmod(y, 2.0) != 0.0 else inf
    except ValueError:
        if x == 0.0:
            return math.copysign(inf, x) if math.fabs(math.fmod(y, 2.0)) == 1.0 else inf
        return nan


def exp(x):
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def log(x):
    if x > 0.0:
        return math.log(x)
    return -inf if x == 0.0 else nan


def sqrt(x):
    return math.sqrt(x) if x >= 0.0 else nan


def floor(x):
    return float(math.floor(x)) if math.isfinite(x) and x != 0.0 else x


def ramp(x, start, end):
    return least(greatest(divide(x - start, end - start), 0.0), 1.0)


def average(states, slot, at, value, keep, start, present, observe):
    known = states.setdefault(slot, {})
    if observe:
        known.setdefault(at, start)
        if present != 0.0:
            known[at] = keep * known[at] + (1.0 - keep) * value
    return known.get(at, start)


def added(values):
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def quantile(values, share):
    values = sorted(values, key=lambda value: (value, math.copysign(1.0, value)))
    place = share * float(len(values) - 1)
    below = floor(place)
    # A share outside of 0..1, or none at all, is the nearest end, as a cast of a float is.
    first = 0 if below != below or below < 0.0 else int(min(below, 1e15))
    low = values[first] if first < len(values) else nan
    high = values[first + 1] if first + 1 < len(values) else low
    return least(greatest(low + (high - low) * (place - below), low), high)


def aggregate(of, rows, values, keep, empty, share):
    passed = [value for at, value in enumerate(values) if keep is None or keep[at] != 0.0]
    if of == "count":
        return [float(len([value for value in passed if value != 0.0]))] * rows
    if not passed:
        return [nan] * rows if empty is None else list(empty)
    return [of_values(of, passed, share[0] if share else 0.0)] * rows


def of_values(of, values, share):
    if any(value != value for value in values):
        return nan
    low = high = values[0]
    for value in values[1:]:
        low, high = least(low, value), greatest(high, value)
    if of == "min":
        return low
    if of == "max":
        return high
    if of in ("mean", "std"):
        # The sum of equal numbers divided by their count may miss them by a rounding; a mean never leaves its members.
        mean = least(greatest(added(values) / float(len(values)), low), high)
        if of == "mean":
            return mean
        return sqrt(added([(value - mean) * (value - mean) for value in values]) / float(len(values)))
    if of == "quantile":
        return quantile(values, share)
    middle = quantile(values, 0.5)
    return middle if of == "median" else quantile([math.fabs(value - middle) for value in values], 0.5)
