"""The environment variables of an installation."""

import pytest

from personalize_connectors.errors import BadSettings
from personalize_connectors.settings import Settings, read_settings


def test_defaults_to_a_bucket_here_and_half_of_the_machine():
    """With nothing set, the bucket is ./bucket, partitions are a grid, the sensor looks every 30 s, and reports load nothing."""
    settings = read_settings({})
    assert settings == Settings("./bucket", settings.memory_limit, "grid", 30, report_pictures=False)
    assert settings.memory_limit > 256 * 2**20


def test_takes_what_is_set():
    """Each variable sets its setting."""
    environment = {
        "CONNECTORS_ROOT": "s3://bucket/prefix",
        "CONNECTORS_MEMORY_LIMIT": "4GiB",
        "CONNECTORS_PARTITIONS": "list",
        "CONNECTORS_SENSOR_SECONDS": "5",
        "CONNECTORS_REPORT_PICTURES": "true",
        "CONNECTORS_RUNS_AT_ONCE": "4",
    }
    assert read_settings(environment) == Settings(
        "s3://bucket/prefix", 4 * 2**30, "list", 5, report_pictures=True, runs_at_once=4
    )


def test_takes_an_empty_variable_for_one_not_set():
    """An empty variable, as a compose file passes it on, gives the default."""
    names = ("ROOT", "MEMORY_LIMIT", "PARTITIONS", "SENSOR_SECONDS", "REPORT_PICTURES", "RUNS_AT_ONCE")
    empty = {f"CONNECTORS_{name}": "" for name in names}
    assert read_settings(empty) == read_settings({})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256MiB", 2**28),
        (" 512 mib ", 2**29),
        ("1.5GiB", 3 * 2**29),
        ("300MB", 300_000_000),
        ("2gb", 2_000_000_000),
        ("1048576KiB", 2**30),
        ("1000000kB", 10**9),
        ("268435456B", 2**28),
        ("1TiB", 2**40),
        ("1 TB", 10**12),
    ],
)
def test_reads_sizes(text, size):
    """Sizes are read in powers of 1,000 and 1,024, in any case."""
    assert read_settings({"CONNECTORS_MEMORY_LIMIT": text}).memory_limit == size


@pytest.mark.parametrize("text", ["4", "4G", "half", "-1GiB", "1e9B", "999999999iB", "255MiB", "0B", "1PiB"])
def test_refuses_other_sizes(text):
    """A size without a unit, with an unknown one or too small to work in is refused with an example."""
    with pytest.raises(BadSettings) as refused:
        read_settings({"CONNECTORS_MEMORY_LIMIT": text})
    assert str(refused.value) == (
        f"CONNECTORS_MEMORY_LIMIT is {text!r}; write a size of at least 256 MiB, for example 4GiB"
    )


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "30s", "86401", "²"])
def test_refuses_other_paces(text):
    """The sensor's pace is in whole seconds, at least one and at most a day."""
    with pytest.raises(BadSettings) as refused:
        read_settings({"CONNECTORS_SENSOR_SECONDS": text})
    assert str(refused.value) == (
        f"CONNECTORS_SENSOR_SECONDS is {text!r}; write whole seconds from 1 to 86400"
    )


@pytest.mark.parametrize("text", ["two", "0", "-1", "1.5", "1001", "²"])
def test_refuses_other_numbers_of_runs(text):
    """How many runs are started at a time is a whole number, at least one."""
    with pytest.raises(BadSettings) as refused:
        read_settings({"CONNECTORS_RUNS_AT_ONCE": text})
    assert str(refused.value) == (
        f"CONNECTORS_RUNS_AT_ONCE is {text!r}; write a whole number of runs from 1 to 1000"
    )


def test_refuses_another_form_of_partitions():
    """Partitions are a grid or a list."""
    with pytest.raises(BadSettings, match=r"^CONNECTORS_PARTITIONS is 'Grid'; it can be grid or list$"):
        read_settings({"CONNECTORS_PARTITIONS": "Grid"})


def test_refuses_pictures_that_are_neither_on_nor_off():
    """The text names the variable, the value, and what would be right."""
    with pytest.raises(BadSettings, match="CONNECTORS_REPORT_PICTURES is 'yes'; it can be true or false"):
        read_settings({"CONNECTORS_REPORT_PICTURES": "yes"})
