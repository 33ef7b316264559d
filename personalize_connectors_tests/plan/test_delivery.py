"""How long the rate limit alone makes a delivery."""

import pytest

from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.plan.delivery import rate_time
from personalize_connectors.plan.result import RateTime

BURST, MINUTE = RateWindow(requests=3_000, seconds=3), RateWindow(requests=50_000, seconds=60)


@pytest.mark.parametrize(
    ("requests", "windows", "time"),
    [
        (1_000, (), None),
        (0, (BURST,), RateTime(0, 3_000, 3, 0)),
        (1, (BURST,), RateTime(1, 3_000, 3, 3)),
        (3_000, (BURST,), RateTime(1, 3_000, 3, 3)),
        (3_001, (BURST,), RateTime(2, 3_000, 3, 6)),
        (9_000, (BURST, MINUTE), RateTime(1, 50_000, 60, 60)),
        (100_001, (MINUTE, BURST), RateTime(3, 50_000, 60, 180)),
    ],
)
def test_whole_windows_are_what_a_delivery_takes(requests, windows, time):
    """The time is that of the windows which the requests fill; of several that hold at once, of those that take longest."""
    assert rate_time(requests, windows) == time
