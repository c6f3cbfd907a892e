"""Files on a web server: one document, or what an index page lists.

Bytes are given as they were sent: identity is asked for, and what comes as gzip all the same stays gzip. Every hop of a
redirect is checked like the source itself, and credentials go to the source's own origin only.
"""

import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache
from urllib.parse import quote

import httpx

from adapters.errors import (
    AdapterError,
    AuthenticationFailed,
    NotSent,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.feeds.addresses import addresses_of
from adapters.feeds.index_page import MAX_PAGE, names_on
from adapters.feeds.locations import PORTS, Location
from adapters.feeds.transport import WEAK, Timeouts, changed, firm, version_of
from adapters.http import DIGITS, retry_after
from models.feed_rows import RemoteFile

MAX_REDIRECTS = 5
GZIPPED = ";gzip"  # ends the version of a file that comes with Content-Encoding: gzip
_ETAG = "etag:"
_UNNAMED = "feed"  # the document of an address that ends with a slash
_GONE = frozenset({404, 410})
_NO_HEAD = frozenset({400, 403, 405, 501})  # said by servers that know only GET, or that signed a GET alone
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
_NEWLY = timedelta(seconds=60)


class HttpTransport:
    """A document, or with ``folder`` the files of an index page."""

    def __init__(
        self,
        location: Location,
        password: str,
        *,
        folder: bool,
        trusted: bool,
        timeouts: Timeouts,
    ) -> None:
        self._label = location.label
        self._trusted = trusted
        self._only = None if folder else location.path.rpartition("/")[2] or _UNNAMED
        self._base = _url_of(location, folder=folder)
        self._auth = httpx.BasicAuth(location.username, password) if location.username or password else None
        # Without the environment: a proxy would resolve names for itself, and past our check. Without idle connections:
        # two hosts of one address must not share a connection whose certificate was checked for one of them.
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept-Encoding": "identity", "Accept": "*/*"},
            verify=_tls(),
            trust_env=False,
        )

    def only(self) -> str | None:
        """Name the one document of the source, if it is one."""
        return self._only

    def names(self) -> Mapping[str, RemoteFile | None]:
        """List what the index page links to."""
        with self._answer("GET", self._base) as response:
            if response.status_code in _GONE:
                raise Unavailable(f"{self._label}: there is no index page", code="no_folder")
            page = b""
            for piece in self._pieces(response):
                page += piece
                if len(page) > MAX_PAGE:
                    raise UnexpectedReply(f"{self._label}: the index page is too long", code="index_page")
        return dict.fromkeys(names_on(page.decode("utf-8", "replace"), str(self._base)))

    def describe(self, name: str) -> RemoteFile | None:
        """Ask for a document's headers."""
        url = self._url(name)
        with self._answer("HEAD", url) as response:
            if response.status_code not in _NO_HEAD:
                return _described(name, response)
        with self._answer("GET", url) as response:
            return _described(name, response)

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read a document; where the server knows no ranges, what we have already is read past."""
        with self._answer("GET", self._url(file.name), _range(file, offset) if offset else {}) as response:
            if response.status_code in _GONE or response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise changed(file.name)
            _encoding(response)
            past = offset - _begin(response)
            if past < 0:
                raise UnexpectedReply(f"{self._label}: it answered another range than was asked for", code="range")
            for piece in self._pieces(response):
                if past < len(piece):
                    yield piece[past:]
                past = max(0, past - len(piece))

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _url(self, name: str) -> httpx.URL:
        if self._only is None:
            return self._base.join(quote(name, safe=""))
        if name == self._only:
            return self._base
        return self._base.copy_with(path=self._base.path + name.removeprefix(self._only))

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except httpx.TransportError as error:
            raise Unavailable(f"{self._label}: the answer broke off ({type(error).__name__})", code="cut_off") from None

    @contextmanager
    def _answer(
        self, method: str, url: httpx.URL, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Send a question along its redirects; give the answer if it is one that somebody can use."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(method, url, headers or {})
            try:
                if not response.has_redirect_location:
                    self._raise_for(method, response)
                    yield response
                    return
                url = self._redirected(url, response.headers["Location"])
            finally:
                response.close()
        raise Refused(f"{self._label}: more than {MAX_REDIRECTS} redirects", code="redirects")

    def _redirected(self, url: httpx.URL, to: str) -> httpx.URL:
        try:
            target = url.join(to)
        except httpx.InvalidURL:
            raise UnexpectedReply(f"{self._label}: it redirects to what is no address", code="redirect") from None
        if target.scheme not in ("http", "https") or (url.scheme == "https" and target.scheme != "https"):
            raise Refused(f"{self._label}: it redirects away from {url.scheme}", code="redirect")
        return target

    def _send(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        host = url.raw_host.decode("ascii")
        addresses = addresses_of(host, url.port or PORTS[url.scheme], trusted=self._trusted)
        failure = ""
        for address in addresses:
            request = self._client.build_request(
                method,
                url.copy_with(host=address),
                headers={**headers, "Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": host},
            )
            try:
                return self._client.send(request, stream=True, auth=self._auth if self._is_ours(url) else None)
            except _NOT_CONNECTED as error:
                failure = "certificate" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "no_connection"
            except httpx.TransportError as error:
                raise Unavailable(f"{self._label}: no answer ({type(error).__name__})") from None
        raise NotSent(f"{self._label}: no connection ({failure})", code=failure)

    def _is_ours(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)

    def _raise_for(self, method: str, response: httpx.Response) -> None:
        status = response.status_code
        usable = response.is_success or status in _GONE or status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE
        if not usable and not (method == "HEAD" and status in _NO_HEAD):
            raise _failure(f"{self._label}: answered {status}", response)


def _failure(message: str, response: httpx.Response) -> AdapterError:
    status = response.status_code
    if status in (401, 403):
        return AuthenticationFailed(message, code=f"http_{status}")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled(message, retry_after=retry_after(response))
    if status >= 500:
        return Unavailable(message, code=f"http_{status}", retry_after=retry_after(response))
    return Refused(message, code=f"http_{status}")


def _url_of(location: Location, *, folder: bool) -> httpx.URL:
    path = location.escaped_path or "/"
    if folder and not path.endswith("/"):
        path += "/"
    host = f"[{location.host}]" if ":" in location.host else location.host
    query = f"?{location.query}" if location.query else ""
    return httpx.URL(f"{location.scheme}://{host}:{location.port}{path}{query}")


def _described(name: str, response: httpx.Response) -> RemoteFile | None:
    if response.status_code in _GONE:
        return None
    encoding = _encoding(response)
    length = response.headers.get("Content-Length", "")
    # Some announce 0 to HEAD because they have not made the page yet.
    size = int(length) if DIGITS.fullmatch(length) and int(length) > 0 else None
    modified_at = _moment(response, "Last-Modified")
    version = _version(response, size, modified_at)
    if not firm(version):
        size = None  # the next answer may be a longer one
    return RemoteFile(name, size, modified_at, version + encoding)


def _version(response: httpx.Response, size: int | None, modified_at: datetime | None) -> str:
    """Find the strongest version that the headers hold (RFC 9110 §8.8)."""
    etag: str = response.headers.get("ETag", "")
    if etag:
        return (WEAK if etag.startswith("W/") else _ETAG) + etag
    asked_at = _moment(response, "Date") or datetime.now(UTC)
    # Pages that are made on demand often say that they changed just now, and say so again with the next answer.
    settled = modified_at is not None and modified_at <= asked_at - _NEWLY
    return version_of(size, modified_at if settled else None)


def _range(file: RemoteFile, offset: int) -> dict[str, str]:
    headers = {"Range": f"bytes={offset}-"}
    if file.version.startswith(_ETAG):
        headers["If-Range"] = file.version.removeprefix(_ETAG).removesuffix(GZIPPED)
    elif file.modified_at is not None:
        headers["If-Range"] = format_datetime(file.modified_at, usegmt=True)
    return headers


def _begin(response: httpx.Response) -> int:
    """Say at which byte an answer begins: ``Content-Range: bytes 500-999/1000``."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if not DIGITS.fullmatch(first):
        raise UnexpectedReply("a web server's partial answer does not say which part it is", code="range")
    return int(first)


def _encoding(response: httpx.Response) -> str:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise UnexpectedReply("a web server sent an encoding that it was not asked for", code="content_encoding")
    return GZIPPED if encoding.endswith("gzip") else ""


def _moment(response: httpx.Response, header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get(header, "")).astimezone(UTC)
    except (TypeError, ValueError):
        return None


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
