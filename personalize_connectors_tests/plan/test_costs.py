"""What a plan says of the other shapes is what a job with that shape is billed."""

from __future__ import annotations

import pytest

from personalize_connectors.job_run import Job
from personalize_connectors_tests.plan.against_runs import plan

SHAPES = ("objects", "ids", "flat", "arrays")
ITEMS = {
    item: {"name": f"Item {item}", "price": number, "tags": ["x", item]} for number, item in enumerate("abc")
}
DAYS = (
    {"u1": ["a", "b"], "u2": ["b"], "u3": ["c", "a"], "u4": ["a"], "u5": ["b"]},
    {"u1": ["a", "b"], "u2": ["a"], "u3": ["c", "a", "b"], "new": ["b", "c"], "u5": ["a", "c"]},
)


def copies(world, days, **braze):
    """One job for each shape, all else equal."""
    jobs = {shape: Job("user_personalization", shape) for shape in SHAPES}
    for shape, job in jobs.items():
        world.configure(job, {"payload": shape, "attributePrefix": f"{shape}_", **braze}, itemsPerUser=4)
        world.metadata(job, ITEMS)
        for day, lists in enumerate(days):
            world.answer(job, day, lists)
    return jobs


def billed(world, jobs, day):
    """What each job is billed on a day, by the emulator's meter, and how many records it sent and refused."""
    found = {}
    for shape, job in jobs.items():
        before = world.emulator.stats()["data_points"]
        sync = world.run(job, day).metadata["braze_sync"]
        points = world.emulator.stats()["data_points"] - before
        found[shape] = (points, sync["accepted"], sync["rejected"])
    return found


def foretold(world, job, day):
    """What a job's plan says of each shape."""
    (delivery,) = plan(world, job, day).connectors
    assert [cost.shape for cost in delivery.costs if cost.chosen] == [job.name]
    return {cost.shape: (cost.data_points, cost.records, cost.refused) for cost in delivery.costs}


def test_every_shape_costs_what_a_job_with_it_is_billed(world):
    """On a first and a second day, with users new, known and gone, each job's plan says what each of the jobs is billed."""
    jobs = copies(
        world, DAYS, missingUsers="unset", maxRemovalShare=0.5, otherAttributes={"source": "shop", "n": [1]}
    )
    for day in range(len(DAYS)):
        plans = [foretold(world, job, day) for job in jobs.values()]
        assert plans == [billed(world, jobs, day)] * len(jobs)


def test_records_that_a_shape_refuses_cost_nothing_in_it(world):
    """Users whose list one shape would refuse are counted there, and billed in the others."""
    lists = {"u1": ["a", "ghost"], "u2": ["a", "b"], "u" * 1000: ["a"]}
    jobs = copies(world, [lists])
    plans = [foretold(world, job, 0) for job in jobs.values()]
    found = billed(world, jobs, 0)
    assert plans == [found] * len(jobs)
    assert {shape: counts[1:] for shape, counts in found.items()} == {
        "objects": (2, 1),
        "ids": (2, 1),
        "flat": (2, 1),
        "arrays": (1, 2),
    }


@pytest.mark.parametrize(("price", "money"), [(None, [None] * 4), (0.5, [3.0, 1.0, 3.0, 3.0])])
def test_money_is_shown_where_a_data_point_has_a_price(world, price, money):
    """Each shape's data points are priced with pricePerDataPoint, where it is set."""
    job = Job("user_personalization", "daily")
    world.configure(job, {"itemMetadataFields": ["name", "price"], "pricePerDataPoint": price})
    world.metadata(job, ITEMS)
    world.answer(job, 0, {"u1": ["a"], "u2": ["b"]})
    (delivery,) = plan(world, job, 0).connectors
    assert [cost.money for cost in delivery.costs] == money
