"""Exports of many customers' listings into one file, which a kill at any moment costs nothing.

docs/exports.md tells of the formats and their columns, docs/checkpoints.md of what goes on after a kill. The table of a
noun, such as ``ORDERS``, is built when it is first touched, and with it the noun's structs.
"""

import importlib
import os
import typing
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from partnercenter_async._session.arguments import check_count, check_text
from partnercenter_async.export.checkpoint import CheckpointError
from partnercenter_async.export.columns import Table
from partnercenter_async.export.disk import MOST_MODE, BusyError, Disk, check_paths, placed, resolved
from partnercenter_async.export.outputs import Format, identity_of, output_of
from partnercenter_async.export.pages import Chunk, chunks
from partnercenter_async.export.run import STOP_AFTER, ExportProgress, Job, Report, run_job
from partnercenter_async.paging import Pager

if typing.TYPE_CHECKING:
    from partnercenter_async.export.tables.customers import CUSTOMERS
    from partnercenter_async.export.tables.migrations import MIGRATION_EVENTS, MIGRATIONS
    from partnercenter_async.export.tables.orders import ORDER_LINES, ORDERS, PROVISIONING
    from partnercenter_async.export.tables.subscriptions import SUBSCRIPTIONS

__all__ = [
    "CUSTOMERS",
    "MIGRATIONS",
    "MIGRATION_EVENTS",
    "ORDERS",
    "ORDER_LINES",
    "PROVISIONING",
    "SUBSCRIPTIONS",
    "BusyError",
    "CheckpointError",
    "ExportProgress",
    "Format",
    "Report",
    "Table",
    "export",
]

# The tables by the module that has them.
_TABLES = {
    "CUSTOMERS": "customers",
    "ORDERS": "orders",
    "ORDER_LINES": "orders",
    "PROVISIONING": "orders",
    "MIGRATIONS": "migrations",
    "MIGRATION_EVENTS": "migrations",
    "SUBSCRIPTIONS": "subscriptions",
}

if not typing.TYPE_CHECKING:  # or type checkers would believe in any name

    def __getattr__(name: str) -> object:
        module = _TABLES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.tables.{module}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


T = typing.TypeVar("T")


async def export(
    customers: Iterable[str],
    listing: Callable[[str], Pager[T]],
    output: str | os.PathLike[str],
    *,
    table: Table[T] | None = None,
    format: Format = Format.NDJSON,
    checkpoint: str | os.PathLike[str] | None = None,
    identity: Mapping[str, str] | None = None,
    mode: int = 0o600,
    concurrency: int = 32,
    stop_after: int | None = STOP_AFTER,
    on_failure: Callable[[str, Exception], None] | None = None,
    on_progress: Callable[[ExportProgress], None] | None = None,
) -> Report:
    """Write the listings of many customers into one file, ``concurrency`` of them at once, and return what was done.

    ``listing(customer_id)`` is called for each id; the pages of a customer stand in their order, those of several
    between one another. ``<output>.partial`` is written to, and renamed when all is there, so ``output`` is whole
    whenever it is. With a ``checkpoint`` a run that was stopped at any moment is gone on with by the same call: each
    record is in the output once. What the listing depends on besides, such as filters or the tenant, belongs into
    ``identity``, and a checkpoint that differs in it is refused. The file is removed when the run has ended.

    ``mode`` says who may read ``output`` where it is new, such as ``0o640`` for a group; by default its owner alone. An
    output that is replaced keeps its own. Until then, and in the checkpoint, all is the owner's alone.

    NDJSON takes the items of any listing, texts and numbers too. All other formats need a ``table`` that says what is
    in a row, such as ``ORDERS``, or ``Table(Struct)`` with the struct that the listing is read into.

    A customer that fails costs the others nothing: it is tried again at the end where its error may pass, stands in the
    report's ``failed``, and ``on_failure`` is called with its id and error; what was read of it is in the output. Where
    none could be read to its end the first error is raised, and one of signing in at once; no output appears then.

    So it is where each of the first ``stop_after`` customers (20) that this run came to an end with, or each of all if
    they are fewer, was refused for a reason that is the caller's own: 403 with the code 900329 (no app-only tokens),
    900308 (missing privileges) or 900309 (Conditional Access). Customers with nothing to read count neither way;
    ``on_failure`` is not called for those refused; the checkpoint stays. None reads them all.

    Raises ValueError for a wrong argument, such as an output that is a folder, :class:`CheckpointError` for the
    checkpoint of another run or version and for an output that was changed since, :class:`BusyError` while another run
    writes the same output, TypeError where what the listing holds can't be a row of the table, ImportError where the
    extra ``parquet`` is missing, OSError where the disk is full.
    """
    path, journal = resolved(output), None if checkpoint is None else placed(checkpoint)
    check_paths(path, journal)
    kind = _format(format)
    if kind == Format.TABLE and checkpoint is not None:
        raise ValueError("format table is for people and has no checkpoint: pass another format")
    ids = _texts("customers", customers)
    if identity is not None:
        _texts("identity", [*identity, *identity.values()])
    texts = kind == Format.NDJSON

    def read(customer_id: str, continuation: str | None) -> AsyncIterator[Chunk[T]]:
        return chunks(listing(customer_id), continuation, {"customerId": customer_id}, texts=texts)

    return await run_job(
        Job(
            inputs=ids,
            read=read,
            output=output_of(kind, table, path, Disk(), _mode(mode)),
            checkpoint=journal,
            identity={**(identity or {}), **identity_of(kind, table, path)},
            concurrency=check_count("concurrency", concurrency),
            stop_after=None if stop_after is None else check_count("stop_after", stop_after),
            on_failure=on_failure,
            on_progress=on_progress,
        )
    )


def _format(value: str) -> Format:
    try:
        return Format(value)
    except ValueError:
        raise ValueError(f"format must be one of {', '.join(Format)}, not {value!r}") from None


def _mode(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_MODE:
        raise ValueError(f"mode must be a number from 0 to 0o777, such as 0o640, not {value!r}")
    return value


def _texts(name: str, values: object) -> list[str]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{name} must be several texts, not {values!r}")  # noqa: TRY004 - as for all that is passed
    return [check_text(name, each) for each in typing.cast("Iterable[object]", values)]
