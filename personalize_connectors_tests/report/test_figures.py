"""Figures beside the reports: noted asset by asset, and read by later reports."""

from datetime import UTC, datetime

import pytest

from personalize_connectors import layout
from personalize_connectors.errors import NotFound
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.report.figures import RunFigures, history, note, read_figures
from personalize_connectors.report.run_report import find_report, write_report

JOB = Job.parse("user_personalization/daily")


def run(day):
    """The run of a day."""
    return JobRun(JOB, datetime(2026, 11, day, 3, tzinfo=UTC))


def test_assets_add_to_the_figures_and_the_first_begins_anew(anywhere):
    """What an asset notes twice is merged, and a run that is run again keeps nothing of the time before."""
    note(anywhere, run(1), "batch_inference_raw", figures={"lines": 3})
    note(anywhere, run(1), "user_recommendations", figures={"users": 2}, stopped=[])
    note(anywhere, run(1), "user_recommendations", stopped=["a drop"])
    found = read_figures(anywhere, run(1))
    assert found == RunFigures(
        run(1),
        {
            "batch_inference_raw": {"figures": {"lines": 3}},
            "user_recommendations": {"figures": {"users": 2}, "stopped": ["a drop"]},
        },
    )
    assert found.stopped == [("user_recommendations", "a drop")]
    note(anywhere, run(1), "batch_inference_raw", figures={"lines": 4})
    assert read_figures(anywhere, run(1)).assets == {"batch_inference_raw": {"figures": {"lines": 4}}}


def test_the_history_is_the_runs_before_and_the_run(anywhere):
    """The newest runs up to the run itself, oldest first; younger runs and what cannot be read are left out."""
    for day in (1, 2, 3, 4, 5):
        note(anywhere, run(day), "batch_inference_raw", figures={"lines": day})
    anywhere.write(layout.figures(run(3)), b"{")
    assert [one.run for one in history(anywhere, run(4), 3)] == [run(2), run(4)]


def test_the_newest_report_is_found_and_a_missing_one_written(anywhere):
    """The report of the newest run or of a timestamp; a job that never ran has none, and is told so."""
    for day in (1, 2):
        note(anywhere, run(day), "batch_inference_raw", figures={"lines": day})
    assert not anywhere.exists(layout.report(run(2)))
    assert find_report(anywhere, JOB, None, pictures=False) == layout.report(run(2))
    assert anywhere.read(layout.report(run(2))).startswith(b"<!doctype html>")
    assert find_report(anywhere, JOB, run(1).run_at, pictures=False) == layout.report(run(1))
    with pytest.raises(NotFound, match=r"has no report of 2026-11-03T03-00-00Z below .*; a run writes one"):
        find_report(anywhere, JOB, run(3).run_at, pictures=False)
    with pytest.raises(NotFound, match="left no figures"):
        write_report(anywhere, run(3), pictures=False)
