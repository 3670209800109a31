"""The table of promises, the tests that hold them and the patches that prove them name the same rows."""

import re
from pathlib import Path

import pytest
from sabotage import PATCHES

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (F\d+) \| .* \| (kept|not yet) \|$", re.MULTILINE)
MARK = re.compile(r'pytest\.mark\.fault\("(F\d+)"\)')


def rows(state: str) -> set[str]:
    return {row for row, found in ROW.findall((ROOT / "PROMISES.md").read_text("utf-8")) if found == state}


def marked() -> set[str]:
    return {row for path in Path(__file__).parent.glob("test_*.py") for row in MARK.findall(path.read_text("utf-8"))}


def test_the_table_has_all_rows():
    assert rows("kept") | rows("not yet") == {f"F{number}" for number in range(1, 53)}


def test_every_row_is_kept():
    assert rows("not yet") == set()


def test_exactly_the_kept_rows_have_tests():
    assert marked() == rows("kept")


def test_every_kept_row_has_a_patch_that_breaks_it():
    assert {patch.row for patch in PATCHES} == rows("kept")


def threats() -> list[str]:
    """What stops each attack of the threat model."""
    table = re.findall(r"^\| .* \| .* \| (.*) \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
    return [each for each in table if each != "and is stopped by"]


@pytest.mark.parametrize("stops", threats())
def test_every_threat_is_stopped_by_tests_that_exist(stops):
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    fragments = [each for each in re.findall(r"`([^`]+)`", stops) if "/" not in each]
    found = re.findall(r"\bF\d+\b", re.sub(r"`[^`]*`", "", stops))
    assert fragments or found
    assert set(found) <= rows("kept")
    for fragment in fragments:
        assert re.search(rf"^(async )?def test_\w*{fragment}", tests, re.MULTILINE), fragment


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: f"{patch.row}-{patch.breaks}")
def test_every_patch_still_applies(patch):
    assert (ROOT / patch.path).read_text("utf-8").count(patch.old) == 1, patch.old
    assert patch.old != patch.new
