"""The table of the bucket."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.test_job_run import RUNS

RUN = JobRun(Job("related_items", "similar"), datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC))
FOLDER = "etl_jobs/related_items/similar"
AT = "year=2026/month=11/day=22/time=030405"

PATHS_OF_A_RUN = {
    "stage": lambda run: layout.stage(run, "braze_sync"),
    "another stage": lambda run: layout.stage(run, "connector_state"),
    "errors": layout.errors,
    "output": lambda run: layout.output(run, "braze"),
    "another output": lambda run: layout.output(run, "klaviyo"),
    "state": lambda run: layout.delivered_run(run, "braze", "state"),
    "receipts": lambda run: layout.delivered_run(run, "braze", "receipts"),
    "dead letters": lambda run: layout.delivered_run(run, "braze", "dead_letters"),
}
PATHS_OF_A_JOB = {
    "config": layout.config_file,
    "mapping": layout.mapping_folder,
    "metadata": layout.metadata_folder,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (layout.job_folder(RUN.job), FOLDER),
        (layout.config_file(RUN.job), f"{FOLDER}/config.json"),
        (layout.mapping_folder(RUN.job), f"{FOLDER}/input/user_item_mapping"),
        (layout.metadata_folder(RUN.job), f"{FOLDER}/input/item_metadata"),
        (layout.partition(RUN.run_at), AT),
        (layout.partition(RUN.run_at.astimezone(timezone(timedelta(hours=9)))), AT),
        (layout.stage(RUN, "batch_inference_raw"), f"{FOLDER}/stages/batch_inference_raw/{AT}"),
        (layout.errors(RUN), f"{FOLDER}/errors/{AT}"),
        (layout.request(RUN, "0a1b", 0), f"{FOLDER}/requests/{AT}/0a1b-0.json"),
        (layout.report(RUN), f"{FOLDER}/reports/{AT}/report.html"),
        (layout.figures(RUN), f"{FOLDER}/reports/{AT}/figures.json"),
        (layout.output(RUN, "braze"), f"{FOLDER}/output/braze/{AT}"),
        (layout.delivered(RUN.job, "braze", "state"), f"{FOLDER}/output/braze/state"),
        (layout.delivered_run(RUN, "braze", "state"), f"{FOLDER}/output/braze/state/{AT}"),
        (layout.delivered_run(RUN, "braze", "receipts"), f"{FOLDER}/output/braze/receipts/{AT}"),
        (layout.delivered_run(RUN, "braze", "dead_letters"), f"{FOLDER}/output/braze/dead_letters/{AT}"),
    ],
)
def test_spells_every_path(path, expected):
    """Each path of the design's table is spelled as it stands there."""
    assert path == expected


def test_refuses_another_kind_of_delivered():
    """What a connector keeps is state, receipts, dead letters or what is in flight."""
    with pytest.raises(
        ValueError, match=r"^'sent' is not one of \('state', 'receipts', 'dead_letters', 'in_flight'\)$"
    ):
        layout.delivered(RUN.job, "braze", "sent")


@given(RUNS)
def test_reads_the_timestamps_that_it_spells(run):
    """The run timestamp comes back from every path of a run."""
    found = {name: layout.run_at_of(path(run) + "/part.parquet") for name, path in PATHS_OF_A_RUN.items()}
    assert found == dict.fromkeys(PATHS_OF_A_RUN, run.run_at)


@given(st.lists(RUNS, unique=True, max_size=5))
def test_gives_nothing_two_meanings(runs):
    """Paths of different runs, jobs or purposes are never equal, nor one inside the other's files."""
    of_runs = [path(run) for run in runs for path in PATHS_OF_A_RUN.values()]
    of_jobs = [path(job) for job in {run.job for run in runs} for path in PATHS_OF_A_JOB.values()]
    paths = of_runs + of_jobs
    assert len(set(paths)) == len(paths)
    assert not [(a, b) for a in paths for b in paths if a.startswith(f"{b}/")]


@given(RUNS)
def test_stays_below_the_job(run):
    """No name of a job leads a path out of the job's own folder."""
    folder = PurePosixPath("etl_jobs", run.job.job_type, run.job.name)
    paths = [path(run) for path in PATHS_OF_A_RUN.values()]
    paths += [path(run.job) for path in PATHS_OF_A_JOB.values()]
    for path in map(PurePosixPath, paths):
        assert (path.is_relative_to(folder), {"..", "."} & set(path.parts)) == (True, set())


@pytest.mark.parametrize(
    ("path", "at"),
    [
        (AT, RUN.run_at),
        (f"a/{AT}/_SUCCESS", RUN.run_at),
        ("", None),
        (FOLDER, None),
        ("year=2026/month=13/day=01/time=000000", None),
        ("year=2026/month=1/day=01/time=000000", None),
        ("year=2026/month=11/day=22", None),
    ],
)
def test_reads_a_timestamp_only_where_there_is_one(path, at):
    """A path without a whole and possible timestamp has none."""
    assert layout.run_at_of(path) == at
