"""Change the code that decides about licenses and see the tests fail: what `make mutation` calls.

python -m tools.mutation [MODULE ...] [--jobs N]

The libraries for this were tried: one leaves everything outside functions alone, which here is
the table of states and the table of the gate; the other starts an interpreter for each of more
than a thousand mutants. This one imports the libraries once and forks for each mutant.

Survivors are printed and end the command with 1, unless tests/mutation_survivors.json says why
no test can tell them from the original; so does an entry there that nothing survives any more.
"""

import argparse
import gc
import importlib.abc
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from tools.mutants import Mutant, mutants

ROOT = Path(__file__).parent.parent
SURVIVORS = ROOT / "tests" / "mutation_survivors.json"
OURS = ("license_token", "serverkit", "sentari", "license_server", "tests")
# An endless loop is noticed by whoever waits; in processor time, so that a busy machine is none.
LONGEST_CPU_SECONDS = 60
GATE = "sentari/web/gate.py"
_DOCUMENTS = {
    "anchor": ("request", "reply"),
    "armor": ("armor",),
    "certificate": ("certificate", "reply"),
    "encoding": ("encoding", "jws", "reply"),
    "errors": ("errors", "reply"),
    "fields": ("reply", "request", "certificate", "terms"),
    "jws": ("jws", "reply", "request"),
    "keys": ("keys", "vectors", "jws"),
    "license_key": ("license_key", "reply"),
    "reply": ("reply", "known_answers"),
    "request": ("request", "known_answers"),
    "terms": ("terms", "reply"),
}
# Each module with the tests that are to notice its mutants, the likeliest first.
TARGETS: dict[str, list[str]] = {
    **{
        f"license_token/{name}.py": [f"tests/license_token/test_{test}.py" for test in tests]
        for name, tests in _DOCUMENTS.items()
    },
    "sentari/licensing/state.py": ["tests/sentari/licensing/test_state.py"],
    "serverkit/audit/chain.py": ["tests/serverkit/test_audit_chain.py"],
    GATE: ["tests/sentari/web/test_gate.py", "tests/sentari/web/test_license_warnings.py"],
}


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module from another source."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The code is our own, changed in one place.
        exec(compile(self._source, self._path, "exec"), vars(module))  # noqa: S102  # nosec B102


def survives(target: str, mutant: Mutant | None) -> bool:
    """Run the target's tests on a mutant (None: the original) and tell whether they pass."""
    child = os.fork()
    if child == 0:
        _run_tests(target, mutant)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _run_tests(target: str, mutant: Mutant | None) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_CPU_SECONDS, LONGEST_CPU_SECONDS))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = 1
    try:
        if mutant is not None:
            name = target.removesuffix(".py").replace("/", ".")
            sys.meta_path.insert(0, _Instead(name, ROOT / target, mutant.source))
        # A failure is all that counts: nobody needs the smallest example of it.
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutation", database=None, phases=phases)
        hypothesis.settings.load_profile("mutation")
        warm = "ignore::pytest.PytestAssertRewriteWarning"
        # The fixtures of the whole suite import both servers, which takes longer than these tests.
        alone = ["--noconftest"] if target != GATE else []
        options = [
            *alone,
            "-o",
            "timeout=0",
            "-x",
            "-q",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            "-W",
            warm,
        ]
        code = int(pytest.main([*options, *TARGETS[target]]))
    finally:
        os._exit(code)


def _warm_up() -> None:
    """Import every library, and forget our own modules again: each mutant imports them anew."""
    importlib.import_module("tests.conftest")
    importlib.import_module("tests.simulators.license_server")
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]


def explained() -> dict[str, dict[str, str]]:
    """Return by target which mutants may survive, and why."""
    found: dict[str, dict[str, str]] = json.loads(SURVIVORS.read_text(encoding="utf-8"))
    return found


def surviving(target: str, jobs: int) -> Iterator[str]:
    """Yield the names of the mutants that pass all of the target's tests."""
    made = list(mutants((ROOT / target).read_text(encoding="utf-8")))
    if not survives(target, None):
        raise SystemExit(f"The tests of {target} fail without any mutant.")
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, lives in zip(
            made, pool.map(lambda each: survives(target, each), made), strict=True
        ):
            if lives:
                yield mutant.name


def main(arguments: Sequence[str]) -> int:
    """Print what survived; return 1 if something did that is not explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="MODULE", default=list(TARGETS))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    _warm_up()
    gc.freeze()  # what stays is not copied by every fork's first collection
    known, bad = explained(), 0
    for target in options.targets:
        started, reasons = time.monotonic(), known.get(target, {})
        alive = list(surviving(target, options.jobs))
        total = sum(1 for _ in mutants((ROOT / target).read_text(encoding="utf-8")))
        unexplained = [name for name in alive if name not in reasons]
        stale = [name for name in reasons if name not in alive]
        seconds = round(time.monotonic() - started)
        print(  # noqa: T201 - a tool prints
            f"{target}: {total} mutants, {len(alive)} survive, "
            f"{len(unexplained)} of them unexplained, {seconds} s",
            flush=True,
        )
        for name in unexplained:
            print(f"  survives: {name}", flush=True)  # noqa: T201
        for name in stale:
            print(f"  explained, but killed: {name}", flush=True)  # noqa: T201
        bad += len(unexplained) + len(stale)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
