"""The soak finds nothing in a few seconds either; ``python -m benchmarks.soak`` runs for longer."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_short_soak_loses_repeats_and_leaves_nothing(tmp_path):
    figures = tmp_path / "figures.json"
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.05", "--json", str(figures)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    seen = json.loads(figures.read_text("utf-8"))
    assert seen["walks"] > 10
    assert seen["orders"] > 100
    assert sum(seen["retries"].values()) > 0
    assert "nothing lost, nothing repeated, nothing left behind" in run.stdout
