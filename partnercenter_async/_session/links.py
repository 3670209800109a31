"""From a link's text, or a caller's path, to a URL at a service's origin, or a refusal."""

import itertools
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote, unquote_to_bytes

from partnercenter_async.clouds import Cloud, ServiceName, origin

# What the API's paths begin with. The first is taken where none is given; the others belong to single resources.
_PREFIXES = "v1", "webhooks/v1", "partner/v1", "auditactivity/v1"
_FIRST_OF_PREFIXES = frozenset(prefix.partition("/")[0] for prefix in _PREFIXES)
_VERSION = re.compile(r"v[0-9]+(?:\.[0-9]+)?|beta")  # what those of the other services begin with
# What most paths and links look like; the rules below would give it back as it is.
_PLAIN = re.compile(r"/?([A-Za-z0-9_~-]+)(?:/[A-Za-z0-9_~-]+)*(?:\?[!$-~]*)?")
_WORD = re.compile("[A-Za-z]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?]*)(.*)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\#]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_DEEPEST_ENCODING = 5
_UNENCODED = re.compile(r"[\x00-$&-:<-\[\]-\x7f]*")  # ASCII but for %, \ and ;
# What some servers take for a slash, beside those that are one in a simpler spelling.
_SLASHES = re.compile("[/\\\\\u2044\u2215]")
_UNICODE_ESCAPE = re.compile(rb"%[uU]([0-9a-fA-F]{4})")
# An ASCII character in more bytes than one, which is no UTF-8, and which some servers read all the same.
_OVERLONG = re.compile(
    rb"(?:\xe0(?=[\x80\x81])|\xf0\x80(?=[\x80\x81])|\xf8\x80\x80(?=[\x80\x81])|\xfc\x80\x80\x80(?=[\x80\x81])"
    rb"|(?=[\xc0\xc1]))(.)(.)",
    re.DOTALL,
)
_GUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class UrlBuilder:
    """Makes every URL that a service's tokens are sent to: at its origin, behind one of its prefixes, no way up."""

    def __init__(self, cloud: Cloud, service: ServiceName = "api") -> None:
        """Take the service's origin; raises ValueError where the cloud has no such service."""
        self._origin = origin(cloud.service(service).endpoint, "endpoint")
        scheme, host, port = self._origin
        shown = f"[{host}]" if ":" in host else host
        standard = {"https": 443, "http": 80}[scheme]
        root = f"{scheme}://{shown}{'' if port == standard else f':{port}'}/"
        self._prefixed = service == "api"
        self.bases = tuple([f"{root}{prefix}/" for prefix in _PREFIXES]) if self._prefixed else (root,)
        """What every URL begins with one of."""
        self.base = self.bases[0]
        """Where a path of a caller's begins."""
        self._root = root

    def build(self, reference: str) -> str:
        """Return the URL of a path or link, its query byte for byte as given; raises ValueError with the reason.

        Taken are paths with and without a leading slash, of the API also without their prefix, and absolute URLs of the
        origin. Whatever the service may have doubled (slashes, a prefix) stands once in the result.
        """
        plain = _PLAIN.fullmatch(reference)
        if plain is not None and self._prefixed and plain[1].lower() not in _FIRST_OF_PREFIXES:
            return self.base + reference.removeprefix("/")
        path, mark, query = reference.partition("?")
        if _UNSAFE.search(path) or re.search(r"[\x00-\x20\x7f#]", query):
            raise ValueError("it holds a blank, a control character, a backslash or a fragment")
        path = self._own_path(path)
        segments = [segment for segment in path.split("/") if segment]
        if any(climbs(segment) for segment in segments):
            raise ValueError("its path climbs")
        base = self._base_of(segments)
        if not segments:
            raise ValueError("it names no resource")
        slash = "/" if path.endswith("/") else ""
        return base + _ascii("/".join(segments)) + slash + mark + _ascii(query)

    def path(self, url: str) -> str:
        """Return the path and query of a URL that this has built, the API's without the prefix that most have."""
        return url[len(self.base if url.startswith(self.base) else self._root) :]

    def _base_of(self, segments: list[str]) -> str:
        """Take the prefix, doubled or not, from the front of a path's segments, and return the URL of all behind it."""
        if not self._prefixed:
            version = segments[0].lower() if segments else ""
            if not _VERSION.fullmatch(version):
                raise ValueError("it does not begin with a version, such as v1.0")
            while segments and segments[0].lower() == version:
                del segments[0]
            return f"{self._root}{version}/"
        base = self.base
        for own, prefix in zip(self.bases, _PREFIXES, strict=True):
            parts = prefix.split("/")
            while [segment.lower() for segment in segments[: len(parts)]] == parts:
                del segments[: len(parts)]
                base = own
            if base != self.base:
                break
        return base

    def _own_path(self, path: str) -> str:
        """Return the path behind an origin that is ours; refuse every other origin."""
        if _SCHEME.match(path):
            absolute = _ORIGIN.fullmatch(path)
            if absolute is None or not self._is_own(absolute[1]):
                raise ValueError("it leads to another origin")
            return absolute[2]
        # Two slashes begin a network path, unless a prefix stands behind a slash that was doubled.
        if path.startswith("//") and not self._is_first(path.lstrip("/").partition("/")[0]):
            raise ValueError("it leads to another origin")
        return path

    def _is_first(self, segment: str) -> bool:
        known = segment.lower()
        return known in _FIRST_OF_PREFIXES if self._prefixed else _VERSION.fullmatch(known) is not None

    def _is_own(self, text: str) -> bool:
        try:
            return origin(text, "link") == self._origin
        except ValueError:
            return False


def leads_to(path: str, template: str, ids: Mapping[str, str]) -> bool:
    """Tell whether a path is the one of a template, which has ids, by their names in braces, as segments of their own.

    ``path`` is what ``UrlBuilder.path`` says, without its query. Letter case does not matter, but for ids: they are
    taken as they are, unless they are GUIDs.
    """
    given = [unquote_to_bytes(segment) for segment in path.split("/") if segment]
    parts = template.split("/")
    return len(given) == len(parts) and all(map(_is_own, given, parts, itertools.repeat(ids)))


def _is_own(segment: bytes, part: str, ids: Mapping[str, str]) -> bool:
    is_id = part[0] == "{"
    own = (ids[part[1:-1]] if is_id else part).encode(errors="surrogateescape")
    return _comparable(segment, is_id=is_id) == _comparable(own, is_id=is_id)


def _comparable(segment: bytes, *, is_id: bool) -> bytes:
    return segment if is_id and not _GUID.fullmatch(segment) else segment.lower()


def template_of(path: str, ids: dict[str, str]) -> str:
    """Return the template of a path that has its ids in it, and add what may be one of them to ``ids``.

    Nothing but a word is no id, unless it follows a plural, as in ``customers/contoso``.
    """
    parts: list[str] = []
    plural = False
    for segment in filter(None, path.split("/")):
        text = unquote(segment, errors="surrogateescape")
        is_id = plural or not _WORD.fullmatch(text)
        plural = not is_id and text[-1] in "sS"
        if is_id:
            name = str(len(ids))
            ids[name] = text
            text = f"{{{name}}}"
        parts.append(text)
    return "/".join(parts)


def climbs(segment: str) -> bool:
    """Tell whether a segment of a path is a step up or holds one, however often and however badly it is encoded.

    A step up is also what a server makes one of that cuts off what follows a semicolon.
    """
    if _UNENCODED.fullmatch(segment):
        return segment in {".", ".."}
    data = segment.encode("utf-8", "surrogatepass")
    for _ in range(_DEEPEST_ENCODING):
        for reading in (data, _OVERLONG.sub(_shortened, data)):
            text = unicodedata.normalize("NFKC", reading.decode("utf-8", "ignore"))
            if any(step.partition(";")[0] in {".", ".."} for step in _SLASHES.split(text)):
                return True
        decoded = unquote_to_bytes(_UNICODE_ESCAPE.sub(_character, data))
        if decoded == data:
            return False
        data = decoded
    return True  # encoded over and over, which no honest path is


def _shortened(overlong: re.Match[bytes]) -> bytes:
    high, low = overlong[1][0], overlong[2][0]
    return bytes([(high & 1) << 6 | low & 0x3F])


def _character(escape: re.Match[bytes]) -> bytes:
    return chr(int(escape[1], 16)).encode("utf-8", "surrogatepass")


def _ascii(text: str) -> str:
    """Percent-encode what can't stand in a URL at all, and nothing else."""
    return _BEYOND_ASCII.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)
