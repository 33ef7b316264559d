"""What runs submitted jobs where AWS is moto, which starts nothing: our script, as a process with Spark of its own.

Real are the requests to AWS and its answers as moto has them, the arguments that they carry, the script, PySpark and the bucket. Not
real are the services: what of a submission they would read (the job's definition, words for spark-submit, the role) is not used, a job
runs on this machine with `local[1]`, and its state at moto is set when the process has ended. To stop a job, moto knows only at EMR
Serverless; the stand-in hears the request at all of them, before moto answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.moto_api import state_manager

from personalize_connectors_tests.s3 import KEYS, serving

SCRIPT = str(Path(__file__).parents[2] / "personalize_connectors" / "spark" / "job_script.py")
JOB = "recommendations"

_ENDED = {
    "glue": ("SUCCEEDED", "FAILED"),
    "emr": ("COMPLETED", "FAILED"),
    "emr-serverless": ("SUCCESS", "FAILED"),
}


def _nothing() -> None:
    pass


@dataclass
class StandIn:
    """The jobs that were submitted.

    Attributes:
        url: Where AWS is.
        environment: Of the processes; no secret of a destination is in it.
        program: What is run in place of our script, where it is set.
        on_start: What is done once a job runs.
        submitted: Service of each job.
        stopped: How many times a job was to be stopped.
    """

    url: str
    environment: dict[str, str]
    program: tuple[str, ...] = (SCRIPT,)
    on_start: Callable[[], None] = _nothing
    submitted: list[str] = field(default_factory=list)
    stopped: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def hear(self, request: dict[str, Any]) -> None:
        """See that a job is submitted, or to be stopped, in a request that moto will answer."""
        asked = request.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or (
            f"{request['REQUEST_METHOD']} {request['PATH_INFO'].rpartition('/jobruns')[1]}"
        )
        if asked in _STARTS:
            service, arguments = _STARTS[asked]
            self.submitted.append(service)
            self._run(service, arguments(_body(request)))
        elif asked in ("BatchStopJobRun", "CancelSteps", "DELETE /jobruns"):
            self.stopped += 1
            self.kill()

    def _run(self, service: str, arguments: list[str]) -> None:
        command = [sys.executable, *self.program, *arguments]
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self.running.append(process)
        self.threads.append(threading.Thread(target=self._end, args=(service, process)))
        self.threads[-1].start()

    def _end(self, service: str, process: subprocess.Popen[bytes]) -> None:
        self.on_start()
        failed = process.wait() != 0
        _set_state(service, _ENDED[service][failed])

    def kill(self) -> None:
        """Kill what runs, with what it started."""
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


_STARTS: Mapping[str, tuple[str, Callable[[Any], list[str]]]] = {
    "StartJobRun": ("glue", lambda body: [word for pair in body["Arguments"].items() for word in pair]),
    "AddJobFlowSteps": ("emr", lambda body: _after_script(body["Steps"][0]["HadoopJarStep"]["Args"])),
    "POST /jobruns": ("emr-serverless", lambda body: body["jobDriver"]["sparkSubmit"]["entryPointArguments"]),
}


def _after_script(words: list[str]) -> list[str]:
    script = next(number for number, word in enumerate(words) if word.endswith(".py"))
    return words[script + 1 :]


def _body(request: dict[str, Any]) -> Any:
    content = request["wsgi.input"].read(int(request["CONTENT_LENGTH"]))
    request["wsgi.input"] = BytesIO(content)
    return json.loads(content)


def _set_state(service: str, state: str) -> None:
    region = "us-east-1" if service == "emr" else KEYS["AWS_REGION"]  # where moto's server has all of EMR
    backend = get_backend(service.replace("-", ""))["123456789012"][region]  # type: ignore[call-overload] # moto lists its services by name
    if service == "glue":
        backend.jobs[JOB].job_runs[-1].status = state
    elif service == "emr":
        [*_, cluster] = backend.clusters.values()
        cluster.steps[-1].state = state
    else:
        [*_, runs] = backend.job_runs.values()
        runs[-1].state = state


@contextmanager
def standing_in(folder: Path) -> Iterator[StandIn]:
    """An AWS that runs what is submitted, until the block ends."""
    stand_in = StandIn("", {})
    with serving(stand_in.hear) as url:
        stand_in.url = url
        (folder / "spark-defaults.conf").write_text(
            "spark.master local[1]\nspark.driver.memory 600m\nspark.sql.shuffle.partitions 1\n"
            "spark.ui.enabled false\nspark.driver.extraJavaOptions -XX:+UseSerialGC -XX:TieredStopAtLevel=1\n"
        )
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}
        stand_in.environment = {
            **kept,
            **KEYS,
            "AWS_ENDPOINT_URL": url,
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SPARK_CONF_DIR": str(folder),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "TMPDIR": str(folder),
        }
        state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1_000_000})
        try:
            yield stand_in
        finally:
            stand_in.kill()
            for thread in stand_in.threads:
                thread.join()
            state_manager.unset_transition("glue::job_run")
