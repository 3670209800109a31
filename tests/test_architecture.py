"""ARCHITECTURE.md draws the floors that import-linter holds, and names what is there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "partnercenter_async"
ROOMS = (ROOT, PACKAGE, PACKAGE / "_session", PACKAGE / "export", PACKAGE / "emulator")
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
PICTURE = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
LAYERED = [each for each in CONTRACTS if each["type"] == "layers"]
SOURCE = "\n".join(each.read_text("utf-8") for each in PACKAGE.rglob("*.py"))


def test_each_layered_contract_has_its_picture():
    assert len(PICTURE.findall(TEXT)) == len(LAYERED)


@pytest.mark.parametrize(("picture", "contract"), [*zip(PICTURE.findall(TEXT), LAYERED, strict=False)])
def test_a_picture_has_the_floors_of_its_contract(picture, contract):
    drawn = [re.findall(r"(\w+)(?:\.py|/)", line.partition("   ")[0]) for line in picture.splitlines()]
    assert [sorted(floor) for floor in drawn] == [sorted(layer.split(" | ")) for layer in contract["layers"]]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w[\w/]*(?:\.py|/))`", TEXT))))
def test_a_module_that_is_named_exists(name):
    assert any((room / name).exists() for room in ROOMS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(?:\w+\.)?([A-Za-z_]+)`", TEXT)) - {"py", "toml"}))
def test_what_is_named_is_in_the_source(name):
    named = rf"^ *(?:class |def |async def )?{name}\b"
    assert re.search(named, SOURCE, re.MULTILINE) or any((room / name).exists() for room in ROOMS)
