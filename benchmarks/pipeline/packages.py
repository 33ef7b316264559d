"""The package that is measured: this checkout's, or that of another commit beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize_connectors.errors import BadSettings

_CHECKOUT = Path(__file__).parents[2]
_COMPILED = Path("personalize_connectors/engine/kernels")
# Stages only look whether these are there.
_NOWHERE = {"BRAZE_REST_ENDPOINT_URL": "http://127.0.0.1:9", "BRAZE_API_KEY": "benchmark"}


@dataclass(frozen=True)
class Package:
    """A package to measure.

    Attributes:
        name: The commit, as it was given.
        folder: Holds `personalize_connectors`, and this checkout's `benchmarks`.
    """

    name: str
    folder: Path

    def environment(self, root: Path) -> dict[str, str]:
        """The environment of a process that uses it on a bucket."""
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        told = {"PYTHONPATH": path, "CONNECTORS_ROOT": str(root)}
        # Else each process that is measured would compile what it imports of a package that nobody installed.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**_NOWHERE, **kept, **told}

    def figures(self, root: Path, module: str, *arguments: str) -> dict[str, Any]:
        """What a module of `benchmarks.pipeline` prints in a fresh process."""
        command = [sys.executable, "-m", f"benchmarks.pipeline.{module}", *arguments]
        os.sync()  # what was written before may still be on its way to the disk
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.folder, env=self.environment(root)
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
        return found


OURS = Package("ours", _CHECKOUT)


@contextmanager
def other_package(commit: str) -> Iterator[Package]:
    """The package of another commit, in a temporary folder; it must have the assets and folders that the benchmark uses.

    Raises:
        BadSettings: git cannot give it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = [
            "git",
            "-C",
            str(_CHECKOUT),
            "archive",
            "--end-of-options",
            commit,
            "personalize_connectors",
        ]
        try:
            packed = subprocess.run(archive, check=True, capture_output=True).stdout
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            why = getattr(error, "stderr", None) or str(error).encode()
            raise BadSettings(
                f"the package of commit {commit!r} cannot be had: {why.decode().strip()}"
            ) from None
        subprocess.run(["tar", "-x", "-C", name], check=True, input=packed)
        (folder / "benchmarks").symlink_to(_CHECKOUT / "benchmarks")
        package = Package(commit, folder)
        _compile(package)
        yield package


def _compile(package: Package) -> None:
    """As `make` does for ours, so that it is in no figure: the compiled functions, and with them the bytecode of what they import."""
    if (package.folder / _COMPILED / "__main__.py").is_file():
        command = [sys.executable, "-m", ".".join(_COMPILED.parts)]
        subprocess.run(command, check=True, cwd=package.folder, env=package.environment(package.folder))
