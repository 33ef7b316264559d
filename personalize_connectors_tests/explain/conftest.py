"""The installation of the tests of runs, and explanations out of it."""

import re

import pytest

from personalize_connectors.engine.session import open_session
from personalize_connectors.explain.explanation import explain
from personalize_connectors.explain.subject import Subject
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.conftest import emulator, instance, world

__all__ = ["emulator", "instance", "world"]

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


@pytest.fixture
def explained(world):
    """Explains a user (or an item) of a job."""

    def explaining(job, name, day=None, unit="user", connector=None):
        with open_session(1 << 30) as session:
            bucket = open_storage(str(world.root))
            return explain(session, bucket, Subject(job, unit, name), day, connector)

    return explaining


@pytest.fixture
def decided(explained):
    """What was decided of a user (or an item) by the one connector there is for it, and why, with T for each time."""

    def deciding(job, name, day=None, unit="user"):
        (delivery,) = explained(job, name, day, unit).deliveries
        return delivery.decision.name, *(TIME.sub("T", reason) for reason in delivery.decision.why)

    return deciding
