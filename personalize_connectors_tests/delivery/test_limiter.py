import pytest

from personalize_connectors.connectors.exchange import Quota
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.delivery.limiter import RateLimiter
from personalize_connectors_tests.emulators.calls import Clock

HOUR = 1_800_000_000.0
MINUTE = (5, 60)


class Sender:
    """A limiter with a clock and a jitter that a test sets."""

    def __init__(self, *windows, now=HOUR, jitter=0.0):
        self.clock = Clock(now)
        self.limiter = RateLimiter(
            [RateWindow(requests=limit, seconds=seconds) for limit, seconds in windows],
            self.clock,
            lambda: jitter,
        )

    def go(self, most=100):
        """Send what may go, up to so many: how many went, and what the next one was told to wait."""
        for sent in range(most):
            if wait := self.limiter.admit():
                return sent, wait
        return most, 0.0

    def sent_and_answered(self, requests, quota=None):
        """Send, and hear the same of each."""
        assert self.go(requests) == (requests, 0.0)
        for _ in range(requests):
            self.limiter.answered(quota)

    def refused(self, retry_after=None, quota=None):
        """Send one request that is refused: how long nothing goes."""
        assert self.go(1) == (1, 0.0)
        self.limiter.refused(retry_after, quota)
        return self.limiter.admit()


def test_fills_a_window_and_waits_for_the_next():
    """A window takes its limit, from any moment of it, and the next one begins at a multiple of its length."""
    sender = Sender(MINUTE, now=HOUR + 40)
    sender.sent_and_answered(2)
    assert sender.go() == (3, 20.0)
    for _ in range(3):
        sender.limiter.answered(None)
    sender.clock.now = HOUR + 59.75
    assert sender.go() == (0, 0.25)
    sender.clock.now = HOUR + 60
    assert sender.go() == (5, 60.0)


def test_counts_what_is_in_flight_at_an_edge_in_the_next_window_too():
    """A request that was sent in one window may be counted in the next."""
    sender = Sender(MINUTE)
    assert sender.go(4) == (4, 0.0)
    sender.limiter.answered(None)
    sender.clock.now = HOUR + 60
    assert sender.go() == (2, 60.0)


def test_holds_all_windows_at_once():
    """A burst window and a longer one both hold, in any order of writing."""
    sender = Sender((7, 60), (5, 3))
    sender.sent_and_answered(5)
    assert sender.go() == (0, 3.0)
    sender.clock.now = HOUR + 3
    assert sender.go() == (2, 57.0)


@pytest.mark.parametrize(("seconds", "spread"), [(1, 0.02), (3, 0.06), (60, 0.5), (3600, 0.5)])
def test_wakes_within_a_small_part_of_the_window(seconds, spread):
    """Who waits for an edge wakes up to 2 % of the window later, and at most half a second."""
    sender = Sender((1, seconds), jitter=1.0)
    sender.sent_and_answered(1)
    assert sender.limiter.admit() == pytest.approx(seconds + spread)


def test_sends_no_more_than_what_is_left_beside_others():
    """What is in flight may not be counted yet in what the destination says is left, until that window ends."""
    sender = Sender((100, 60))
    assert sender.go(12) == (12, 0.0)
    sender.limiter.answered(Quota(100, 20, 60.0))
    assert sender.go() == (9, 0.01)
    for left in range(19, -1, -1):
        sender.limiter.answered(Quota(100, left, 60.0))
    assert sender.go() == (0, 60.0)
    sender.clock.now = HOUR + 60
    assert sender.go(200) == (100, 60.0)


def test_believes_the_smallest_of_what_is_said_to_be_left():
    """Answers come out of order: an older one with more left changes nothing."""
    sender = Sender((100, 60))
    assert sender.go(2) == (2, 0.0)
    sender.limiter.answered(Quota(100, 3, 60.0))
    sender.limiter.answered(Quota(100, 90, 60.0))
    assert sender.go() == (3, 0.01)


