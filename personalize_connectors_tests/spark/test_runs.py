"""Whole runs on a Spark cluster: jobs that move between engines, a master instead of Spark Connect, and a worker that dies."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace

import dagster as dg
import pytest

from personalize_connectors import layout
from personalize_connectors.cluster import Cluster
from personalize_connectors.emulators.braze import running
from personalize_connectors.engines import OneMachine
from personalize_connectors.errors import BadInput, BadSettings, ClusterFailed
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS, World
from personalize_connectors_tests.ports import free_ports
from personalize_connectors_tests.spark.local_cluster import settings
from personalize_connectors_tests.spark.stages import left_by, work_out
from personalize_connectors_tests.until import until

pytestmark = pytest.mark.spark

PERSONAL = Job("user_personalization", "daily")
LISTS = {f"u{number}": ["a", "b", "ghost"] for number in range(50)}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A job in a bucket, and an empty Braze."""
    with running() as emulator, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("CONNECTORS_ROOT", str(tmp_path / "bucket"))
        monkeypatch.setenv("BRAZE_REST_ENDPOINT_URL", emulator.url)
        monkeypatch.setenv("BRAZE_API_KEY", emulator.api_key)
        made = World(open_storage(str(tmp_path / "bucket"), create=True), emulator, instance)
        made.configure(PERSONAL)
        made.metadata(PERSONAL, {"a": {"name": "Lamp"}, "b": {"name": "Chair"}})
        made.answer(PERSONAL, 0, LISTS)
        yield made


def delta(outcome):
    """Added, changed and unchanged users of a run, and the requests."""
    assert outcome.failures == {}
    found = outcome.metadata["decorated_recommendations"]
    return found["added"], found["changed"], found["unchanged"], outcome.metadata["braze_sync"]["requests"]


def test_a_job_moves_from_one_engine_to_the_other(world, remote, monkeypatch):
    """A run on the cluster finds unchanged what a run on one machine delivered, and the other way round."""
    monkeypatch.setenv("SPARK_REMOTE", remote)
    found = [delta(world.run(PERSONAL, 0))]
    world.answer(PERSONAL, 1, LISTS | {"u1": ["b"], "new": ["a"]})
    for engine in ("spark", "local"):
        monkeypatch.setenv("CONNECTORS_ENGINE", engine)
        found.append(delta(world.run(PERSONAL, 1)))
    assert found == [(50, 0, 0, 1), (1, 1, 49, 1), (0, 0, 51, 0)]


def test_a_master_will_do_without_spark_connect(both, cluster, tmp_path):
    """With SPARK_MASTER the process of the run is the driver."""
    run = JobRun(PERSONAL, DAYS[0])
    both.world.configure(PERSONAL)
    both.world.answer(PERSONAL, 0, LISTS)
    work_out(OneMachine(both.session), both.world.bucket, run)
    expected = left_by(both.world.bucket, run)
    conf = "".join(
        f"{name} {value}\n" for name, value in {**settings(cluster), "spark.cores.max": "1"}.items()
    )
    (tmp_path / "spark-defaults.conf").write_text(conf)
    named = {
        "CONNECTORS_ENGINE": "spark",
        "CONNECTORS_ROOT": both.world.bucket.url,
        "JOB_RUN": run.key,
        "SPARK_CONF_DIR": str(tmp_path),
        "SPARK_MASTER": cluster.master,
    }
    command = [sys.executable, "-m", "personalize_connectors_tests.spark.stages"]
    subprocess.run(command, env=cluster.environment | named, check=True, timeout=120)
    assert left_by(both.world.bucket, run) == expected


def test_workers_may_die(both, cluster):
    """Workers that are killed in the middle of a stage, with what they held for others, lose nothing of the run."""
    run, world = JobRun(PERSONAL, DAYS[0]), both.world
    stages = {"batch_inference_raw": "worker-0", "decorated_recommendations": "worker-1"}
    world.configure(PERSONAL)
    world.metadata(PERSONAL, {"a": {"name": "Lamp"}})
    world.answer(PERSONAL, 0, {f"u{number}": ["a", "b"] for number in range(500)})
    work_out(OneMachine(both.session), world.bucket, run)
    expected = left_by(world.bucket, run)
    for asset in stages:
        world.bucket.clear(layout.stage(run, asset))

    def kill():
        for asset, worker in stages.items():
            place = world.root / layout.stage(run, asset)
            until(lambda place=place: len(list(place.glob("*-000*.parquet"))) > 1)
            cluster.kill(worker)
            cluster.add_worker(worker)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with ExitStack() as left:
            work_out(replace(both.spark, left=left, split_bytes=4000), world.bucket, run)
    finally:
        killer.join()
    assert left_by(world.bucket, run) == expected
    assert not list(world.root.rglob("*#*"))


def test_a_worker_says_what_is_wrong_with_an_input(both):
    """What a worker finds wrong with a file is told as one machine tells it."""
    job = Job("related_items", "daily")
    both.world.configure(job)
    both.world.answer(job, 0, {"a": ["b"]})
    both.world.write(f"{layout.mapping_folder(job)}/wrong.csv", "USER,ITEM\nu,a\n")
    with pytest.raises(BadInput, match=r"wrong\.csv has the header 'USER,ITEM'; it needs the columns"):
        work_out(both.spark, both.world.bucket, JobRun(job, DAYS[0]))


def test_workers_must_see_the_bucket(both, tmp_path):
    """A folder that workers do not see is told before anything is done."""
    from personalize_connectors.spark.root import Root
    from personalize_connectors.spark.session import probe

    with pytest.raises(
        BadSettings, match=r"on a worker of the Spark cluster the folder .*/nowhere' is not there"
    ):
        probe(both.spark.spark, Root(str(tmp_path / "nowhere"), ()))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (
            "sc://127.0.0.1:{0}/;token=secret",
            r"no Spark Connect server answers at sc://127.0.0.1:{0}/ \(SPARK_REMOTE\)",
        ),
        (
            "spark://127.0.0.1:{0}",
            r"no Spark master answers at spark://127.0.0.1:{0} \(SPARK_MASTER\): .*refused",
        ),
        (
            "spark://127.0.0.1:{0},127.0.0.1:{0}",
            r"no Spark master answers at spark://127.0.0.1:{0},127.0.0.1:{0} ",
        ),
    ],
)
def test_nobody_answers(session, tmp_path, address, told):
    """Where nobody answers, one line says where it was looked for, without what stands behind the port."""
    from personalize_connectors.spark.engine import open_cluster

    (port,) = free_ports(1)
    cluster = Cluster(address.format(port), 0)
    with (
        pytest.raises(ClusterFailed, match=told.format(port)) as failed,
        open_cluster(cluster, open_storage(str(tmp_path)), session),
    ):
        pass
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            "ModuleNotFoundError: No module named 'personalize_connectors.spark'",
            (
                "the workers of the Spark cluster have no personalize_connectors: install the same personalize-connectors, with its "
                "connectors, in the Python that they run (PYSPARK_PYTHON)"
            ),
        ),
        ("Job aborted.\nDriver stacktrace:", "the Spark cluster gave up: Job aborted."),
    ],
)
def test_an_error_of_the_cluster_is_one_line(said, text):
    """What Spark says over pages is told in a line, with what to do where that is known."""
    from pyspark.errors import PySparkException

    from personalize_connectors.spark.work import understood

    with pytest.raises((BadSettings, ClusterFailed)) as failed, understood():
        raise PySparkException(said)
    assert str(failed.value) == text
