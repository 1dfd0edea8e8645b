import pytest

from sentari.inventory.package_licenses import is_expression, spdx_id


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("gpl-2.0+", "GPL-2.0+"),
        ("GPL-2", None),
        ("MIT License", None),
        ("", None),
        ("MIT\n", None),
        ("LicenseRef-x", None),
    ],
)
def test_an_id_is_known_in_any_case(text, known):
    assert spdx_id(text) == known


@pytest.mark.parametrize(
    "text",
    [
        "MIT OR Apache-2.0",
        "Apache-2.0 AND (MIT OR GPL-2.0-only)",
        "GPL-3.0-only WITH Classpath-exception-2.0",
        "(MIT)",
        "((MIT AND ISC)OR(Zlib))",
        "Apache-2.0+ OR LicenseRef-Own",
        "DocumentRef-a:LicenseRef-b AND MIT",
        "GPL-2.0-with-classpath-exception OR MIT",
        "GPL-2.0-only WITH Linux-syscall-note AND MIT",
        "MIT",
    ],
)
def test_what_joins_ids_is_an_expression(text):
    assert is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MIT or ISC",
        "MIT OR",
        "OR MIT",
        "MIT ISC",
        "MIT OR Expat",
        "(MIT",
        "MIT)",
        "()",
        "MIT WITH ISC",
        "Classpath-exception-2.0 OR MIT",
        "(MIT OR ISC) WITH Classpath-exception-2.0",
        "MIT OR OR ISC",
        "MIT, ISC",
        "(" * 500 + "MIT" + ")" * 497,
    ],
)
def test_what_does_not_is_none(text):
    assert not is_expression(text)


def test_an_expression_has_a_limit():
    longest = "MIT" + " OR MIT" * 142
    assert len(longest) == 997
    assert is_expression(longest)
    assert not is_expression(longest + " OR MIT")
