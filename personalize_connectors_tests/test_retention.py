"""How long what runs leave is kept."""

from datetime import timedelta

import pytest

from personalize_connectors.errors import BadSettings
from personalize_connectors.retention import Retention, read_retention


def test_keeps_a_month_a_week_a_quarter_and_three_states():
    """The defaults are 30, 7 and 90 days, and 3 states; an empty variable gives the default."""
    expected = Retention(timedelta(days=30), timedelta(days=7), timedelta(days=90), 3)
    assert read_retention({"CONNECTORS_KEEP_STATES": ""}) == expected


def test_takes_what_is_set():
    """Each kind has its own variable."""
    kinds = ("PARTITIONS_DAYS", "STAGES_DAYS", "RECEIPTS_DAYS", "STATES")
    environment = {f"CONNECTORS_KEEP_{kind}": str(number) for number, kind in enumerate(kinds, 1)}
    assert read_retention(environment) == Retention(
        timedelta(days=1), timedelta(days=2), timedelta(days=3), 4
    )


@pytest.mark.parametrize("text", ["0", "-1", "a week", "1.5", "99999"])
def test_refuses_what_is_no_number_of_days(text):
    """Nothing is kept for no time or by half a day, and the error says what can be."""
    with pytest.raises(BadSettings) as caught:
        read_retention({"CONNECTORS_KEEP_STAGES_DAYS": text})
    expected = f"CONNECTORS_KEEP_STAGES_DAYS is {text!r}; write a whole number from 1 to 36500"
    assert str(caught.value) == expected