@pytest.mark.parametrize(("reset_in", "went"), [(0.0, 100), (0.8, 100), (60.0, 3), (59.2, 3), (None, 3)])
def test_ignores_what_was_said_of_a_window_that_is_over(reset_in, went):
    """An answer may be late; when its window ends says which it is, in whole seconds."""
    sender = Sender((100, 60), now=HOUR + 59)
    assert sender.go(1) == (1, 0.0)
    sender.clock.now = HOUR + 60.5
    sender.limiter.answered(Quota(100, 3, reset_in))
    assert sender.go()[0] == min(went, 99)


def test_believes_nothing_of_what_is_left_while_late_answers_come():
    """Shortly after an edge, with requests of the last window in flight, what is left may be what was left of that."""
    sender = Sender((100, 1), now=HOUR + 0.9)
    assert sender.go(2) == (2, 0.0)
    sender.clock.now = HOUR + 1.1
    sender.limiter.answered(Quota(100, 3, 1.0))
    sender.clock.now = HOUR + 1.3
    assert sender.go(50) == (50, 0.0)
    sender.limiter.answered(Quota(100, 3, 1.0))
    assert sender.go() == (0, 0.01)


def test_keeps_to_a_lower_limit_as_long_as_it_is_said():
    """A lower limit than configured counts, a higher one does not."""
    sender = Sender((10, 60))
    sender.sent_and_answered(1, Quota(limit=4))
    assert sender.go() == (3, 60.0)
    sender.clock.now = HOUR + 60
    for _ in range(3):
        sender.limiter.answered(Quota(limit=50))
    assert sender.go() == (7, 60.0)


def test_takes_the_headers_for_those_of_the_longest_window():
    """With a burst window, what is left is left of the hour."""
    sender = Sender((10, 3), (1000, 3600))
    sender.sent_and_answered(1, Quota(500, 2, 3600.0))
    sender.sent_and_answered(2, Quota(500, 0, 3600.0))
    assert sender.go() == (0, 3600.0)


def test_learns_from_the_destination_alone():
    """Without a configured window it sends until it is told that nothing is left, and again when that ends."""
    sender = Sender()
    sender.sent_and_answered(50)
    sender.sent_and_answered(2, Quota(100, 1, 30.0))
    sender.sent_and_answered(1, Quota(100, 0, 30.0))
    assert sender.go() == (0, 30.0)
    sender.clock.now = HOUR + 30
    assert sender.go() == (100, 0.0)


@pytest.mark.parametrize(
    ("windows", "retry_after", "quota", "wait"),
    [
        ([MINUTE], 7.0, None, 7.0),
        ([MINUTE], 7.0, Quota(5, 0, 30.0), 30.0),
        ([MINUTE], None, Quota(5, 0, 30.0), 30.0),
        ([MINUTE], None, Quota(5, None, 30.0), 30.0),
        ([MINUTE], 0.0, None, 50.0),
        ([MINUTE], None, None, 50.0),
        ([MINUTE, (20, 3)], None, None, 2.0),
        ([MINUTE, (20, 3)], None, Quota(5, 4, 50.0), 2.0),
        ([], None, None, 1.0),
        ([], None, Quota(5, 0, 20.0), 20.0),
        ([], 4.0, None, 4.0),
    ],
)
def test_waits_after_a_refusal(windows, retry_after, quota, wait):
    """As long as it is asked to, else to the end of the window that is said to be full, else of the shortest."""
    sender = Sender(*windows, now=HOUR + 10)
    sender.sent_and_answered(1)
    assert sender.refused(retry_after, quota) == pytest.approx(wait)


def test_takes_refusals_of_one_moment_for_one():
    """What was in flight together is refused together; where a window took none of it, it begins a little later."""
    sender = Sender((1000, 1))
    assert sender.go(20) == (20, 0.0)
    for _ in range(20):
        sender.limiter.refused(None, None)
    assert sender.go() == (0, pytest.approx(0.02))
    sender.clock.now = HOUR + 0.021
    sender.sent_and_answered(1)
    assert sender.go(2000) == (999, pytest.approx(0.999))


