"""The sensor as Dagster sees it: tick after tick over a bucket, with a real instance."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from personalize_connectors import layout
from personalize_connectors.assets.configs import config_can_be_used
from personalize_connectors.definitions import BEFORE_DELIVERY, JOB, defs
from personalize_connectors.installation import Installation
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import partitions
from personalize_connectors.sensors import NAME, new_batch_inference_output_sensor
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.outputs import DAILY, NOVEMBER, configure, folder, put_output

WEEKLY = Job("user_personalization", "weekly")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An empty bucket in a folder, to which the environment leads."""
    monkeypatch.setenv("CONNECTORS_ROOT", str(tmp_path))
    return open_storage(str(tmp_path))


@pytest.fixture
def instance():
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def stored():
    """A Dagster instance on disk, in which a tick can be evaluated as the daemon does."""
    with dg.instance_for_test() as made:
        yield made


def sensor(form="grid") -> dg.SensorDefinition:
    """The sensor, in a form of partitions."""
    return new_batch_inference_output_sensor(JOB, BEFORE_DELIVERY, form, 30)


def tick(instance, cursor=None, form="grid") -> dg.SensorResult:
    """One tick."""
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"installation": Installation()}
    ) as context:
        result = sensor(form)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def key(day: int, job: Job = DAILY) -> str:
    """The partition key of a day of November."""
    return JobRun(job, NOVEMBER[day - 1]).key


def put(bucket, *days: int, name: str = "daily", content: str = "{}") -> None:
    """The outputs of days of November, written on that day."""
    for day in days:
        put_output(bucket, folder(NOVEMBER[day - 1], name), content, at=NOVEMBER[day - 1])


def asked(result: dg.SensorResult) -> list[str]:
    """The partition keys of the runs that a tick requests."""
    return [str(request.partition_key) for request in result.run_requests or []]


def words(result: dg.SensorResult) -> str:
    """Why a tick requests nothing."""
    return str(result.skip_reason.skip_message) if result.skip_reason else ""


def start(instance, result: dg.SensorResult) -> None:
    """Create the runs that a tick requests, as the daemon does."""
    for request in result.run_requests or []:
        instance.create_run_for_job(defs.resolve_job_def(JOB), tags=dict(request.tags))


def test_is_part_of_the_definitions():
    """The sensor runs by itself from the beginning, for the one job, at the pace of the installation."""
    (found,) = [sensor for sensor in defs.sensors if sensor.name == NAME]
    assert (found.name, found.job_name, found.default_status, found.minimum_interval_seconds) == (
        NAME,
        JOB,
        dg.DefaultSensorStatus.RUNNING,
        30,
    )


def test_requests_the_run_of_a_new_output(bucket, instance):
    """A request has the partition, the tags of the run, and a key that holds the version; the partition is registered with it."""
    configure(bucket)
    put(bucket, 1, 2)
    first = tick(instance)
    (request,) = first.run_requests
    version = request.tags["source_version"]
    assert (request.partition_key, request.run_key) == (key(2), f"{key(2)}:{version}")
    assert request.tags == {"job": str(DAILY), "run_at": "2020-11-02T03-00-00Z", "source_version": version}
    assert request.asset_selection is None
    added = {one.partitions_def_name: list(one.partition_keys) for one in first.dynamic_partitions_requests}
    assert added == {"job": [str(DAILY)], "run": ["2020-11-02T03-00-00Z"]}
    start(instance, first)
    second = tick(instance, first.cursor)
    assert (asked(second), words(second)) == ([], "No new batch output in 1 job.")


def test_requests_two_jobs_at_once(bucket, instance):
    """Jobs that share a run timestamp register it once, and each gets its run."""
    for name in ("daily", "weekly"):
        configure(bucket, Job("user_personalization", name))
        put(bucket, 1, name=name)
    found = tick(instance)
    assert asked(found) == [key(1), key(1, WEEKLY)]
    added = {one.partitions_def_name: list(one.partition_keys) for one in found.dynamic_partitions_requests}
    assert added == {"job": [str(DAILY), str(WEEKLY)], "run": ["2020-11-01T03-00-00Z"]}


