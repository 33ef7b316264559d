from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.connectors.exchange import Quota
from personalize_connectors.connectors.rate_headers import read_quota, read_retry_after

NOW = 1_800_000_010.25


def date(seconds):
    """An HTTP date."""
    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "quota"),
    [
        ("50000", "49999", "1800000060", Quota(50_000, 49_999, 49.75)),
        ("250000", "17", "3590", Quota(250_000, 17, 3590.0)),
        ("250000", "0", "0", Quota(250_000, 0, 0.0)),
        ("50000", "0", "1800000000", Quota(50_000, 0, 0.0)),
        (" 50000 ", "1e3", "29.5", Quota(50_000, 1000, 29.5)),
        ("50000", None, None, Quota(limit=50_000)),
        (None, "3", None, Quota(remaining=3)),
        (None, None, "30", Quota(reset_in=30.0)),
        (None, None, None, None),
        ("0", "-1", "-5", None),
        ("nan", "inf", "-inf", None),
        ("", "many", "soon", None),
        ("9" * 5000, "1e300", "1800000060000", None),
        ("50000", "7", "86401", Quota(50_000, 7)),
    ],
)
def test_reads_the_quota_of_either_dialect(limit, remaining, reset, quota):
    """A reset above 1e9 is a moment, else seconds; one that is past is 0; what cannot be counts as not given."""
    given = {"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    assert read_quota({name: text for name, text in given.items() if text is not None}, NOW) == quota


@pytest.mark.parametrize(
    ("served", "reset_in"),
    [
        (date(NOW), 49.75),
        (date(NOW + 1), 49.75),
        (date(NOW - 1), 49.75),
        (date(NOW + 30), 20.0),
        (date(NOW - 40), 90.0),
        ("yesterday", 49.75),
        ("Fri, 32 Jan 2027 08:00:10 GMT", 49.75),
        ("", 49.75),
    ],
)
def test_takes_the_destination_s_clock_where_ours_is_wrong(served, reset_in):
    """A moment counts from our clock, and from the answer's date where that differs by more than rounding."""
    headers = {"x-ratelimit-reset": "1800000060", "date": served}
    assert read_quota(headers, NOW) == Quota(reset_in=reset_in)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-retry-after": "3"}, 3.0),
        ({"retry-after": "120"}, 120.0),
        ({"x-ratelimit-retry-after": "3", "retry-after": "120"}, 3.0),
        ({"x-ratelimit-retry-after": "soon", "retry-after": "120"}, 120.0),
        ({"x-ratelimit-retry-after": "0"}, 0.0),
        ({"x-ratelimit-retry-after": "-3"}, None),
        ({"x-ratelimit-retry-after": "nan"}, None),
        ({"retry-after": "86401"}, None),
        ({"retry-after": date(NOW + 7), "date": date(NOW)}, 7.0),
        ({"retry-after": date(NOW - 7), "date": date(NOW)}, 0.0),
        ({"retry-after": "Friday, 15-Jan-27 08:00:17 GMT", "date": date(NOW)}, 7.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:17 -0000", "date": date(NOW)}, 7.0),
        ({"retry-after": date(NOW + 7)}, None),
        ({"retry-after": date(NOW + 100_000), "date": date(NOW)}, None),
    ],
)
def test_reads_how_long_to_wait(headers, seconds):
    """Braze's own header counts before the standard one, which holds seconds or a moment by the answer's date."""
    assert read_retry_after(headers) == seconds


NAMES = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-retry-after",
    "retry-after",
    "date",
]
TEXTS = (
    st.text(st.characters(max_codepoint=255))
    | st.floats().map(str)
    | st.integers().map(str)
    | st.datetimes().map("{:%a, %d %b %Y %H:%M:%S}".format)
)


@given(st.dictionaries(st.sampled_from(NAMES), TEXTS))
def test_bears_any_headers(headers):
    """No text raises, and what is read can be waited for."""
    quota, retry_after = read_quota(headers, NOW), read_retry_after(headers)
    waits = [retry_after, quota.reset_in if quota else None]
    assert all(0 <= wait <= 86_400 for wait in waits if wait is not None)
