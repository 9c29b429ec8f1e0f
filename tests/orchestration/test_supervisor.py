"""Nothing outlives its supervisor: not what ignores signals, not what it started, not what was left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.supervisor import Supervisor, SupervisorError, only_one

# Ignores SIGTERM as `dagster api grpc` may, and has a child of its own that does too.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
time.sleep(60)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_for(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.supervisor.GRACE_SECONDS", 0.3)


def process_ids(log: Path) -> list[int]:
    wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
    return [int(number) for number in log.read_text().split()]


@pytest.mark.usefixtures("quick")
def test_a_child_that_ignores_the_signal_ends_with_all_that_it_started(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        supervisor.start("stubborn", python(STUBBORN), {})
        family = process_ids(tmp_path / "logs" / "stubborn.log")
        assert len(family) == 2
        assert all(is_alive(process_id) for process_id in family)
    wait_for(lambda: not any(is_alive(process_id) for process_id in family))


@pytest.mark.usefixtures("quick")
def test_what_a_dead_child_had_started_ends_too(tmp_path: Path) -> None:
    orphan = "import os, time\nif os.fork():\n    os._exit(0)\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        child = supervisor.start("short", python(orphan), {})
        [left] = process_ids(child.log_file)
        wait_for(lambda: child.exit_status() == 0)
    wait_for(lambda: not is_alive(left))


def test_a_child_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    code = "import sys; [print('line', n) for n in range(40)]; sys.exit('no such table')"
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        child = supervisor.start("web", python(code), {})
        with pytest.raises(SupervisorError, match="web ended with status 1") as error:
            supervisor.wait_until(child, lambda: False, seconds=10)
    assert str(error.value).endswith("no such table")
    assert "line 39" in str(error.value)
    assert "line 3\n" not in str(error.value)


def test_a_child_that_is_killed_is_reported_with_the_signal(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        child = supervisor.start("web", python("import time; time.sleep(60)"), {})
        os.kill(child.process.pid, signal.SIGKILL)
        wait_for(lambda: child.exit_status() is not None)
        with pytest.raises(SupervisorError, match="web ended by SIGKILL"):
            supervisor.check()


def test_a_child_that_is_never_ready_is_reported_after_its_time(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        child = supervisor.start("web", python("print('waiting', flush=True); import time; time.sleep(60)"), {})
        process_id = child.process.pid
        wait_for(lambda: child.last_lines() == "waiting")
        with pytest.raises(SupervisorError, match=r"not ready after 0 seconds[\s\S]*waiting"):
            supervisor.wait_until(child, lambda: False, seconds=0)
    assert not is_alive(process_id)


def test_a_command_that_is_run_to_its_end_tells_every_line(tmp_path: Path) -> None:
    lines: list[str] = []
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        supervisor.run("build", python("print('1 of 2'); print('2 of 2')"), {}, lines.append)
        supervisor.check()
    assert lines == ["1 of 2", "2 of 2"]


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    failing = python("print('half a table'); raise SystemExit(3)")
    expected = pytest.raises(SupervisorError, match=r"build ended with status 3[\s\S]*half a table")
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor, expected:
        supervisor.run("build", failing, {}, lambda _line: None)


def test_variables_reach_the_child(tmp_path: Path) -> None:
    lines: list[str] = []
    with Supervisor(tmp_path / "run", tmp_path / "logs") as supervisor:
        code = "import os; print(os.environ['DAGSTER_HOME'])"
        supervisor.run("child", python(code), {"DAGSTER_HOME": "/somewhere"}, lines.append)
    assert lines == ["/somewhere"]


def test_children_of_a_killed_supervisor_are_ended_by_the_next_one(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom orchestration.supervisor import Supervisor\n"
        f"supervisor = Supervisor(Path({str(tmp_path / 'run')!r}), Path({str(tmp_path / 'logs')!r})).__enter__()\n"
        "child = supervisor.start('web', [sys.executable, '-c', 'import time; time.sleep(60)'], {})\n"
        "print(child.process.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        left = int(first.stdout.readline())
        first.kill()
    assert is_alive(left)
    with Supervisor(tmp_path / "run", tmp_path / "logs"):
        wait_for(lambda: not is_alive(left))


def test_a_process_id_that_has_passed_to_another_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(python("import time; time.sleep(60)"), start_new_session=True) as other:
        (tmp_path / "run").mkdir()
        record = f'[{{"pid": {other.pid}, "started": "1"}}]'
        (tmp_path / "run" / "children.json").write_text(record)
        with Supervisor(tmp_path / "run", tmp_path / "logs"):
            assert other.poll() is None
        other.kill()


def test_a_second_one_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "run"),
        pytest.raises(SupervisorError, match="running already"),
        only_one(tmp_path / "run"),
    ):
        pass
    with only_one(tmp_path / "run"):
        pass
