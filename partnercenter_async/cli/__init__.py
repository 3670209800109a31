"""The `partnercenter` command: listings into files of several formats, a demo, and an emulator to try things on.

Exit codes: 0 all good; 1 an error; 2 wrong usage, missing credentials, or a checkpoint that is of another run or of an
output that was changed; 3 some customers failed, which stderr tells of, and the others were delivered; 130 interrupted;
141 whoever read stdout closed it.
"""

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from hashlib import sha256
from inspect import Parameter, Signature, getdoc, signature
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

import typer
from rich.console import Console
from typer.core import TyperGroup

from partnercenter_async import export, paging
from partnercenter_async.cli.destination import Destination, UsageError
from partnercenter_async.cli.listing import Reading, events_of, of_any, of_customers, of_partner, provisioning_of
from partnercenter_async.cli.progress import ProgressDisplay
from partnercenter_async.cli.run import ask, execute, leave, stderr
from partnercenter_async.errors import escaped
from partnercenter_async.export.disk import OWNERS
from partnercenter_async.export.outputs import Format
from partnercenter_async.models.orders import BillingCycleType
from partnercenter_async.resources.customers import CustomerFilter

__all__ = ["app"]


class _Group(TyperGroup):
    """Shows what was wrong with a call without what in it could steer a terminal."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        """Take the arguments up to a command's name; without any all there is to tell is help, of many lines."""
        with _escaped() if args else nullcontext():
            return super().make_context(info_name, args, *more, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Take the rest of them."""
        with _escaped():
            return super().invoke(ctx)


# UsageError, which typer gives no public name.
_WRONG_USAGE = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])


@contextmanager
def _escaped() -> Generator[None, None, None]:
    try:
        yield
    except _WRONG_USAGE as error:
        error.message = escaped(error.message)
        raise


app = typer.Typer(
    name="partnercenter",
    cls=_Group,
    help="Read Microsoft Partner Center into NDJSON, CSV, Parquet or tables, and go on where a run was stopped.",
    epilog=(
        "Credentials: AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; with PARTNER_CENTER_REFRESH_TOKEN "
        "App+User, without it app-only. Exit codes: 0 good, 1 error, 2 usage or missing credentials, 3 some customers "
        "failed, 130 interrupted, 141 stdout was closed."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)

Output: TypeAlias = Annotated[
    str, typer.Option("--output", "-o", help="A file, which appears under its name when it is whole; - is stdout.")
]
OutputFormat: TypeAlias = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="By default what the output's name ends in, csv or parquet, else ndjson."),
]
Checkpoint: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Where to note how far the run is, so that the same command goes on there."),
]
Mode: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="OCTAL",
        help="Who may read a new output, such as 640; 600 by default. One that is replaced keeps its own.",
    ),
]
KeepGoing: TypeAlias = Annotated[
    bool, typer.Option("--keep-going", help="Go on where the first 20 are all refused for want of a permission.")
]
Concurrency: TypeAlias = Annotated[int, typer.Option(min=1, max=1024, help="How many customers at once.")]
CustomerId: TypeAlias = Annotated[str | None, typer.Option("--customer", metavar="ID", help="One customer.")]
AllCustomers: TypeAlias = Annotated[bool, typer.Option("--all-customers", help="Every customer of the partner.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(importlib.metadata.version("partnercenter-async"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


class RowChoice(StrEnum):
    """What has a row of its own in a table of orders."""

    ORDERS = "orders"
    LINES = "lines"


class ServiceChoice(StrEnum):
    """The services that can be called."""

    API = "api"
    GRAPH = "graph"
    PARTNER = "partner"


def _destination(
    format: Format | None, output: str, checkpoint: str | None, mode: str | None, *, only: Format | None = None
) -> Destination:
    try:
        return Destination.of(format, output, checkpoint, mode, only=only)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None


F = TypeVar("F", bound=Callable[..., Reading])

# Where options stand; those of a listing's own in the place of the dots.
_ORDER = (*("customer", "all_customers", "...", "concurrency", "output", "format", "checkpoint", "mode", "keep_going"),)
_OF_CUSTOMERS = frozenset({"all_customers", "concurrency", "keep_going"})


def _listing(*, at_once: str = "How many customers at once.", of_tables: Sequence[str] = ()) -> Callable[[F], F]:
    """Make a command of a function that says what is read, with its options and those that all listings have.

    One that takes a ``customer`` can be asked for all of them. What a checkpoint must agree with are the function's own
    options, but for those ``of_tables``, which choose the table and go with formats that have one.
    """

    def added(function: F) -> F:
        own = signature(function).parameters

        def command(
            *,
            all_customers: AllCustomers = False,
            concurrency: Annotated[int, typer.Option(min=1, max=1024, help=at_once)] = 32,
            output: Output = "-",
            format: OutputFormat = None,
            checkpoint: Checkpoint = None,
            mode: Mode = None,
            keep_going: KeepGoing = False,
            **given: Any,
        ) -> None:
            if "customer" in own and (given["customer"] is None) != all_customers:
                message = "pass either --customer ID or --all-customers"
                raise typer.BadParameter(message)
            reading = function(**given)
            destination = _destination(format, output, checkpoint, mode)
            for name in of_tables:
                if given.pop(name) is not None and destination.format == Format.NDJSON:
                    message = (
                        f"NDJSON has a line for each item, with all that is in it: pass --{name} with another --format"
                    )
                    raise typer.BadParameter(message)
            execute(
                reading,
                command=function.__name__,
                options=given,
                destination=destination,
                concurrency=concurrency if "customer" in own else 1,
                keep_going=keep_going,
            )

        shared = dict(signature(command).parameters)
        del shared["given"]
        if "customer" not in own:
            shared = {name: each for name, each in shared.items() if name not in _OF_CUSTOMERS}
        parameters = sorted(
            [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*shared.values(), *own.values())],
            key=lambda each: _ORDER.index(each.name if each.name in _ORDER else "..."),
        )
        vars(command)["__signature__"] = Signature(parameters)  # where typer finds the options
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        app.command(function.__name__, help=getdoc(function))(command)
        return function

    return added


@_listing()
def customers(
    name_starts_with: Annotated[str | None, typer.Option(help="Keep customers whose company name begins so.")] = None,
    domain_starts_with: Annotated[str | None, typer.Option(help="Keep customers whose domain begins so.")] = None,
) -> Reading:
    """List the partner's customers."""
    if name_starts_with is not None and domain_starts_with is not None:
        message = "pass --name-starts-with or --domain-starts-with, not both"
        raise typer.BadParameter(message)
    kept: CustomerFilter | None = None
    if name_starts_with is not None:
        kept = CustomerFilter("CompanyName", name_starts_with)
    elif domain_starts_with is not None:
        kept = CustomerFilter("Domain", domain_starts_with)
    return of_partner(lambda client: client.customers.list(filter=kept), export.CUSTOMERS)


@_listing(of_tables=["rows"])
def orders(
    customer: CustomerId = None,
    indirect_reseller: Annotated[
        str | None, typer.Option(metavar="ID", help="Keep the orders of that indirect reseller.")
    ] = None,
    billing_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Keep the orders billed so: monthly, annual, one_time, ...")
    ] = None,
    include_price: Annotated[bool, typer.Option("--include-price", help="Ask for prices.")] = False,
    include_system_purchases: Annotated[
        bool, typer.Option("--include-system-purchases", help="Ask also for the service's own purchases.")
    ] = False,
    rows: Annotated[
        RowChoice | None,
        typer.Option(help="What has a row in CSV, in Parquet and in a table: an order, or each line item."),
    ] = None,
) -> Reading:
    """List the orders of one customer or of all."""
    return of_customers(
        customer,
        lambda client, each: client.orders.list(
            each,
            indirect_reseller_id=indirect_reseller,
            billing_type=None if billing_type is None else BillingCycleType(billing_type),
            include_price=include_price,
            include_system_purchases=include_system_purchases,
        ),
        export.ORDER_LINES if rows == RowChoice.LINES else export.ORDERS,
        named=False,
    )


