"""The README's blocks run as printed against the emulator, with only environment variables changed."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from partnercenter_async.emulator import DataSet, Emulator

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of the README, and the output that the next block states."""

    kind: str
    text: str
    output: str | None


def blocks() -> list[Block]:
    found = FENCE.findall(README)
    outputs = [text if kind == "text" else None for kind, text in found[1:]] + [None]
    return [Block(kind, text, output) for (kind, text), output in zip(found, outputs, strict=True) if kind != "text"]


PYTHON = [block for block in blocks() if block.kind == "python"]
SUITES = [block for block in PYTHON if "\ndef test_" in block.text]
SCRIPTS = [
    block for block in PYTHON if block not in SUITES and "run_app" not in block.text and "SIGTERM" not in block.text
]


async def run(emulator: Emulator, folder: Path, *command: str) -> asyncio.subprocess.Process:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | emulator.environment() | {"PATH": path, "PYTHONWARNINGS": "error"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def output_of(process: asyncio.subprocess.Process) -> str:
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    assert err.decode() == ""
    return out.decode()


@pytest.fixture
async def three_customers():
    async with Emulator(DataSet(customers=3, orders_per_customer=2, seed=1)) as emulator:
        yield emulator


@pytest.mark.parametrize("block", SCRIPTS, ids=lambda block: str(SCRIPTS.index(block)))
async def test_a_script_runs_and_prints_what_it_says(block, three_customers, tmp_path):
    (tmp_path / "script.py").write_text(block.text, "utf-8")
    printed = await output_of(await run(three_customers, tmp_path, sys.executable, "script.py"))
    assert printed
    if block.output is not None:
        first = [] if block.output.startswith("...") else block.output.splitlines()
        assert printed.splitlines()[: len(first)] == first
        assert printed == block.output


@pytest.mark.parametrize("block", SUITES, ids=lambda block: str(SUITES.index(block)))
async def test_a_suite_passes(block, three_customers, tmp_path):
    (tmp_path / "test_suite.py").write_text(block.text, "utf-8")
    options = ("-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    printed = await output_of(await run(three_customers, tmp_path, sys.executable, "-m", "pytest", *options))
    assert f"{block.text.count('def test_')} passed" in printed


async def test_the_web_backend_answers(three_customers, tmp_path):
    (block,) = [block for block in PYTHON if "run_app" in block.text]
    (tmp_path / "backend.py").write_text(block.text, "utf-8")
    customer_id = next(three_customers.data.customer_ids())
    drive = f"""
import asyncio
from aiohttp.test_utils import TestClient, TestServer
import backend

async def main():
    async with TestClient(TestServer(backend.app)) as browser:
        answer = await browser.get("/customers/{customer_id}/orders/count", headers={{"X-Trace-Id": "trace-7"}})
        print(answer.status, await answer.json())
        answer = await browser.get("/customers/nobody/orders/count")
        print(answer.status)

asyncio.run(main())
"""
    printed = await output_of(await run(three_customers, tmp_path, sys.executable, "-c", drive))
    assert printed == "200 {'orders': 2}\n404\n"
    assert three_customers.requests[-2].headers["MS-CorrelationId"] == "trace-7"


async def test_the_worker_ends_when_it_is_told_to(three_customers, tmp_path):
    (block,) = [block for block in PYTHON if "SIGTERM" in block.text]
    (tmp_path / "worker.py").write_text(block.text, "utf-8")
    process = await run(three_customers, tmp_path, sys.executable, "worker.py")
    assert process.stdout is not None
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: process.returncode is None and process.kill())
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line.endswith(b"migrations completed\n")
        process.send_signal(signal.SIGTERM)
        assert await output_of(process) == ""


async def test_the_commands_print_what_they_say(three_customers, tmp_path):
    text = "".join(block.text for block in blocks() if block.kind == "console")
    bash = shutil.which("bash")
    assert bash is not None
    steps = re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", text, re.MULTILINE)
    assert len(steps) == 4
    speed = re.compile(r"in [\d.]+ s, [\d,]+ a second")
    for command, output in steps:
        both = f"{{ {command}; }} 2>&1"
        printed = await output_of(await run(three_customers, tmp_path, bash, "-eu", "-c", both))
        assert speed.sub("in so many s", printed) == speed.sub("in so many s", output)


def test_the_two_commands_are_marked():
    for mark in ("run", "test"):
        assert re.search(rf"<!-- {mark} -->\n```sh\n[^\n]+\n```\n", README)


def test_no_extra_names_its_own_project():
    """On a Python that is not supported, pip up to 23 then looks for ever for a release that is."""
    extras = PROJECT["optional-dependencies"]
    asked = chain(PROJECT["dependencies"], *extras.values())
    named = [re.match(r"[\w.-]+", each)[0] for each in asked]
    assert PROJECT["name"] not in named
    assert set(extras["emulator"]) <= set(extras["cli"])
    assert {*extras["cli"], *extras["emulator"], *extras["parquet"], *extras["redis"]} <= set(extras["test"])


def test_the_commands_ask_for_the_project_without_an_extra_first():
    """Only such a requirement ends pip up to 23 at once, with the reason, where the Python is not supported."""
    run, test = (text for kind, text in FENCE.findall(README) if kind == "sh")
    assert " . '.[cli]' " in run
    assert " -e . -e '.[test]' " in test


def test_every_block_is_run():
    kinds = [kind for kind, _ in FENCE.findall(README)]
    assert set(kinds) == {"sh", "python", "text", "console"}
    assert kinds.count("sh") == 2
    assert len(SUITES) == 1
    assert len(SCRIPTS) + len(SUITES) + 2 == len(PYTHON) == kinds.count("python")
