"""PostgreSQL from the system's packages, in a folder of its own."""

import os
import pwd
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, create_engine, text

USER, PASSWORD, DATABASE = "dagster", "a password with 'signs' & \"quotes\"", "dagster"


def programs() -> Path:
    """Where its programs are; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found and (there := shutil.which("initdb")):
        return Path(there).resolve().parent
    assert found, "PostgreSQL is not installed; make test-production installs it on Debian"
    return found[-1].parent


def make_cluster(folder: Path) -> None:
    """Make an empty cluster with the user, in a folder that its owner can reach."""
    password = folder / "password"
    password.write_text(PASSWORD)
    command = [*_as_owner(folder), str(programs() / "initdb"), "-D", str(folder / "data"), "-U", USER]
    command += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)


def server(folder: Path, port: int) -> list[str]:
    """The command that serves the cluster on loopback."""
    return [
        *_as_owner(folder),
        str(programs() / "postgres"),
        *("-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)),
    ]


def make_database(port: int) -> None:
    """Make the database; waits until the server takes connections."""
    url = URL.create("postgresql+psycopg2", USER, PASSWORD, "127.0.0.1", port, "postgres")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {DATABASE}"))
    engine.dispose()


def answers(port: int) -> bool:
    """Whether something listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _as_owner(folder: Path) -> list[str]:
    """PostgreSQL refuses to be run by root."""
    if os.geteuid():
        return []
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ["runuser", "-u", "postgres", "--"]
