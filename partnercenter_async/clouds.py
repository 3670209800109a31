"""Where the service and its tokens live, as one setting."""

import ipaddress
import os
import re
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

_VERSION = re.compile(r"v[0-9]+(\.[0-9]+)?")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of the service: where it answers, who issues its tokens, what they are good for.

    ``endpoint`` and ``authority`` are https origins without a path; http is taken for a loopback address alone.
    ``scope`` is what a token is asked for; ``version`` is the first segment of every path.
    Source: https://learn.microsoft.com/partner-center/developer/partner-center-rest-urls
    """

    GLOBAL: ClassVar["Cloud"]
    US_GOVERNMENT: ClassVar["Cloud"]
    CHINA: ClassVar["Cloud"]

    endpoint: str
    authority: str
    scope: str
    version: str = "v1"

    def __post_init__(self) -> None:
        """Refuse what tokens must not be sent to; raises ValueError."""
        origin(self.endpoint, "endpoint")
        origin(self.authority, "authority")
        if not self.scope:
            raise ValueError(
                "scope is empty; pass the service's scope, such as https://api.partnercenter.microsoft.com/.default"
            )
        if not _VERSION.fullmatch(self.version):
            raise ValueError(f"version must look like v1, not {self.version!r}")

    @classmethod
    def from_environment(cls) -> "Cloud":
        """Return the cloud that the environment names, the global one by default.

        ``PARTNER_CENTER_CLOUD`` is ``global``, ``us-government`` or ``china``; ``PARTNER_CENTER_ENDPOINT`` puts another
        endpoint in its place (a test service, say) and ``AZURE_AUTHORITY_HOST`` another authority.
        """
        named = {"": cls.GLOBAL, "global": cls.GLOBAL, "us-government": cls.US_GOVERNMENT, "china": cls.CHINA}
        name = os.environ.get("PARTNER_CENTER_CLOUD", "")
        if name not in named:
            raise ValueError(f"PARTNER_CENTER_CLOUD is {name!r}; it must be global, us-government or china")
        cloud = named[name]
        authority = os.environ.get("AZURE_AUTHORITY_HOST") or cloud.authority
        return cls(
            endpoint=os.environ.get("PARTNER_CENTER_ENDPOINT") or cloud.endpoint,
            authority=authority if "://" in authority else f"https://{authority}",
            scope=cloud.scope,
            version=cloud.version,
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


_SCOPE = "https://api.partnercenter.microsoft.com/.default"
Cloud.GLOBAL = Cloud(
    endpoint="https://api.partnercenter.microsoft.com", authority="https://login.microsoftonline.com", scope=_SCOPE
)
Cloud.US_GOVERNMENT = Cloud(
    endpoint="https://api.partnercenter.microsoft.com", authority="https://login.microsoftonline.us", scope=_SCOPE
)
Cloud.CHINA = Cloud(
    endpoint="https://partner.partnercenterapi.microsoftonline.cn",
    authority="https://login.chinacloudapi.cn",
    scope="https://partner.partnercenterapi.microsoftonline.cn/.default",
)
