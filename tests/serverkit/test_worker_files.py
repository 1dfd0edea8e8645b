"""The directory in which a gunicorn's workers count together."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(script: str, **variables: str) -> list[str]:
    """Run a process of its own: it is the environment and the end of one that are tried."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nfrom serverkit import worker_files\n{script}"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


SHARE = "worker_files.share_metrics()\nprint(os.environ['PROMETHEUS_MULTIPROC_DIR'])\n"


def test_the_directory_is_there_while_the_process_is_and_then_gone() -> None:
    script = f"{SHARE}print(os.path.isdir(os.environ['PROMETHEUS_MULTIPROC_DIR']))"
    directory, there = run(script)
    assert there == "True"
    assert not Path(directory).exists()


def test_a_reload_keeps_the_directory() -> None:
    first, second = run(SHARE * 2)
    assert first == second


def test_a_directory_that_was_inherited_is_left_to_its_owner(tmp_path: Path) -> None:
    (made,) = run(SHARE, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert made != str(tmp_path)
    assert tmp_path.exists()


def test_a_worker_that_ends_leaves_the_directory_to_the_others() -> None:
    script = f"""{SHARE}
import sys
if os.fork() == 0:
    sys.exit()
os.wait()
print(os.path.isdir(os.environ['PROMETHEUS_MULTIPROC_DIR']))
"""
    assert run(script)[-1] == "True"


def test_what_counts_in_memory_waits_for_no_disk() -> None:
    (directory,) = run("print(worker_files.memory_directory())")
    assert os.access(directory, os.W_OK)


def test_what_a_killed_process_left_is_removed_by_the_next_unless_a_worker_has_it_still() -> None:
    killed = f"""{SHARE}
import signal, sys, time
if "worker" in os.environ.get("LEAVE", "") and os.fork() == 0:
    os.close(1), os.close(2)
    time.sleep(60)
print(flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    for leave in ("nothing", "worker"):
        command = [sys.executable, "-c", f"import os\nfrom serverkit import worker_files\n{killed}"]
        with subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"LEAVE": leave}, stdout=subprocess.PIPE,
            text=True, start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            directory = Path(process.stdout.readline().strip())
            process.wait(30)
        try:
            assert directory.exists()
            run(SHARE)
            assert directory.exists() is (leave == "worker")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    run(SHARE)
    assert not directory.exists()