def test_an_older_run_goes_up_to_the_delivery(bucket, instance):
    """Of several outputs that are new only the newest is delivered; the others run without the connectors."""
    configure(bucket)
    put(bucket, 1)
    first = tick(instance)
    start(instance, first)
    put(bucket, 2, 3)
    second = tick(instance, first.cursor)
    before = [key.path[-1] for key in second.run_requests[0].asset_selection]
    assert asked(second) == [key(2), key(3)]
    assert before == [
        "batch_inference_raw",
        "inference_errors",
        "user_recommendations",
        "decorated_recommendations",
    ]
    assert second.run_requests[1].asset_selection is None


def test_waits_until_an_output_has_settled(bucket, instance):
    """What is still being written is told with what is left to wait, and starts nothing."""
    configure(bucket, settleSeconds=3600)
    put_output(bucket, folder(NOVEMBER[0]), at=datetime.now(UTC) - timedelta(minutes=59))
    found = tick(instance)
    assert asked(found) == []
    assert f"{DAILY}: {bucket.uri(folder(NOVEMBER[0]))} settles in " in words(found)
    put(bucket, 1)
    assert asked(tick(instance, found.cursor)) == [key(1)]


def test_an_overwritten_output_is_another_run_of_the_same_partition(bucket, instance):
    """Other content has the same partition and another run key; the partition is not registered again."""
    configure(bucket)
    put(bucket, 1)
    first = tick(instance)
    start(instance, first)
    for one in first.dynamic_partitions_requests:
        instance.add_dynamic_partitions(one.partitions_def_name, list(one.partition_keys))
    put(bucket, 1, content="other")
    second = tick(instance, first.cursor)
    assert (asked(second), second.dynamic_partitions_requests) == ([key(1)], [])
    assert first.run_requests[0].run_key != second.run_requests[0].run_key


@pytest.mark.parametrize("cursor", [None, "corrupt", '{"format":99}'])
def test_a_lost_cursor_starts_nothing_twice(bucket, instance, cursor):
    """Without its cursor the sensor begins anew, and starts neither the newest output again nor an older one."""
    configure(bucket)
    put(bucket, 1, 2, 3)
    first = tick(instance)
    start(instance, first)
    again = tick(instance, cursor)
    assert (asked(first), asked(again), again.cursor) == ([key(3)], [], first.cursor)


def test_a_run_by_hand_is_not_started_again(bucket, instance):
    """An output that a person has run already, as the run's tags tell, is not run once more."""
    configure(bucket)
    put(bucket, 1)
    wanted = tick(instance).run_requests[0]
    instance.create_run_for_job(defs.resolve_job_def(JOB), tags=dict(wanted.tags))
    assert asked(tick(instance)) == []


def test_a_bad_config_fails_the_check_until_it_is_mended(bucket, instance):
    """The check says what validate says when it changes, and passes again; every tick says it, and the other jobs run."""
    configure(bucket, WEEKLY)
    first = tick(instance)
    configure(bucket, itemPerUser=3)
    bad = tick(instance, first.cursor)
    same = tick(instance, bad.cursor)
    configure(bucket, itemPerUser=3, settleSeconds=-1)
    worse = tick(instance, same.cursor)
    configure(bucket)
    mended = tick(instance, worse.cursor)
    path = f"{DAILY}: {bucket.uri(layout.config_file(DAILY))}: $"
    unknown = f"{path}.itemPerUser: unknown key; did you mean 'itemsPerUser'?"
    negative = f"{path}.settleSeconds: is -1: input should be greater than or equal to 0"
    told = [
        [(event.check_name, event.passed, event.description) for event in found.asset_events]
        for found in (first, bad, same, worse, mended)
    ]
    assert told == [
        [("config_can_be_used", True, "every config.json can be used")],
        [("config_can_be_used", False, unknown)],
        [],
        [("config_can_be_used", False, f"{negative}\n{unknown}")],
        [("config_can_be_used", True, "every config.json can be used")],
    ]
    nothing = f"{WEEKLY}: no batch output yet in {bucket.uri('batch/weekly')}"
    assert words(same) == f"No new batch output in 2 jobs.\n{unknown}\n{nothing}"
    assert bad.asset_events[0].asset_key == dg.AssetKey("batch_inference_raw")
    assert bad.asset_events[0].metadata["jobs"].value == str(DAILY)