def test_steps_on_until_the_destination_s_window_begins():
    """Refused again, it takes the window to begin later by twice the step."""
    sender, waits = Sender((1000, 1)), []
    for _ in range(4):
        waits.append(sender.refused())
        sender.clock.now += waits[-1] + 0.001
    assert waits == pytest.approx([0.02, 0.04, 0.08, 0.16], abs=1e-6)


def test_tries_one_request_after_a_refusal():
    """When the wait is over one request goes, and the others once it is answered."""
    sender = Sender((1000, 1))
    assert sender.go(20) == (20, 0.0)
    sender.limiter.refused(1.0, None)
    for _ in range(19):
        sender.limiter.answered(None)
    sender.clock.now = HOUR + 1.1
    assert sender.go() == (1, 0.01)
    sender.limiter.answered(None)
    assert sender.go(50) == (50, 0.0)


def test_feels_its_way_beyond_what_others_leave():
    """After a refusal in the midst of a window, 95 % of what was taken goes at full width, the rest singly."""
    sender = Sender((1000, 1))
    sender.sent_and_answered(800)
    assert sender.refused() == 1.0
    sender.clock.now = HOUR + 1
    sender.sent_and_answered(1)
    assert sender.go(1000) == (760, 0.01)
    for _ in range(759):
        sender.limiter.answered(None)
    assert sender.go() == (0, 0.01)
    sender.limiter.answered(None)
    assert sender.go() == (1, 0.01)


@pytest.mark.parametrize(("taken", "safe"), [(800, 760), (100, 500)])
def test_halves_at_most(taken, safe):
    """One refusal early in a window is no proof that so little has room in the next."""
    sender = Sender((1000, 1))
    sender.sent_and_answered(taken)
    sender.refused()
    sender.clock.now = HOUR + 1
    sender.sent_and_answered(1)
    assert sender.go(1000) == (safe, 0.01)


def test_widens_what_is_safe_by_what_had_room():
    """What went singly without a refusal goes at full width in the next window."""
    sender = Sender((1000, 1))
    sender.sent_and_answered(800)
    sender.refused()
    sender.clock.now = HOUR + 1
    for _ in range(861):
        sender.sent_and_answered(1)
    sender.clock.now = HOUR + 2
    assert sender.go(1000) == (862, 0.01)


def test_blames_no_window_for_a_refusal_of_the_one_before():
    """A refusal shortly after an edge may be of what was sent before it: the new window is tried again soon."""
    sender = Sender((1000, 1), now=HOUR + 0.9)
    assert sender.go(200) == (200, 0.0)
    sender.clock.now = HOUR + 1.01
    sender.limiter.answered(None)
    sender.limiter.refused(None, None)
    assert sender.go() == (0, pytest.approx(0.02))
    for _ in range(198):
        sender.limiter.answered(None)
    sender.clock.now = HOUR + 1.04
    sender.sent_and_answered(1)
    assert sender.go() == (100, 0.0)


@pytest.mark.parametrize(("quota", "wait"), [(None, 0.02), (Quota(100, 40, 1.0), 0.7)])
def test_knows_whose_requests_fill_a_window(quota, wait):
    """Where our own would fill a window its end is near; where the destination told of it, others fill it."""
    sender = Sender((100, 1), now=HOUR + 0.5)
    sender.sent_and_answered(50)
    sender.clock.now = HOUR + 1.0
    sender.sent_and_answered(50, quota)
    sender.clock.now = HOUR + 1.3
    assert sender.refused() == pytest.approx(wait)


def test_trusts_the_clock_where_it_is_asked_to_wait_long():
    """A first request that is refused for long, for earlier runs used up the window, moves no window."""
    sender = Sender((1000, 3600), now=HOUR + 1800)
    assert sender.refused(retry_after=1800.0) == 1800.0
    sender.clock.now = HOUR + 3600
    sender.sent_and_answered(1)
    assert sender.go(2000) == (999, 3600.0)
