import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.text import MAX_EXAMPLES, Warnings, fold, mend


@pytest.mark.parametrize(
    "value", ["", "pip", "@babel/core", "naïve", "🐍", "a\nb", "\x01", "x" * 10]
)
def test_what_the_database_can_hold_stays_verbatim(value):
    warnings = Warnings()
    assert mend(value, 12, "name", warnings) == value
    assert warnings.count == 0


@pytest.mark.parametrize(
    ("value", "mended"),
    [
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("é\udfff\0", "é\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        ("x" * 11, "x" * 10),
        ("🐍" * 11, "🐍" * 10),
    ],
)
def test_what_it_cannot_hold_is_mended_and_counted_once(value, mended):
    warnings = Warnings()
    assert mend(value, 10, "name", warnings) == mended
    assert warnings.count == 1
    assert warnings.examples[0].startswith("name ")


@given(st.text(st.characters(exclude_categories=())), st.integers(0, 20))
def test_mended_text_is_storable_and_short_enough(value, limit):
    mended = mend(value, limit, "name", Warnings())
    assert len(mended) <= limit
    assert "\0" not in mended
    mended.encode()


def test_warnings_count_all_but_keep_a_few_examples():
    warnings = Warnings()
    for number in range(MAX_EXAMPLES + 1):
        warnings.add(f"value {number}")
    assert warnings.count == MAX_EXAMPLES + 1
    assert len(warnings.examples) == MAX_EXAMPLES
    assert Warnings.from_json(warnings.as_json()) == warnings


def test_a_long_value_is_quoted_only_by_its_beginning():
    warnings = Warnings()
    mend("x" * 5000, 4096, "path", warnings)
    assert len(warnings.examples[0]) < 200


def test_folding_forgets_case_in_any_script_and_stays_indexable():
    assert fold("Straße ÉCOLE") == fold("STRASSE école")
    assert len(fold("ΐ" * 512)) == 512