def test_a_person_can_execute_the_check(bucket):
    """The check, executed by hand, looks at all configs at that moment."""
    configure(bucket)
    good = config_can_be_used(Installation())
    configure(bucket, itemPerUser=3)
    bad = config_can_be_used(Installation())
    assert (good.passed, good.description) == (True, "every config.json can be used")
    path = bucket.uri(layout.config_file(DAILY))
    text = f"{DAILY}: {path}: $.itemPerUser: unknown key; did you mean 'itemsPerUser'?"
    assert (bad.passed, bad.description, bad.severity) == (False, text, dg.AssetCheckSeverity.ERROR)


@pytest.mark.parametrize("form", ["grid", "list"])
def test_dagster_takes_what_a_tick_requests(bucket, stored, form):
    """In both forms of partitions the daemon can resolve the runs together with the partitions that are new."""
    job = Job("user_personalization", f"in-a-{form}")
    configure(bucket, job)
    put(bucket, 1, name=job.name)
    with dg.build_sensor_context(
        instance_ref=stored.get_ref(),
        repository_def=definitions_in(form).get_repository_def(),
        resources={"installation": Installation()},
    ) as context:
        data = sensor(form).evaluate_tick(context)
    (request,) = data.run_requests
    name = "job_run" if form == "list" else "run"
    assert (request.partition_key, request.tags["dagster/partition"]) == (key(1, job), key(1, job))
    assert request.tags["dagster/sensor_name"] == NAME
    assert name in [one.partitions_def_name for one in data.dynamic_partitions_requests]


def definitions_in(form: str) -> dg.Definitions:
    """One asset and the job, in a form of partitions."""

    @dg.asset(partitions_def=partitions(form))
    def one() -> None:
        """Nothing."""

    return dg.Definitions(assets=[one], jobs=[dg.define_asset_job(JOB, selection=[one])])


def test_says_when_the_grid_is_too_large(bucket, instance):
    """Above 50,000 cells, most of which never were, a tick says what to set; in a list it does not."""
    configure(bucket)
    instance.add_dynamic_partitions("job", [f"user_personalization/job-{number}" for number in range(251)])
    instance.add_dynamic_partitions("run", [f"run-{number}" for number in range(200)])
    text = (
        "the grid of jobs and runs has 50,200 cells, more than 50,000: set CONNECTORS_PARTITIONS=list, "
        "which keeps all history"
    )
    nothing = f"{DAILY}: no batch output yet in {bucket.uri('batch/daily')}"
    assert words(tick(instance)).splitlines()[1:] == [nothing, text]
    assert words(tick(instance, form="list")).splitlines()[1:] == [nothing]


def test_a_long_text_is_cut(bucket, instance):
    """A tick says no more than a person reads, and how much more there would be."""
    for number in range(60):
        (bucket.local / f"etl_jobs/related_items/job-{number:02}").mkdir(parents=True)
    lines = words(tick(instance)).splitlines()
    assert (len(lines), lines[-1]) == (41, "... and 21 lines more")


def test_the_environment_sets_the_pace():
    """The least time from tick to tick is the installation's."""
    assert new_batch_inference_output_sensor(JOB, BEFORE_DELIVERY, "grid", 5).minimum_interval_seconds == 5


def test_a_bucket_that_cannot_be_reached_fails_the_tick(instance, monkeypatch):
    """Where not even the jobs can be listed the tick fails, in words, and keeps its cursor."""
    monkeypatch.setenv("CONNECTORS_ROOT", f"{os.devnull}/none")
    with pytest.raises(dg.Failure) as failed:
        tick(instance)
    assert "/dev/null/none" in str(failed.value.description)
