"""Where Dagster would find the code of a job whose run it started."""

from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin


def job_origin(name: str) -> RemoteJobOrigin:
    """Of a job with this name, in a file that need not be there."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(python_file="code.py"), "code")
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
