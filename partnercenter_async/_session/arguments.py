"""What callers pass, checked before anything is sent; every refusal is a ValueError that names the argument."""

import re
from math import isfinite

# Control characters, and halves of characters, which have no encoding.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_seconds(name: str, value: object) -> float:
    """Return a duration, which must be a positive finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a positive finite number of seconds, not {value!r}")
    return float(value)


def check_count(name: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} must be a whole number, {bounds}, not {value!r}")
    return value


def check_flag(name: str, value: object) -> bool:
    """Return True or False; what merely counts as one of them, such as the text "no", is refused."""
    if value is True or value is False:
        return value
    raise ValueError(f"{name} must be True or False, not {value!r}")


def check_text(name: str, value: object) -> str:
    """Return a text that goes into a header or stands for something in a path or query."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text that is not empty, not {value!r}")
    if _UNSAFE.search(value):
        raise ValueError(f"{name} holds a control character")
    return value