@_listing()
def provisioning(
    customer: CustomerId = None,
    order: Annotated[str | None, typer.Option(metavar="ID", help="One order of the customer.")] = None,
) -> Reading:
    """List what is provisioned of orders, line item by line item, with customerId and orderId in front."""
    _check_order(order, customer)
    return provisioning_of(customer, order)


@_listing()
def subscriptions(
    customer: CustomerId = None,
    order: Annotated[
        str | None, typer.Option(metavar="ID", help="Keep the subscriptions of one order of the customer.")
    ] = None,
    mpn_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Keep the subscriptions of that partner on record.")
    ] = None,
) -> Reading:
    """List the subscriptions of one customer or of all, with customerId in front."""
    _check_order(order, customer)
    return of_customers(
        customer,
        lambda client, each: client.subscriptions.list(each, order_id=order, mpn_id=mpn_id),
        export.SUBSCRIPTIONS,
    )


@_listing(at_once="How many customers at once, or of one customer's migrations events.")
def migrations(
    customer: CustomerId = None,
    events: Annotated[
        bool, typer.Option("--events", help="The events of each migration in place of the migrations.")
    ] = False,
) -> Reading:
    """List New-Commerce migrations, or their events with customerId in front."""
    if events:
        return events_of(customer)
    return of_customers(
        customer, lambda client, each: client.migrations.list(customer_tenant_id=each), export.MIGRATIONS, named=False
    )


