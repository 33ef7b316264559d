import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_connectors_tests.delivery.rate_simulation import Simulation, simulate

BURST = ((900_000, 3600), (1500, 3))
"""An hourly limit with a burst."""


@pytest.mark.parametrize("dialect", ["epoch", "seconds_left", "none"])
@pytest.mark.parametrize(
    ("windows", "seconds"),
    [(((1000, 1),), 8), (((3000, 3),), 15), (((50_000, 60),), 121), (BURST, 15), (((20, 3),), 30)],
)
@pytest.mark.parametrize("latency", [(0.001, 0.01), (0.001, 0.027)])
def test_reaches_the_limit_and_does_not_pass_it(windows, seconds, latency, dialect):
    """All but 5 % of the limit is used, nothing is refused: with a fast destination, and with one just fast enough."""
    seen = simulate(Simulation(windows, latency=latency, dialect=dialect), seconds)
    assert seen.refused == []
    assert seen.share_reached(*min(windows, key=lambda window: window[1])) >= 0.95


@pytest.mark.parametrize("dialect", ["epoch", "none"])
@pytest.mark.parametrize("skew", [-0.3, -0.1, -0.02, 0.1, 0.3])
@pytest.mark.parametrize("windows", [((1000, 1),), ((3000, 3),), BURST])
def test_learns_how_the_destination_s_clock_stands(windows, skew, dialect):
    """Where its windows begin at another moment than ours, refusals stop after the first ones."""
    seen = simulate(Simulation(windows, skew=skew, dialect=dialect), 30)
    assert (seen.share_refused() < 0.005, seen.share_refused(since=8)) == (True, 0)
    assert seen.share_reached(*min(windows, key=lambda window: window[1])) >= 0.95


@pytest.mark.parametrize("skew", [-40.0, -5.0, 5.0, 40.0])
def test_bears_a_wrong_clock(skew):
    """With our clock wrong by seconds, the dates of the answers keep it within the limit."""
    seen = simulate(Simulation(((3000, 3),), skew=skew, dated=True), 30)
    assert (seen.share_refused() < 0.005, seen.share_reached(3000, 3) >= 0.95) == (True, True)


@pytest.mark.parametrize(
    ("windows", "others", "dialect"),
    [
        (((1000, 1),), 200, "epoch"),
        (((3000, 3),), 200, "epoch"),
        (((3000, 3),), 200, "seconds_left"),
        (((3000, 3),), 200, "none"),
        (BURST, 100, "seconds_left"),
        (((20_000, 60),), 100, "epoch"),
    ],
)
def test_leaves_others_their_part(windows, others, dialect):
    """Somebody else's requests are allowed for as the headers tell of them, and are felt where they do not."""
    seen = simulate(Simulation(windows, others=others, dialect=dialect), 60 if windows[0][1] < 60 else 130)
    assert seen.share_refused() < 0.005
    assert seen.share_reached(*min(windows, key=lambda window: window[1])) >= 0.95


def test_reaches_a_limit_that_nobody_configured():
    """Without a configured window the headers are enough."""
    seen = simulate(Simulation(((3000, 3),), configured=()), 20)
    assert (seen.refused, seen.share_reached(3000, 3) >= 0.95) == ([], True)


@given(
    windows=st.sampled_from([((20, 1),), ((100, 1),), ((90, 3),), ((300, 60),), ((400, 60), (30, 3))]),
    workers=st.integers(1, 64),
    latency=st.tuples(st.floats(0, 0.15), st.floats(0, 0.15)).map(sorted).map(tuple),
    dialect=st.sampled_from(["epoch", "seconds_left", "none"]),
    dated=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_never_passes_a_limit(windows, workers, latency, dialect, dated, seed):
    """Whatever the latency and its order, no window of a destination with our clock gets more than it holds."""
    what = Simulation(windows, workers=workers, latency=latency, dialect=dialect, dated=dated, seed=seed)
    assert simulate(what, 7).refused == []
