"""Lists of numbers as JSON writes them, read byte by byte by compiled code.

The text ends with a newline, which is no part of a number, so no loop runs beyond it. Places are unsigned (`kernels.dictionary`).
"""

from __future__ import annotations

import numpy as np

from personalize_connectors.engine.kernels.compiled import inner

Bytes = np.ndarray
Place = np.uint64

# The place behind what is not as it must be.
NOWHERE = np.uint64((1 << 64) - 1)
_COMMA, _CLOSED_LIST = ord(","), ord("]")
_MINUS, _PLUS, _POINT, _E, _LARGE_E = (ord(each) for each in "-+.eE")
_ZERO, _ONE, _NINE, _TEN, _DIGIT = (np.uint64(each) for each in (0, 1, 9, 10, ord("0")))
# A whole number below this one, and powers of ten up to this one, are exact as floats; so is one division or product of them.
_INEXACT, _LARGEST_POWER = np.uint64(1 << 53), 22
_POWERS = 10.0 ** np.arange(_LARGEST_POWER + 1)


@inner
def read_numbers(text: Bytes, place: Place, numbers: np.ndarray, count: np.int64) -> tuple[Place, np.int64]:
    """The place behind a list, which may be empty, and how many numbers there are then."""
    if place != NOWHERE and text[place] == _CLOSED_LIST:
        return place + _ONE, count
    nth = np.uint64(count)
    while place != NOWHERE:
        place, numbers[nth] = _number(text, place)
        if place == NOWHERE:
            break
        nth += _ONE
        place += _ONE
        if text[place - _ONE] == _CLOSED_LIST:
            return place, np.int64(nth)
        if text[place - _ONE] != _COMMA:
            break
    return NOWHERE, count


@inner
def _number(text: Bytes, place: Place) -> tuple[Place, float]:
    """A JSON number (RFC 8259, 6) that takes no more than one exact operation to read, and the place behind it."""
    negative = text[place] == _MINUS
    whole = place + _ONE if negative else place
    value, place = _digits(text, whole, _ZERO)
    if place == whole or (text[whole] == _DIGIT and place > whole + _ONE):
        return NOWHERE, 0.0
    power = np.int64(0)
    if text[place] == _POINT:
        fraction = place + _ONE
        value, place = _digits(text, fraction, value)
        power = -np.int64(place - fraction)
        if not power:
            return NOWHERE, 0.0
    if value >= _INEXACT:
        return NOWHERE, 0.0
    if text[place] == _E or text[place] == _LARGE_E:
        place, exponent = _exponent(text, place + _ONE)
        power += exponent
    if place == NOWHERE or abs(power) > _LARGEST_POWER:
        return NOWHERE, 0.0
    if negative and not value:  # a zero that others read without its sign
        return NOWHERE, 0.0
    exact = np.float64(np.int64(value))
    found = exact / _POWERS[-power] if power < 0 else exact * _POWERS[power]
    return place, -found if negative else found


@inner
def _exponent(text: Bytes, place: Place) -> tuple[Place, np.int64]:
    """The place behind an exponent, and what it says; NOWHERE if it is none, or too large to be of use."""
    negative = text[place] == _MINUS
    begun = place + _ONE if negative or text[place] == _PLUS else place
    size, end = _digits(text, begun, _ZERO)
    if end == begun or size > _LARGEST_POWER:
        return NOWHERE, np.int64(0)
    return end, -np.int64(size) if negative else np.int64(size)


@inner
def _digits(text: Bytes, place: Place, value: np.uint64) -> tuple[np.uint64, Place]:
    """A number with further digits behind it, and the place behind them; from `_INEXACT` on it only tells that it is as large."""
    digit = np.uint64(text[place]) - _DIGIT
    while digit <= _NINE:
        if value < _INEXACT:
            value = _TEN * value + digit
        place += _ONE
        digit = np.uint64(text[place]) - _DIGIT
    return value, place