def _check_order(order: str | None, customer: str | None) -> None:
    if order is not None and customer is None:
        message = "--order needs --customer"
        raise typer.BadParameter(message)


class Form(StrEnum):
    """How a listing is paged, as at the command line."""

    LINKS = "links"
    HEADER_TOKEN = "header-token"  # noqa: S105 - no secret
    BODY_TOKEN = "body-token"  # noqa: S105 - as above
    ODATA = "odata"
    TOP_SKIP = "top-skip"
    PAGE_NUMBER = "page-number"
    SINGLE = "single"


_FORMS = {
    each.name: each for each in (paging.LINKS, paging.HEADER_TOKEN, paging.BODY_TOKEN, paging.ODATA, paging.SINGLE)
}
_COUNTED = {each.name: each for each in (paging.TopSkip, paging.PageNumber)}


def _form(form: Form, size: int | None) -> paging.Paging:
    """Return the form of paging that was asked for."""
    counted = _COUNTED.get(form)
    if (counted is None) != (size is None):
        message = "--page-size goes with --paging top-skip or page-number, and they with it"
        raise typer.BadParameter(message)
    return _FORMS[form] if counted is None or size is None else counted(size)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        message = f"--header takes NAME=VALUE, not {text!r}"
        raise typer.BadParameter(message)
    return name, value


@app.command()
def request(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, PUT, PATCH, DELETE or HEAD.")],
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="With its query, such as customers/ID/subscriptions or webhooks/v1/registration; of other services "
            "with its version, such as v1.0/tenantRelationships/delegatedAdminRelationships. Ids are encoded.",
        ),
    ],
    service: Annotated[
        ServiceChoice, typer.Option(help="Partner Center's API, Microsoft Graph, or the API of prices and referrals.")
    ] = ServiceChoice.API,
    body: Annotated[str | None, typer.Option(metavar="JSON", help="What to send.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A header to send; any number of times.")
    ] = None,
    all_pages: Annotated[
        bool, typer.Option("--all-pages", help="Each item of a listing as a line, page after page; with GET.")
    ] = False,
    form: Annotated[Form | None, typer.Option("--paging", help="How the listing is paged; links by default.")] = None,
    page_size: Annotated[
        int | None, typer.Option(min=1, help="How many items to ask for at once, with top-skip and page-number.")
    ] = None,
    output: Output = "-",
    checkpoint: Checkpoint = None,
    mode: Mode = None,
) -> None:
    """Call any endpoint, and print its answer: JSON on one line, anything else as it came.

    With --all-pages it is each item of a listing.
    """
    headers = dict(map(_header, header or ()))
    if not all_pages:
        if (form, page_size, output, checkpoint, mode) != (None, None, "-", None, None):
            message = "--paging, --page-size, --output, --checkpoint and --mode need --all-pages"
            raise typer.BadParameter(message)
        ask(method.upper(), path, service=service.value, body=body, headers=headers)
    if method.upper() != "GET" or body is not None:
        message = "--all-pages goes with GET and without --body"
        raise typer.BadParameter(message)
    chosen = _form(form or Form.LINKS, page_size)
    destination = _destination(None, output, checkpoint, mode, only=Format.NDJSON)
    execute(
        of_any(path, service=service.value, paging=chosen, headers=headers),
        command="request",
        options={
            "path": path,
            "service": service,
            "paging": form or Form.LINKS,
            "page_size": page_size,
            "headers": sha256(repr(sorted(headers.items())).encode()).hexdigest() if headers else None,
        },
        destination=destination,
        concurrency=1,
    )


@app.command()
def demo(
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="How many customers the emulator has.")] = 300,
    concurrency: Concurrency = 32,
    seed: Annotated[int, typer.Option(help="What the emulator's data is made from.")] = 7,
    faults: Annotated[
        bool, typer.Option(help="Server errors, throttling, lost connections and expired tokens.")
    ] = True,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="A file to write to; - is stdout. A temporary one by default.")
    ] = None,
) -> None:
    """Export all that an embedded emulator has, with faults, and compare every record with what it holds."""
    from partnercenter_async.cli.demo import run_demo  # noqa: PLC0415 - the emulator is slow to import
    from partnercenter_async.cli.summary import show  # noqa: PLC0415 - as above

    async def run() -> int:
        to_stdout = output == "-"
        path = Path(output) if output is not None and not to_stdout else _temporary()
        try:
            with ProgressDisplay(stderr(), "records") as display:
                result = await run_demo(
                    path,
                    display=display,
                    customers=customers,
                    concurrency=concurrency,
                    seed=seed,
                    faults=faults,
                )
            if to_stdout and result.written:
                _print(path)
        finally:
            if to_stdout:
                path.unlink()
        show(result, stderr() if to_stdout else Console(), written=result.written and not to_stdout)
        return result.exit_code

    leave(run)


