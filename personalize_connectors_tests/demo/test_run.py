"""The demo, end to end."""

import os
import re
import shlex
import sys
from shutil import which

import pytest

from personalize_connectors.demo.run import run_demo, run_demo_on_s3
from personalize_connectors.errors import BadSettings


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("CONNECTORS_ROOT", "")
    monkeypatch.setenv("BRAZE_REST_ENDPOINT_URL", "https://rest.iad-01.braze.com")
    monkeypatch.setenv("BRAZE_API_KEY", "a real key")


def test_the_demo_runs_twice_in_an_empty_folder(tmp_path, monkeypatch, capsys):
    """The demo delivers both days to its own emulator, whatever the environment says; again, it leaves alone what is not its own.

    What it says to look at next can be typed as it stands, also where our environment is not active.
    """
    monkeypatch.setenv("PATH", os.defpath)
    folder = tmp_path / "my shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    mine = folder / "bucket/etl_jobs/user_personalization/daily/config.json"
    for root in (None, str(folder / "bucket")):
        assert run_demo(1000, root)
        printed = capsys.readouterr().out
        assert printed.count("accepted / rejected") == 4
        assert "│ 996 / 0 │" in re.sub(" +", " ", printed)
        assert "The profile of user-000001 in the emulator now:" in printed
        (command,) = [line for line in printed.splitlines() if "dagster dev" in line]
        assert shlex.split(command)[:2] == [
            f"DAGSTER_HOME={folder / '.dagster'}",
            f"CONNECTORS_ROOT={folder / 'bucket'}",
        ]
        (jobs,) = [line for line in printed.splitlines() if line.endswith("   the jobs and their last runs")]
        assert [which(shlex.split(command)[2]), which(shlex.split(jobs)[0])] == [
            f"{sys.prefix}/bin/dagster",
            f"{sys.prefix}/bin/personalize-connectors",
        ]
        assert not mine.exists() or mine.read_text() == "mine"
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")
    assert (folder / "bucket/etl_jobs/user_personalization/demo_picks_for_you/config.json").is_file()


def test_the_demo_runs_twice_on_an_s3_that_is_there(s3, capsys):
    """An S3 that the environment names is used; what an earlier demo left there is removed, and nothing else."""
    for bucket in ("connectors-demo", "personalize-demo"):
        place = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    s3.put_object(
        Bucket="connectors-demo", Key="etl_jobs/user_personalization/daily/config.json", Body=b"mine"
    )
    for _ in range(2):
        assert run_demo_on_s3(1000)
        assert "│ 996 / 0 │" in re.sub(" +", " ", capsys.readouterr().out)
    found = s3.get_object(Bucket="connectors-demo", Key="etl_jobs/user_personalization/daily/config.json")
    assert found["Body"].read() == b"mine"


@pytest.mark.usefixtures("s3")
def test_an_s3_that_does_not_answer_is_told(monkeypatch):
    """The error names the S3 that the environment names."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BadSettings, match=r"the demo cannot make its buckets at http://127\.0\.0\.1:9: "):
        run_demo_on_s3(100)


def test_the_demo_keeps_off_s3():
    """The demo refuses a bucket that is not a local folder."""
    with pytest.raises(BadSettings, match="the demo works in a local folder, not in s3://bucket"):
        run_demo(100, "s3://bucket")
