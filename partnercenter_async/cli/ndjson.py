"""A page's items as lines of JSON, with every digit and every unknown field as the service sent them."""

import codecs
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec


class _Envelope(msgspec.Struct):
    """A collection, looked at only as far as where its items begin and end."""

    items: msgspec.Raw = msgspec.Raw(b"null")


_envelope = msgspec.json.Decoder(_Envelope)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def records(raw: bytes) -> list[bytes]:
    """Return the items of a page's body, a collection or a bare array, each without blanks around its parts.

    As in the client's own reading, what stands in place of an array holds no items, and a null is none.
    """
    body = raw.removeprefix(codecs.BOM_UTF8).lstrip()
    if not body.startswith(b"["):
        body = bytes(_envelope.decode(body).items)
    items = _array.decode(body) if body.startswith(b"[") else []
    return [msgspec.json.format(bytes(item), indent=-1) for item in items if bytes(item) != b"null"]


def with_ids(record: bytes, ids: Mapping[str, str]) -> bytes:
    """Return a record with ids as its first members; those that it names itself stay its own."""
    if not record.startswith(b"{"):
        return record
    known = _members.decode(record)
    missing = {name: value for name, value in ids.items() if name not in known}
    if not missing:
        return record
    front = msgspec.json.encode(missing)
    return front if not known else front[:-1] + b"," + record[1:]


class LineWriter:
    """Writes lines to files, what is given at once in one piece and out of every buffer at once."""

    def __init__(self, *files: BinaryIO) -> None:
        """Take the files; they stay their owner's to close."""
        self._files = files

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, each with its end."""
        if not lines:
            return
        block = b"\n".join(lines) + b"\n"
        for file in self._files:
            file.write(block)
            file.flush()
