"""The command line: what it prints, and the exit codes that scripts rely on."""

import json
import sys

import pytest

from personalize_connectors import layout
from personalize_connectors.cli import main
from personalize_connectors.delivery.lease import Timing, lease
from personalize_connectors.job_run import Job
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.cli.one_job import KEY, OUTPUT, add_output


def test_new_job_is_a_config_that_validates(bucket, command):
    """A new job's commented config.json is right as it stands."""
    code, printed, _ = command("new-job", "related_items", "similar")
    assert code == 0
    assert f"{bucket}/etl_jobs/related_items/similar/config.json" in printed
    mapping = bucket / "etl_jobs/related_items/similar/input/user_item_mapping/views.csv"
    mapping.write_text("USER_ID,ITEM_ID\nana,lamp\n")
    code, printed, _ = command("validate", "related_items/similar")
    assert code == 0
    assert (
        "ok      related_items/similar: config.json is right; 0 items with metadata; 0 batch outputs"
        in printed
    )


def test_new_job_never_overwrites(bucket, command):
    """A job that is there already is left alone."""
    command("new-job", "user_personalization", "daily")
    config = bucket / "etl_jobs/user_personalization/daily/config.json"
    config.write_text("mine")
    code, _, error = command("new-job", "user_personalization", "daily")
    assert (code, config.read_text()) == (2, "mine")
    assert "is there already; choose another name" in error


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "user_personalization/dayly"], 2, "Did you mean user_personalization/daily?"),
        (["run", "user_personalisation/daily"], 2, "Did you mean user_personalization?"),
        (["run", "daily"], 2, "'daily' is not a job: write <job_type>/<job_name>"),
        (["run", "user_personalization/../daily"], 2, "is not of the form"),
        (
            ["run", "user_personalization/daily", "--at", "yesterday"],
            2,
            "timestamp 'yesterday' is not of the form",
        ),
        (["run", "user_personalization/daily", "--at", "2026-11-21"], 2, "younger than the run"),
        (["plan", "user_personalization/dayly"], 2, "Did you mean user_personalization/daily?"),
        (["plan", "user_personalization/daily", "--at", "2026-11-21"], 2, "younger than the run"),
        (["plan", "user_personalization/daily", "--jason"], 2, "No such option '--jason'"),
        (["add-run", "related_items/none"], 2, "personalize-connectors new-job related_items none"),
        (["runn"], 2, "No such command 'runn'"),
        (["new-job", "rankings", "x"], 2, "is not one of"),
        (["emulate", "braze", "--port", "99999"], 2, "99999"),
    ],
)
def test_typing_mistakes(bucket, command, arguments, code, words):
    """A typing mistake is told in words, with what would be right, and exit code 2."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    ended, _, error = command(*arguments)
    assert ended == code
    assert words in error
    assert "Traceback" not in error


def test_a_bad_bucket_is_told_in_words(command, monkeypatch):
    """A root that is neither folder nor S3 is an error with exit code 2."""
    monkeypatch.setenv("CONNECTORS_ROOT", "ftp://bucket")
    assert command("jobs") == (
        2,
        "",
        "error: CONNECTORS_ROOT: 'ftp://bucket' is neither a local folder nor s3://bucket[/prefix]\n",
    )


@pytest.mark.parametrize("arguments", [["run"], ["plan"], ["validate"], ["redrive"], ["backfill"]])
def test_spark_without_pyspark_is_refused_at_once(bucket, command, monkeypatch, arguments):
    """Where the engine is Spark and PySpark is not installed, commands say so before they begin anything."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setenv("CONNECTORS_ENGINE", "spark")
    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost:15002")
    since = ["--since", "2026-11-01"] if arguments == ["backfill"] else []
    code, printed, error = command(*arguments, "user_personalization/daily", *since)
    text = "CONNECTORS_ENGINE is spark, and PySpark is not installed: pip install 'personalize-connectors[spark]'"
    assert (code, printed, error) == (2, "", f"error: {text}\n")


def test_debug_shows_the_traceback(bucket):
    """With --debug an error comes as Python has it."""
    bucket.mkdir()
    from personalize_connectors.errors import NotFound

    with pytest.raises(NotFound):
        main(["--debug", "run", "user_personalization/daily"])


def test_validate_lists_all_that_is_wrong(bucket, command):
    """Every problem of a config is one line, and the exit code is 1."""
    folder = bucket / "etl_jobs/user_personalization/daily"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(
        '{"batchInferencPath": "x", "itemsPerUser": "many", "connectors": {"braze": {"payload": "list"}}}'
    )
    code, printed, _ = command("validate")
    assert code == 1
    assert len([line for line in printed.splitlines() if line.startswith("error")]) == 4
    assert "$.batchInferencPath: unknown key; did you mean 'batchInferencePath'?" in printed


def test_validate_names_jobs_that_write_the_same(command):
    """Two jobs that write one attribute of one destination are named."""
    for name in ("daily", "weekly"):
        command("new-job", "user_personalization", name)
    code, printed, _ = command("validate")
    assert code == 0
    text = (
        "user_personalization/daily and user_personalization/weekly both write recommendation_items of braze"
    )
    assert text in printed


