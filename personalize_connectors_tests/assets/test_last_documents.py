"""Runs take item documents of the job's last run over, where they would be rendered the same."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_connectors import layout
from personalize_connectors.assets import last_documents
from personalize_connectors.connectors import registry
from personalize_connectors.connectors.protocol import Payload
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS

PERSONAL = Job("user_personalization", "daily")
LISTS = {"ana": ["a", "b"], "ben": ["b", "c"]}
ITEMS = {"a": {"name": "Lamp"}, "b": {"name": "Tea"}}


@pytest.fixture
def shop(world):
    """A job with two items that have metadata and one that has none; its first day is over."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    for day in range(3):
        world.answer(PERSONAL, day, LISTS)
    assert rendered(world.run(PERSONAL, 0)) == 3
    return world


def rendered(found):
    """How many items a run rendered."""
    assert found.success, found.failures
    return found.metadata["decorated_recommendations"]["items_rendered"]


def names(world, user):
    """The names on a profile."""
    profile = world.emulator.profiles()[user]
    return [item.get("name") for item in profile["recommendation_items"]]


def items_files(world, day):
    """The files of a day's item documents."""
    folder = world.root / layout.stage(JobRun(PERSONAL, DAYS[day]), "decorated_recommendations")
    return sorted(folder.glob("braze.items-*.parquet"))


def test_a_quiet_day_renders_nothing(shop):
    """Where nothing changed no item is rendered, and nothing is sent."""
    sent = shop.requests()
    assert (rendered(shop.run(PERSONAL, 1)), rendered(shop.run(PERSONAL, 2))) == (0, 0)
    assert shop.requests() == sent


def test_what_changed_is_rendered_and_arrives(shop):
    """A changed item, one whose metadata came and one whose metadata went are rendered; profiles get what is there now."""
    shop.metadata(PERSONAL, {"a": {"name": "Desk lamp"}, "b": {"name": "Tea"}})
    assert rendered(shop.run(PERSONAL, 1)) == 1
    assert (names(shop, "ana"), names(shop, "ben")) == (["Desk lamp", "Tea"], ["Tea", None])
    shop.metadata(PERSONAL, {"a": {"name": "Desk lamp"}, "c": {"name": "Cup"}})
    assert rendered(shop.run(PERSONAL, 2)) == 2
    assert (names(shop, "ana"), names(shop, "ben")) == (["Desk lamp", None], [None, "Cup"])


def test_other_settings_render_all(shop):
    """Where the connector's settings are others, no document is taken over."""
    shop.configure(PERSONAL, {"itemMetadataFields": ["price"]})
    assert rendered(shop.run(PERSONAL, 1)) == 3
    assert names(shop, "ana") == [None, None]


def test_other_code_renders_all(shop, monkeypatch):
    """Where our code is another, no document is taken over; nor where nobody can tell."""
    monkeypatch.setattr(last_documents, "_code", lambda: "another version")
    assert rendered(shop.run(PERSONAL, 1)) == 3
    monkeypatch.setattr(last_documents, "_code", lambda: None)
    assert rendered(shop.run(PERSONAL, 2)) == 3


def test_a_connector_from_elsewhere_renders_all(shop, monkeypatch):
    """What a connector that is not ours calls, nobody knows: it renders its items in every run."""
    ours = registry.connectors()["braze"]
    theirs = replace(ours, payload=lambda _settings, fields: Payload(f'"{fields["itemId"]}!"'.encode()))
    monkeypatch.setattr(registry, "connectors", lambda: {"braze": theirs})
    monkeypatch.setattr("personalize_connectors.assets.decorating.connectors", registry.connectors)
    assert [rendered(shop.run(PERSONAL, day)) for day in (1, 2)] == [3, 3]


@pytest.mark.parametrize("damage", ["gone", "cut", "rewritten"])
def test_broken_documents_render_all(shop, damage):
    """Where a file of the last run is gone, broken, or another though it can be read, all is rendered, and the run goes on."""
    (file,) = items_files(shop, 0)
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    else:
        rows = pq.read_table(file)
        spoilt = pa.array([text.replace("Tea", "Sea") for text in rows["payload"].to_pylist()])
        place = rows.schema.get_field_index("payload")
        pq.write_table(rows.set_column(place, "payload", spoilt), file, store_schema=False)
    shop.metadata(PERSONAL, ITEMS | {"a": {"name": "Desk lamp"}})
    assert rendered(shop.run(PERSONAL, 1)) == 3
    assert names(shop, "ana") == ["Desk lamp", "Tea"]


def test_a_run_again_takes_its_own(shop):
    """A run that is run again, after what changed since, has the documents of its own folder."""
    shop.metadata(PERSONAL, {"a": {"name": "Desk lamp"}, "b": {"name": "Tea"}})
    assert rendered(shop.run(PERSONAL, 0)) == 1
    assert names(shop, "ana") == ["Desk lamp", "Tea"]
