"""Where the services and their tokens live, as one setting."""

import ipaddress
import os
import re
from typing import ClassVar, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")

ServiceName: TypeAlias = Literal["api", "graph", "partner"]
"""The services that a partner calls: Partner Center's own API, Microsoft Graph, and the API of prices and referrals."""


class Service(msgspec.Struct, frozen=True):
    """Where a service answers, and what a token for it is asked for.

    ``endpoint`` is an https origin without a path; http is taken for a loopback address alone. ``scope`` is such as
    https://api.partnercenter.microsoft.com/.default; tokens for it go to ``endpoint`` and nowhere else.
    """

    endpoint: str
    scope: str

    def __post_init__(self) -> None:
        """Refuse what tokens must not be sent to; raises ValueError."""
        origin(self.endpoint, "endpoint")
        if not self.scope:
            raise ValueError(
                "scope is empty; pass the service's scope, such as https://api.partnercenter.microsoft.com/.default"
            )


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of the services: where each answers, None where it does not, and who issues the tokens.

    ``authority`` is an origin as a service's endpoint is. Sources: for the API and the authorities
    https://learn.microsoft.com/partner-center/developer/partner-center-rest-urls, for Graph
    https://learn.microsoft.com/graph/deployments; the partner API is documented for the global cloud alone.
    """

    GLOBAL: ClassVar["Cloud"]
    US_GOVERNMENT: ClassVar["Cloud"]
    CHINA: ClassVar["Cloud"]

    api: Service
    authority: str
    graph: Service | None = None
    partner: Service | None = None

    def __post_init__(self) -> None:
        """Refuse what secrets must not be sent to; raises ValueError."""
        origin(self.authority, "authority")

    def service(self, name: ServiceName) -> Service:
        """Return a service by its name; raises ValueError where there is none."""
        if name not in SERVICES:
            raise ValueError(f"service must be one of {', '.join(SERVICES)}, not {name!r}")
        found: Service | None = getattr(self, name)
        if found is None:
            raise ValueError(
                f"the cloud of {self.authority} and {self.api.endpoint} has no service {name!r};"
                f" pass a Cloud with {name}=Service(endpoint, scope) where there is one"
            )
        return found

    def services(self) -> list[Service]:
        """Return the services that there are, the API first."""
        return [found for name in SERVICES if (found := getattr(self, name)) is not None]

    def at(self, endpoint: str, *, authority: str) -> "Cloud":
        """Return this cloud with all its services at one endpoint: an emulator's, say."""
        there = {
            name: Service(endpoint, found.scope) for name in SERVICES if (found := getattr(self, name)) is not None
        }
        return Cloud(authority=authority, **there)

    @classmethod
    def from_environment(cls) -> "Cloud":
        """Return the cloud that the environment names, the global one by default.

        ``PARTNER_CENTER_CLOUD`` is ``global``, ``us-government`` or ``china``; ``AZURE_AUTHORITY_HOST`` puts another
        authority in the place of its own, ``PARTNER_CENTER_ENDPOINT`` another endpoint of the API (a test service,
        say). A client that is led elsewhere so reaches of the cloud's other services only those whose endpoints are
        named, too: by ``PARTNER_CENTER_GRAPH_ENDPOINT`` and ``PARTNER_CENTER_PARTNER_ENDPOINT``.
        """
        named = {"": cls.GLOBAL, "global": cls.GLOBAL, "us-government": cls.US_GOVERNMENT, "china": cls.CHINA}
        name = os.environ.get("PARTNER_CENTER_CLOUD", "")
        if name not in named:
            raise ValueError(f"PARTNER_CENTER_CLOUD is {name!r}; it must be global, us-government or china")
        cloud = named[name]
        authority = os.environ.get("AZURE_AUTHORITY_HOST") or cloud.authority
        endpoint = os.environ.get("PARTNER_CENTER_ENDPOINT")

        def beside(service: Service | None, variable: str) -> Service | None:
            there = os.environ.get(variable)
            if service is None or not (there or endpoint):
                return service
            return Service(there, service.scope) if there else None

        return cls(
            api=Service(endpoint or cloud.api.endpoint, cloud.api.scope),
            authority=authority if "://" in authority else f"https://{authority}",
            graph=beside(cloud.graph, "PARTNER_CENTER_GRAPH_ENDPOINT"),
            partner=beside(cloud.partner, "PARTNER_CENTER_PARTNER_ENDPOINT"),
        )


def origin(url: str, name: str) -> tuple[str, str, int]:
    """Return the scheme, host and port of a setting that must be an origin; ``name`` is the setting's."""
    parts = urlsplit(url)
    if (
        not parts.hostname
        or not _HOST.fullmatch(parts.netloc)
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError(f"{name} must be an origin such as https://host or https://host:port, not {url!r}")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError(f"{name} must be https (http is for a loopback address only), not {url!r}")
    standard = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, standard if parts.port is None else parts.port


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


SERVICES: Final[tuple[ServiceName, ...]] = get_args(ServiceName)

_API = Service("https://api.partnercenter.microsoft.com", "https://api.partnercenter.microsoft.com/.default")
Cloud.GLOBAL = Cloud(
    api=_API,
    authority="https://login.microsoftonline.com",
    graph=Service("https://graph.microsoft.com", "https://graph.microsoft.com/.default"),
    partner=Service("https://api.partner.microsoft.com", "https://api.partner.microsoft.com/.default"),
)
Cloud.US_GOVERNMENT = Cloud(
    api=_API,
    authority="https://login.microsoftonline.us",
    graph=Service("https://graph.microsoft.us", "https://graph.microsoft.us/.default"),
)
Cloud.CHINA = Cloud(
    api=Service(
        "https://partner.partnercenterapi.microsoftonline.cn",
        "https://partner.partnercenterapi.microsoftonline.cn/.default",
    ),
    authority="https://login.chinacloudapi.cn",
    graph=Service("https://microsoftgraph.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/.default"),
)