def _print(path: Path) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.flush()


def _temporary() -> Path:
    handle, path = tempfile.mkstemp(prefix="partnercenter-demo-", suffix=".ndjson")
    os.close(handle)
    Path(path).chmod(OWNERS)  # whatever the umask has taken from them
    return Path(path)


@app.command()
def emulator(
    customers: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, show_default="100", help="How many customers it has.")
    ] = None,
    orders: Annotated[
        str | None, typer.Option(metavar="N or N-M", show_default="0-12", help="How many orders each customer has.")
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default="7", help="What its data is made from.")] = None,
    oddities: Annotated[
        bool, typer.Option("--oddities", help="With all that the service now and then sends besides.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="What it serves, as JSON, in place of the four options above.")
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="What goes wrong, as JSON, read again on SIGHUP; or demo, for what a demo survives."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where it listens; 0 takes a free port.")] = 0,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N/SECONDS[,WORD...]",
            help="How many requests it takes in a time, such as 500/60; any number of times. Words: fixed (a window), "
            "sliding or bucket=BURST; refused (requests count too); customer (each by itself); Retry-After as a date, "
            "or silent; operation=NAME, method=NAME, path=PATTERN.",
        ),
    ] = None,
    page_size: Annotated[int, typer.Option(min=1, help="The largest page of orders, and of migrations.")] = 200,
    customers_page_size: Annotated[int, typer.Option(min=1, help="The largest page of customers.")] = 500,
    latency: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long each answer takes.")] = 0.0,
    drift: Annotated[
        bool, typer.Option("--drift", help="With what a newer service may bring: unknown members, names and links.")
    ] = False,
    paths: Annotated[
        Literal["tolerant", "exact"], typer.Option(help="In any letter case and with a slash at their end, or not.")
    ] = "tolerant",
    require_mfa: Annotated[
        bool, typer.Option("--require-mfa", help="Refuse users' tokens without multifactor authentication.")
    ] = False,
    no_mfa: Annotated[
        bool, typer.Option("--no-mfa", help="Users' tokens come without multifactor authentication.")
    ] = False,
    tenant_id: Annotated[
        str | None, typer.Option("--tenant", metavar="ID", help="The partner's tenant; made up by default.")
    ] = None,
    client_id: Annotated[str | None, typer.Option(metavar="ID", help="The application, likewise.")] = None,
    client_secret: Annotated[str | None, typer.Option(metavar="TEXT", help="Its secret, likewise.")] = None,
    refresh_token: Annotated[str | None, typer.Option(metavar="TEXT", help="A user's, likewise.")] = None,
    form: Annotated[
        Literal["shell", "powershell", "json"], typer.Option("--format", help="How the environment is printed.")
    ] = "shell",
    operations: Annotated[bool, typer.Option("--operations", help="List what it serves, and end.")] = False,
) -> None:
    """Serve a local Partner Center until Ctrl-C; prints the environment with which this command finds it.

    What goes wrong can also be changed while it serves: GET, POST and DELETE /emulator/faults.
    """
    from partnercenter_async.cli.serve import (  # noqa: PLC0415 - the emulator is slow to import
        data_of,
        parse_limit,
        serve,
        show_operations,
    )

    sizes = {"customers": customers, "orders_per_customer": None if orders is None else _bounds(orders), "seed": seed}
    given = {name: each for name, each in {**sizes, "oddities": oddities or None}.items() if each is not None}
    if data is not None and given:
        message = '--customers, --orders, --seed and --oddities go without --data, whose file may "generate" as much'
        raise typer.BadParameter(message)
    if operations:
        leave(lambda: show_operations(data))
    try:
        limits = [parse_limit(text) for text in limit or ()]
    except ValueError as error:
        message = f"--limit: {error}"
        raise typer.BadParameter(message) from None

    async def run() -> int:
        return await serve(
            data_of(data, {"customers": 100, "seed": 7, **given}),
            faults=faults,
            form=form,
            port=port,
            limits=limits,
            page_size=page_size,
            customers_page_size=customers_page_size,
            latency=latency,
            drift=drift,
            paths=paths,
            require_mfa=require_mfa,
            mfa=not no_mfa,
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
        )

    leave(run)


def _bounds(text: str) -> tuple[int, int]:
    """Return the lowest and the highest number of a range, or one number twice."""
    least, _, most = text.partition("-")
    if not (least.isdecimal() and (most or least).isdecimal()):
        message = f"--orders takes a number, or two with a hyphen between them, not {text!r}"
        raise typer.BadParameter(message)
    return int(least), int(most or least)
