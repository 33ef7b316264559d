"""The commands that tell of runs."""

from personalize_connectors import layout
from personalize_connectors.job_run import JobRun
from personalize_connectors.report.figures import note
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.cli.one_job import KEY


def test_jobs_says_where_it_looked(command, bucket):
    """Where there is no job the place is named, and so are folders that are none."""
    bucket.mkdir()
    assert command("jobs") == (
        0,
        f"There is no job yet in {bucket}/etl_jobs; make one: personalize-connectors new-job JOB_TYPE NAME\n",
        "",
    )
    (bucket / "etl_jobs/related_item/x").mkdir(parents=True)
    assert command("jobs")[2] == (
        f"{bucket}/etl_jobs/related_item/x is no job: its type is unknown or its name is not of the form\n"
    )


def test_report_prints_where_it_is(command, bucket):
    """The path of the newest run's report, written where it is missing; without any run there is none."""
    bucket.mkdir()
    assert command("report", "user_personalization/daily")[0] == 2
    run = JobRun.parse(KEY)
    note(open_storage(str(bucket)), run, "batch_inference_raw", figures={"lines": 3})
    path = bucket / layout.report(run)
    assert command("report", "user_personalization/daily") == (0, f"{path}\n", "")
    assert "lines read" in path.read_text()
