"""From a link's text, or a caller's path, to a URL at the configured origin, or a refusal."""

import re
from urllib.parse import unquote

from partnercenter_async.clouds import Cloud, origin

# What most paths and links look like; the rules below would give it back as it is.
_PLAIN = re.compile(r"/?([A-Za-z0-9_~-]+)(?:/[A-Za-z0-9_~-]+)*(?:\?[!$-~]*)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?]*)(.*)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\#]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_DEEPEST_ENCODING = 5


class UrlBuilder:
    """Makes every URL that a token is sent to: one origin, one version segment, no way up."""

    def __init__(self, cloud: Cloud) -> None:
        """Take the origin and the version from the cloud."""
        self._origin = origin(cloud.endpoint, "endpoint")
        self._version = cloud.version
        scheme, host, port = self._origin
        shown = f"[{host}]" if ":" in host else host
        standard = {"https": 443, "http": 80}[scheme]
        self.base = f"{scheme}://{shown}{'' if port == standard else f':{port}'}/{cloud.version}/"

    def build(self, reference: str) -> str:
        """Return the URL of a path or link, its query byte for byte as given; raises ValueError with the reason.

        Taken are paths with and without a leading slash and the version, and absolute URLs of the origin. Whatever the
        service may have doubled (slashes, the version) stands once in the result.
        """
        plain = _PLAIN.fullmatch(reference)
        if plain is not None and plain[1].lower() != self._version.lower():
            return self.base + reference.removeprefix("/")
        path, mark, query = reference.partition("?")
        if _UNSAFE.search(path) or re.search(r"[\x00-\x20\x7f#]", query):
            raise ValueError("it holds a blank, a control character, a backslash or a fragment")
        path = self._own_path(path)
        segments = [segment for segment in path.split("/") if segment]
        while segments and segments[0].lower() == self._version.lower():
            del segments[0]
        if not segments:
            raise ValueError("it names no resource")
        if any(climbs(segment) for segment in segments):
            raise ValueError("its path climbs")
        slash = "/" if path.endswith("/") else ""
        return self.base + _ascii("/".join(segments)) + slash + mark + _ascii(query)

    def _own_path(self, path: str) -> str:
        """Return the path behind an origin that is ours; refuse every other origin."""
        if _SCHEME.match(path):
            absolute = _ORIGIN.fullmatch(path)
            if absolute is None or not self._is_own(absolute[1]):
                raise ValueError("it leads to another origin")
            return absolute[2]
        # Two slashes begin a network path, unless the version stands behind a slash that was doubled.
        if path.startswith("//") and path.lstrip("/").partition("/")[0].lower() != self._version.lower():
            raise ValueError("it leads to another origin")
        return path

    def _is_own(self, text: str) -> bool:
        try:
            return origin(text, "link") == self._origin
        except ValueError:
            return False


def climbs(segment: str) -> bool:
    """Tell whether a segment of a path is, however often it is decoded, a step up or holds one."""
    if "%" not in segment and "\\" not in segment:
        return segment in {".", ".."}
    for _ in range(_DEEPEST_ENCODING):
        if not {".", ".."}.isdisjoint(re.split(r"[/\\]", segment)):
            return True
        decoded = unquote(segment)
        if decoded == segment:
            return False
        segment = decoded
    return True  # encoded over and over, which no honest path is


def _ascii(text: str) -> str:
    """Percent-encode what can't stand in a URL at all, and nothing else."""
    return _BEYOND_ASCII.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)
