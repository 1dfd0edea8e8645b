"""The mutants that `make mutation` tries, and what is said of those that may survive."""

import pytest

from tools.mutants import mutants
from tools.mutation import ROOT, TARGETS, explained


def changed(line: str) -> set[str]:
    """Return what becomes of one line."""
    return {mutant.source for mutant in mutants(line)}


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a == b", {"a != b"}),
        ("a in b", {"a not in b"}),
        ("a is None", {"a is not None"}),
        ("a and b", {"a or b"}),
        ("a + 1", {"a - 1", "a + 2", "a + 0"}),
        ("a >> 3", {"a << 3"}),
        ("not a", {"a"}),
        ("x = -a", {"x = a"}),
        ("x = True", {"x = False"}),
        ("x = 'name'", {"x = 'nameX'"}),
        ("x = b'='", {"x = b'=X'"}),
        ("f(a, strict=b)", {"f(a)", "pass"}),
        ("raise E", {"pass"}),
        ("x = a if b else c", {"x = a if True else c", "x = a if False else c"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if True]"}),
        ("def f():\n    return a", {"def f():\n    return None"}),
        ("if a:\n    b = c", {"if True:\n    b = c", "if False:\n    b = c"}),
    ],
)
def test_a_line_is_changed_in_one_place_at_a_time(line: str, some: set[str]) -> None:
    assert some <= changed(line)


@pytest.mark.parametrize(
    "line",
    [
        '"""A module."""',
        'def f() -> "T":\n    """Do it."""',
        "x: int",
        "@d(1)\nclass C:\n    pass",
        "x = 'A sentence, for people.'",
        "x = 'Sentence.'",
        "def f():\n    return None",
    ],
)
def test_what_no_behavior_hangs_on_stays(line: str) -> None:
    assert changed(line) == set()


def test_each_mutant_has_a_name_of_its_own_that_says_where_and_how() -> None:
    names = [mutant.name for mutant in mutants("def f():\n    return 1 < 1")]
    assert len(set(names)) == len(names)
    assert "f: 1 -> 2" in names
    assert "f: 1 -> 2 (#2)" in names


def test_all_that_decides_about_licenses_is_mutated() -> None:
    documents = {f"license_token/{path.name}" for path in (ROOT / "license_token").glob("*.py")}
    deciding = {"sentari/licensing/state.py", "serverkit/audit/chain.py", "sentari/web/gate.py"}
    assert set(TARGETS) == documents - {"license_token/__init__.py"} | deciding
    assert all((ROOT / test).exists() for tests in TARGETS.values() for test in tests)


def test_every_survivor_that_is_explained_is_a_mutant() -> None:
    for target, reasons in explained().items():
        names = {mutant.name for mutant in mutants((ROOT / target).read_text(encoding="utf-8"))}
        assert set(reasons) <= names, target
        assert all(reason.endswith(".") for reason in reasons.values())
