"""`partnercenter` and `python -m partnercenter_async`: the command, where its extra is installed."""

import sys

from partnercenter_async import _stderr

_OF_THE_EXTRA = {"typer", "rich"}


def main() -> None:
    """Run the command; without its extra say how to install it and exit with 2."""
    _stderr.replace()
    try:
        from partnercenter_async.cli import app  # noqa: PLC0415 - an extra, and heavy
    except ModuleNotFoundError as error:
        if error.name not in _OF_THE_EXTRA:
            raise
        sys.stderr.write("error: the command needs its extra: pip install 'partnercenter-async[cli]'\n")
        sys.exit(2)
    app(prog_name="partnercenter")


if __name__ == "__main__":
    main()
