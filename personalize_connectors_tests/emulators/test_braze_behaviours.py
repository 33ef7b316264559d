"""The table of behaviours: it is what the code says, and what the guide shows."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from personalize_connectors.emulators.braze import behaviours
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings

PACKAGE = "personalize_connectors.emulators.braze"
GUIDE = Path(__file__).parents[2] / "docs" / "braze-emulator.md"
ROWS = [row for rows in behaviours.BEHAVIOURS.values() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_is_tagged_where_it_is_coded(row):
    """Tag and section of every behaviour stand in the code that it names."""
    module, *names = row.where.split(".")
    found = importlib.import_module(f"{PACKAGE}.{module}")
    for name in names:
        found = getattr(found, name)
    source = inspect.getsource(found).lower()
    assert (row.tag in source, row.section in source) == (True, True)


def test_lists_each_behaviour_once():
    """No behaviour stands there twice."""
    assert len({row.what for row in ROWS}) == len(ROWS)


def test_the_guide_shows_the_table():
    """The guide ends with the table as it is printed."""
    table = GUIDE.read_text().split("<!-- behaviours -->\n")[1]
    assert table.strip() == behaviours.markdown()


def test_the_guide_names_every_setting_and_fault():
    """Every setting and every fault of the emulator is in the guide."""
    from personalize_connectors.emulators.braze.faults import STRIKES, Faults

    words = set(re.findall(r"`(\w+)`", GUIDE.read_text()))
    fields = {*BrazeEmulatorSettings.__dataclass_fields__, *Faults.model_fields, *STRIKES}
    assert fields - words == set()