def test_schema_is_json(command):
    """The schema of config.json is printed as JSON and names the connectors."""
    code, printed, _ = command("schema")
    assert code == 0
    assert list(json.loads(printed)["properties"]["connectors"]["properties"]) == ["braze", "braze_catalog"]


def test_run_delivers_and_jobs_shows_it(bucket, command, emulator):
    """A run delivers to the destination, prints its figures, and stands in the list of jobs."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp", "tea"], "ben": ["tea"]})
    code, printed, lines = command("run", "user_personalization/daily")
    assert code == 0
    assert KEY in printed
    assert "2 accepted, 0 rejected in 1 requests" in lines
    assert sorted(emulator.profiles()) == ["ana", "ben"]
    code, printed, _ = command("jobs")
    assert printed.splitlines()[1].split()[:3] == [
        "user_personalization/daily",
        "2026-11-22T03-00-00Z",
        "success",
    ]
    assert printed.splitlines()[1].split()[-3:] == ["2", "2", "0"]


def test_add_run_prints_the_key_alone(bucket, command):
    """The key is all that stands on standard output, so that a script can take it."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    assert command("add-run", "user_personalization/daily") == (0, f"{KEY}\n", "")
    later = "user_personalization/daily|2026-11-23T00-00-00Z\n"
    assert command("add-run", "user_personalization/daily", "--at", "2026-11-23") == (0, later, "")


def test_a_failed_run_ends_with_1_and_what_to_do(bucket, command):
    """Without a destination nothing is read, and the error says what to set."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    code, _, error = command("run", "user_personalization/daily")
    assert code == 1
    assert "failed batch_inference_raw: BRAZE_REST_ENDPOINT_URL and BRAZE_API_KEY not set" in error
    assert "Traceback" not in error
    assert not (bucket / "etl_jobs/user_personalization/daily/stages").exists()


def test_a_drop_of_users_is_let_through_on_request(bucket, command, emulator):
    """A run that a drop of users blocks says so, and delivers with --allow-user-drop."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {f"user-{number}": ["lamp"] for number in range(10)}, OUTPUT.replace("11_22", "11_21"))
    assert command("run", "user_personalization/daily")[0] == 0
    add_output(bucket, {"user-0": ["tea"]})
    code, _, error = command("run", "user_personalization/daily")
    assert code == 1
    assert "a drop of 90.0%, at most 30.0%" in error
    code, _, _ = command("run", "user_personalization/daily", "--allow-user-drop")
    assert code == 0
    assert emulator.profiles()["user-0"]["recommendation_items"] == [{"itemId": "tea"}]


def test_an_older_run_is_let_through_on_request(bucket, command, emulator):
    """A run older than what was delivered is refused, and delivers with --allow-older-run."""
    command("new-job", "user_personalization", "daily")
    older = OUTPUT.replace("11_22", "11_21")
    add_output(bucket, {"ana": ["lamp"]}, older)
    add_output(bucket, {"ana": ["tea"]})
    assert command("run", "user_personalization/daily")[0] == 0
    code, _, error = command("run", "user_personalization/daily", "--at", "2026-11-21T03:00:00Z")
    assert code == 1
    assert "2026-11-22T03-00-00Z was delivered to braze already, and this run is older" in error
    assert emulator.profiles()["ana"]["recommendation_items"] == [{"itemId": "tea"}]
    code, _, _ = command(
        "run", "user_personalization/daily", "--at", "2026-11-21T03:00:00Z", "--allow-older-run"
    )
    assert code == 0
    assert emulator.profiles()["ana"]["recommendation_items"] == [{"itemId": "lamp"}]


def test_a_busy_destination_ends_with_3(bucket, command, emulator):
    """While another run delivers, the exit code says that the same can succeed later, and nothing is sent."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    folder = layout.lease(Job("user_personalization", "daily"), "braze")
    with lease(open_storage(str(bucket)), folder, "the other run", Timing(8.0)):
        code, _, error = command("run", "user_personalization/daily")
    assert (code, "the other run delivers right now" in error) == (3, True)
    assert emulator.profiles() == {}


def test_the_storage_is_told_in_words(bucket, command):
    """What the storage refuses is a sentence, and exit code 3."""
    folder = bucket / "etl_jobs/user_personalization/daily"
    folder.mkdir(parents=True)
    (folder / "config.json").symlink_to("config.json")
    code, _, error = command("run", "user_personalization/daily")
    assert (code, "Traceback" in error, "Debug source" in error) == (3, False, False)
    assert error.startswith("error: ")


@pytest.mark.parametrize("arguments", ["jobs", "validate", "add-run user_personalization/daily", "prune"])
def test_a_bucket_that_is_not_there_is_not_made(arguments, bucket, command):
    """A mistyped CONNECTORS_ROOT is told by its name, and no folder is made of it; `new-job` makes one."""
    told = f"error: CONNECTORS_ROOT: the folder '{bucket}' is not there\n"
    assert (command(*arguments.split()), bucket.exists()) == ((2, "", told), False)
