"""Rate windows and their headers: braze.md 1.7 and 1.8; scopes: 1.1."""

import pytest

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, RateWindow, running
from personalize_connectors_tests.emulators.calls import Clock, answered, call, track

HOUR = 1_800_000_000 // 3600 * 3600
REFUSED = {"message": "Rate limit exceeded"}


def limits(response):
    """The headers of a response that tell of the rate."""
    headers = response.headers.items()
    return {name: value for name, value in headers if "rate" in name or name == "retry-after"}


def limited(*windows, **settings):
    """Settings with these windows, each limit and seconds, on /users/track."""
    return BrazeEmulatorSettings(
        rate_limits={"track": tuple(RateWindow(*window) for window in windows)}, **settings
    )


def epoch(limit, remaining, reset):
    """The three headers."""
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
    }


def test_limits_nothing_by_default():
    """Without windows there are no headers and no refusals."""
    with running(clock=Clock()) as emulator:
        responses = [track(emulator, "u") for _ in range(5)]
        assert [(one.status_code, limits(one)) for one in responses] == [(201, {})] * 5


@pytest.mark.parametrize(("seconds", "into"), [(3600, 3599.5), (60, 59.0), (3, 2.9), (3, 0.0)])
def test_windows_are_aligned_to_the_clock(seconds, into):
    """A window ends at the next multiple of its length, however late its first call came."""
    clock = Clock(HOUR + into)
    with running(limited((2, seconds)), clock=clock) as emulator:
        before = [track(emulator, "u").status_code for _ in range(3)]
        clock.now = HOUR + seconds - 0.01
        late = track(emulator, "u").status_code
        clock.now = HOUR + seconds
        after = [track(emulator, "u").status_code for _ in range(3)]
    assert (before, late, after) == ([201, 201, 429], 429, [201, 201, 429])


def test_a_call_must_fit_in_every_window():
    """The burst is refused while the hour has room, and the hour when the bursts have; the headers are the hour's."""
    clock = Clock(float(HOUR))
    with running(limited((2, 3), (3, 3600)), clock=clock) as emulator:
        burst = [track(emulator, "u") for _ in range(3)]
        clock.now += 3
        hour = [track(emulator, "u") for _ in range(2)]
    assert [one.status_code for one in burst + hour] == [201, 201, 429, 201, 429]
    assert limits(hour[0]) == epoch(3, 0, HOUR + 3600)


@pytest.mark.parametrize(
    ("dialect", "on_429", "accepted", "refused"),
    [
        ("epoch", None, epoch(1, 0, HOUR + 60), epoch(1, 0, HOUR + 60)),
        ("seconds_left", None, epoch(1, 0, 50), {"x-ratelimit-retry-after": "50"}),
        ("none", None, {}, {}),
        ("epoch", "retry-after", epoch(1, 0, HOUR + 60), {"retry-after": "50"}),
        ("epoch", "x-ratelimit-retry-after", epoch(1, 0, HOUR + 60), {"x-ratelimit-retry-after": "50"}),
        ("seconds_left", "limit_headers", epoch(1, 0, 50), epoch(1, 0, 50)),
        ("seconds_left", "nothing", epoch(1, 0, 50), {}),
        ("none", "retry-after", {}, {"retry-after": "50"}),
    ],
)
def test_says_the_rate_in_a_dialect(dialect, on_429, accepted, refused):
    """Each dialect has its headers on an answer and on a 429, and the setting changes the 429's."""
    settings = limited((1, 60), header_dialect=dialect, on_429=on_429)
    with running(settings, clock=Clock(HOUR + 10.5)) as emulator:
        first, second = track(emulator, "u"), track(emulator, "u")
    assert (limits(first), limits(second), second.json()) == (accepted, refused, REFUSED)


def test_waits_for_the_last_full_window():
    """With two full windows the 429 asks to wait for the later one, and for a second at least."""
    clock = Clock(HOUR + 3599.9)
    with running(limited((1, 3), (1, 60), header_dialect="seconds_left"), clock=clock) as emulator:
        track(emulator, "u")
        last = limits(track(emulator, "u"))
        clock.now = HOUR + 3600.0
        track(emulator, "u")
        early = limits(track(emulator, "u"))
    assert (last, early) == ({"x-ratelimit-retry-after": "1"}, {"x-ratelimit-retry-after": "60"})


def test_counts_what_it_answers_and_not_what_it_refuses():
    """Bad requests use up the window, calls without a key and 429s do not, and other endpoints have their own."""
    with running(limited((2, 60)), clock=Clock()) as emulator:
        assert answered(emulator, "POST", "/users/track", {}, key="other")[0] == 401
        statuses = [track(emulator, item).status_code for item in ("", "u", "u", "u")]
        other = answered(emulator, "POST", "/users/export/ids", {"external_ids": ["u"]})[0]
    assert (statuses, other) == ([400, 201, 429, 429], 201)


def test_shares_the_limit_between_keys():
    """The limit is the company's: two keys use up one window."""
    settings = limited((1, 60), keys={"second": frozenset({"users.track"})})
    with running(settings, clock=Clock()) as emulator:
        track(emulator, "u")
        assert answered(emulator, "POST", "/users/track", {}, key="second") == (429, REFUSED)


@pytest.mark.parametrize(
    ("group", "calls"),
    [
        ("export", [("POST", "/users/export/ids")]),
        ("track_bulk", [("POST", "/users/track/bulk")]),
        ("track_sync", [("POST", "/users/track/sync")]),
        ("catalogs", [("GET", "/catalogs"), ("DELETE", "/catalogs/c"), ("POST", "/catalogs/c/fields")]),
        ("catalog_item", [("GET", "/catalogs/c/items"), ("GET", "/catalogs/c/items/i")]),
        ("catalog_items", [("POST", "/catalogs/c/items"), ("PUT", "/catalogs/c/items")]),
    ],
)
def test_limits_each_group_of_endpoints(group, calls):
    """Endpoints that share a limit use it up together."""
    settings = BrazeEmulatorSettings(rate_limits={group: (RateWindow(len(calls), 60),)})
    with running(settings, clock=Clock()) as emulator:
        statuses = [answered(emulator, *one, body={})[0] for one in calls * 2]
    assert [status == 429 for status in statuses] == [False] * len(calls) + [True] * len(calls)


def test_throttles_on_demand():
    """The planted 429 looks like one of the limiter and uses nothing up."""
    with running(limited((5, 60), header_dialect="seconds_left"), clock=Clock(HOUR + 30.0)) as emulator:
        emulator.faults(next=["throttled"])
        refused, accepted = track(emulator, "u"), track(emulator, "u")
    assert (refused.status_code, limits(refused)) == (429, {"x-ratelimit-retry-after": "1"})
    assert limits(accepted) == epoch(5, 4, 30)


def test_gives_each_key_its_scopes():
    """A key may do what its scopes name and gets a 403 elsewhere; the first key may do everything."""
    settings = BrazeEmulatorSettings(keys={"reader": frozenset({"users.export.ids"}), "nothing": frozenset()})
    calls = [("POST", "/users/track"), ("POST", "/users/export/ids"), ("GET", "/catalogs")]
    with running(settings) as emulator:
        statuses = {
            key: [call(emulator, *one, body={}, key=key).status_code for one in calls]
            for key in ("reader", "nothing", "unknown", emulator.api_key)
        }
    assert statuses == {
        "reader": [403, 400, 403],
        "nothing": [403, 403, 403],
        "unknown": [401, 401, 401],
        "emulator-key": [400, 400, 200],
    }
