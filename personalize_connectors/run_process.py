"""The process of one run: Dagster's own command, and beside it a look at the run's status, by which a run is ended from elsewhere.

The webserver that a person asks to end a run may be in another container, from where no signal reaches the process.
"""

import os
import signal
import sys
import threading
import time

import dagster as dg
from dagster._cli import cli
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import deserialize_value

from personalize_connectors.process_end import run_and_end

_SECONDS = 5
_ENDED = {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}


def interrupt_when_ended(text: str) -> None:
    """Interrupt this process once its run is ended by somebody else; `text` says which run, in Dagster's words."""
    run = deserialize_value(text, ExecuteRunArgs)
    with dg.DagsterInstance.from_ref(run.instance_ref) as instance:  # type: ignore[arg-type] # the launcher gives it
        ended = False
        while not ended:
            time.sleep(_SECONDS)  # whoever ends the run tells only the database
            ended = _is_ended(instance, run.run_id)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        run = instance.get_run_by_id(run_id)
    except Exception:  # noqa: BLE001 - while the database is away the run goes on, and is looked at again
        return False
    return run is not None and run.status in _ENDED


if __name__ == "__main__":
    threading.Thread(target=interrupt_when_ended, args=sys.argv[-1:], daemon=True).start()
    run_and_end(cli)
