"""What importing the package costs: what its three foundations cost, and its own modules."""

import subprocess
import sys

PROGRAM = """
import sys
import aiohttp, backoff, msgspec
before = set(sys.modules)
import partnercenter_async
print(*sorted(set(sys.modules) - before))
"""


def test_importing_the_package_imports_nothing_else():
    """Not azure, which costs more than all else together, nor anything of the extras."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    modules = run.stdout.split()
    assert [name for name in modules if name.partition(".")[0] != "partnercenter_async"] == []
    assert "partnercenter_async.client" in modules
    assert len(modules) <= 32
    assert {"emulator", "cli", "testing"}.isdisjoint(part for name in modules for part in name.split("."))
