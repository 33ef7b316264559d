from datetime import UTC, datetime, timedelta

import orjson
import pytest

from personalize_connectors import layout
from personalize_connectors.housekeeping.outdated import outdated
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.retention import Retention

DAILY = Job("user_personalization", "daily")
RUNS = [JobRun(DAILY, datetime(2026, 11, day, 3, tzinfo=UTC)) for day in range(1, 8)]
ALL_AT_ONCE = Retention(timedelta(0), timedelta(0), timedelta(0), 1)
NOW = datetime.now(UTC) + timedelta(days=10)


def put(bucket, folder, *names, **manifest):
    """A complete folder with these files."""
    for name in names:
        bucket.write(f"{folder}/{name}", b"content")
    bucket.write(f"{folder}/{layout.SUCCESS}", orjson.dumps(manifest))


def state(bucket, run, *folded):
    """A state that holds these receipts, written in the order of the runs."""
    folder = layout.delivered_run(run, "braze", "state")
    put(bucket, folder, "part-0.parquet", written_at=run.run_at.isoformat(), folded=list(folded))


def receipts(bucket, run, name, *, rejected=False):
    """One file of receipts, and its dead letters; gives its path."""
    path = f"{layout.delivered_run(run, 'braze', 'receipts')}/{name}.parquet"
    bucket.write(path, b"receipts")
    if rejected:
        bucket.write(f"{layout.delivered_run(run, 'braze', 'dead_letters')}/{name}.json", b"letters")
    return path


def gone(bucket, retention=ALL_AT_ONCE, now=NOW):
    """The paths of all objects that are past their retention."""
    found = outdated(bucket, DAILY, retention, now).leftovers
    return sorted(entry.path for each in found for entry in each.objects)


@pytest.mark.parametrize(
    ("days", "what"),
    [(6, set()), (8, {"stages"}), (31, {"stages", "records"}), (91, {"stages", "records", "receipts"})],
)
def test_each_kind_goes_at_its_age(anywhere, days, what):
    """Stages go after 7 days, records, errors and requests after 30, receipts and dead letters after 90."""
    old, newest = RUNS[:2]
    for run in (old, newest):
        put(anywhere, layout.stage(run, "batch_inference_raw"), "part-0.parquet")
        put(anywhere, layout.output(run, "braze"), "part-0.json.zst")
        put(anywhere, layout.errors(run), "part-0.json")
        anywhere.write(layout.request(run, "1", 0), b"{}")
    paths = [receipts(anywhere, run, "a", rejected=True) for run in (old, newest)]
    state(anywhere, newest, *paths)
    written = datetime.now(UTC)
    found = outdated(anywhere, DAILY, Retention(), written + timedelta(days=days)).leftovers
    assert {entry.kind for entry in found} == what
    assert {entry.run_at for entry in found} <= {old.run_at}
    assert len(found) == {0: 0, 1: 1, 2: 4, 3: 6}[len(what)]


def test_what_is_not_a_runs_stays(anywhere):
    """Inputs, config, leases, what is in flight, and files of other people are no leftovers."""
    run = RUNS[0]
    for path in (
        layout.config_file(DAILY),
        f"{layout.mapping_folder(DAILY)}/year=2026/month=11/day=01/time=030000/a.csv",
        f"{layout.metadata_folder(DAILY)}/a.json",
        f"{layout.lease(DAILY, 'braze')}/1.json",
        f"{layout.delivered_run(run, 'braze', 'in_flight')}/a.parquet",
        f"{layout.job_folder(DAILY)}/output/braze/notes/{layout.partition(run.run_at)}/a.txt",
        f"{layout.job_folder(DAILY)}/stages/readme.txt",
    ):
        anywhere.write(path, b"content")
    assert gone(anywhere) == []


def test_the_newest_run_of_each_stage_stays(anywhere):
    """What the next run compares with, and a redrive reads, is kept however old; also where later runs were stopped half-way."""
    for run in RUNS[:3]:
        put(anywhere, layout.stage(run, "batch_inference_raw"), "part-0.parquet")
    for run in RUNS[:2]:
        put(anywhere, layout.stage(run, "decorated_recommendations"), "part-0.parquet")
        put(anywhere, layout.output(run, "braze"), "part-0.json.zst")
    anywhere.write(f"{layout.stage(RUNS[3], 'batch_inference_raw')}/part-0.parquet", b"died")
    kept = {layout.partition(run.run_at) for run in RUNS[1:3]}
    assert {path.partition("/year=")[2].rpartition("/")[0] for path in gone(anywhere)} == {
        layout.partition(run.run_at).removeprefix("year=") for run in (RUNS[0], RUNS[3])
    }
    assert not [path for path in gone(anywhere) if any(partition in path for partition in kept)]


def test_receipts_that_no_state_holds_stay(anywhere):
    """Unfolded receipts and their dead letters are the truth until a state holds them."""
    folded = receipts(anywhere, RUNS[0], "a", rejected=True)
    receipts(anywhere, RUNS[0], "b", rejected=True)
    state(anywhere, RUNS[1], folded, receipts(anywhere, RUNS[1], "c"))
    assert gone(anywhere) == [folded.replace("receipts", "dead_letters").replace("parquet", "json"), folded]


def test_without_a_state_all_receipts_stay(anywhere):
    """A connector that never wrote a state keeps all its receipts."""
    for run in RUNS[:3]:
        receipts(anywhere, run, "a", rejected=True)
    assert gone(anywhere) == []


def test_the_newest_states_stay(anywhere):
    """Of the states so many of the newest are kept, by when they were written."""
    for run in RUNS[:5]:
        state(anywhere, run)
    keep_two = Retention(states=2)
    assert {
        path.partition("/year=")[2].partition("/part")[0].partition("/_")[0]
        for path in gone(anywhere, keep_two)
    } == {layout.partition(run.run_at).removeprefix("year=") for run in RUNS[:3]}


def test_a_state_that_may_be_read_stays(anywhere):
    """A state that was written today is not removed, whatever the number."""
    for run in RUNS[:5]:
        state(anywhere, run)
    assert gone(anywhere, now=datetime.now(UTC)) == []


def test_a_state_that_was_not_finished_is_no_state(anywhere):
    """What a run left that died while it wrote its state counts for none, and goes."""
    folder = layout.delivered_run(RUNS[5], "braze", "state")
    anywhere.write(f"{folder}/part-0.parquet", b"died")
    state(anywhere, RUNS[0])
    state(anywhere, RUNS[1])
    assert gone(anywhere, Retention(states=2)) == [f"{folder}/part-0.parquet"]


def test_items_of_a_catalog_stay_as_long_as_receipts(anywhere):
    """The stages that say which items an older list names are kept until no such list can be told any more."""
    for run in RUNS[:2]:
        put(anywhere, layout.stage(run, "decorated_recommendations"), "braze_catalog-00000-ab.parquet")
        put(anywhere, layout.stage(run, "user_recommendations"), "lists-00000-ab.parquet")
    found = gone(anywhere, Retention(stages=timedelta(days=1), receipts=timedelta(days=30)))
    assert {path.split("/")[4] for path in found} == {"user_recommendations"}
    found = gone(anywhere, Retention(stages=timedelta(days=1), receipts=timedelta(days=2)))
    assert {path.split("/")[4] for path in found} == {"user_recommendations", "decorated_recommendations"}
