"""The one HTTP client: calls out, keeps a record of each, and says which failures mean that nothing was sent."""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from adapters.errors import AuthenticationFailed, Doubtful, NotSent, Throttled, Unavailable
from adapters.pacing import Lane, Pace, questioning_lane
from models.calls import CallRecord

CallSink = Callable[[CallRecord], None]
CONNECT_SECONDS = 5.0  # an instruction leaves soon or not at all, however long its answer may take
LARGEST_REPLY = 128 * 1024 * 1024  # bytes, unpacked: no page of any supplier comes near
KEPT_BODY = 20_000  # characters of a body that are kept with a call's record
_OF_TRANSFER = frozenset((b"content-encoding", b"content-length", b"transfer-encoding"))
_EPOCH_SECONDS = 1_000_000_000  # more than this is an instant, not a length of time
_LONGEST_STAY = timedelta(days=1)  # that anybody may ask us to stay away for
DIGITS = re.compile(r"[0-9]{1,12}")
_HEADER_VALUE = re.compile(rb"(?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?")  # RFC 9110 §5.5
_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy did not open the way
    httpx.UnsupportedProtocol,
)
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL takes neither NUL nor half a character
_NO_NAME = re.compile(rf"Errno ({socket.EAI_NONAME}|{socket.EAI_AGAIN})\]")
_TIMES_READING = 3  # a question's answer may take this many read time-outs in all: each is for one piece of it
_TIMES_READING_A_FEED = 90


@dataclass(frozen=True)
class HttpApi:
    """One outside system over HTTP. ``sink`` receives a record of every call, whatever became of it."""

    system: str
    client: httpx.Client
    sink: CallSink
    redact: Callable[[str], str] = lambda text: text
    pace: Pace | None = None

    def ask(self, operation: str, method: str, url: str, **options: Any) -> httpx.Response:
        """Ask a question: repeating it is harmless. Raises NotSent, Throttled, Unavailable or AuthenticationFailed."""
        lane = questioning_lane()
        self._take_turn(operation, lane)
        times = _TIMES_READING_A_FEED if lane is Lane.BACKGROUND else _TIMES_READING
        within = (self.client.timeout.read or 0) * times
        try:
            response = self._call(self.client, operation, method, url, within=within, **options)
        except _NOTHING_SENT as error:
            raise NotSent(f"{operation}: no connection to {self.system} ({_why(error)})") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unavailable(f"{operation}: no answer from {self.system} ({type(error).__name__})") from None
        self._raise_for_throttling(operation, response)
        if response.status_code >= 500:
            raise Unavailable(
                f"{operation}: {self.system} answered {response.status_code}", retry_after=retry_after(response)
            )
        return response

    def instruct(self, operation: str, method: str, url: str, *, timeout: timedelta, **options: Any) -> httpx.Response:
        """Give an instruction that must not be given twice, on a fresh connection.

        Raises NotSent, Throttled or AuthenticationFailed where it was not processed, Doubtful where nobody knows.
        """
        self._take_turn(operation, Lane.INSTRUCTION)
        base_url, headers = self.client.base_url, self.client.headers
        limit = httpx.Timeout(timeout.total_seconds(), connect=CONNECT_SECONDS)
        with httpx.Client(base_url=base_url, headers=headers, timeout=limit, verify=_tls()) as fresh:
            try:
                response = self._call(fresh, operation, method, url, within=timeout.total_seconds(), **options)
            except _NOTHING_SENT as error:
                raise NotSent(f"{operation}: no connection to {self.system} ({_why(error)})") from None
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise Doubtful(
                    f"{operation}: sent to {self.system}, no usable answer ({type(error).__name__})",
                    code=type(error).__name__,
                ) from None
        self._raise_for_throttling(operation, response)
        if response.status_code >= 500:
            code = f"http_{response.status_code}"
            raise Doubtful(f"{operation}: {self.system} answered {response.status_code}", code=code)
        return response

    def _take_turn(self, operation: str, lane: Lane) -> None:
        """Wait until our own limit lets this call leave, before anything of it begins; give it up if that takes long."""
        delay = self.pace.take(lane) if self.pace is not None else None
        if delay is not None:
            message = f"{operation}: not sent, {self.system} is called as often as calls_per_second allows"
            raise Throttled(message, code="paced", retry_after=delay)

    def _call(
        self, client: httpx.Client, operation: str, method: str, url: str, *, within: float, **options: Any
    ) -> httpx.Response:
        started_at, clock = datetime.now(UTC), time.monotonic()
        response: httpx.Response | None = None
        request = _request(client, operation, method, url, **options)
        error = ""
        try:
            response = _read(client.send(request, stream=True), until=clock + within)
        except httpx.HTTPError as failure:
            error = type(failure).__name__
            raise
        finally:
            self.sink(
                CallRecord(
                    system=self.system,
                    operation=operation,
                    method=method,
                    url=self._kept(str(request.url)),
                    request=self._kept(request.content.decode("utf-8", errors="replace")),
                    reply=self._kept(response.text) if response is not None else "",
                    status=response.status_code if response is not None else None,
                    error=error,
                    started_at=started_at,
                    duration_ms=round((time.monotonic() - clock) * 1000),
                )
            )
        return response

    def _kept(self, text: str) -> str:
        """Say what of a body is kept: the credential is taken out before it could be cut, and what no database holds."""
        return _UNKEEPABLE.sub("", self.redact(text)[:KEPT_BODY])

    def _raise_for_throttling(self, operation: str, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(f"{operation}: {self.system} asks us to wait", retry_after=retry_after(response))


def http_client(base_url: str, headers: Mapping[str, str], read_timeout: timedelta) -> httpx.Client:
    """Build the client of one outside system, with one time-out for questions.

    It follows no redirects, so that credentials stay where they belong, and keeps no cookies: no call depends on another.
    """
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    return httpx.Client(
        base_url=base_url,
        headers=dict(headers),
        timeout=read_timeout.total_seconds(),
        limits=limits,
        verify=_tls(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _request(client: httpx.Client, operation: str, method: str, url: str, **options: Any) -> httpx.Request:
    """Build a request. Raises NotSent or AuthenticationFailed where it can't be one: nothing of it has left."""
    try:
        request = client.build_request(method, url, **options)
    except (httpx.InvalidURL, ValueError, TypeError) as error:  # their texts may quote what was to be sent
        raise NotSent(f"{operation}: can't be sent as it is ({type(error).__name__})", code="unsendable") from None
    for name, value in request.headers.raw:
        if not _HEADER_VALUE.fullmatch(value):
            header = name.decode("ascii", "replace")
            problem = f"the header {header} holds what none can: look for a line break or blank in the credential"
            raise AuthenticationFailed(f"{operation}: not sent, {problem}", code="unsendable_header")
    return request


def _read(response: httpx.Response, *, until: float) -> httpx.Response:
    """Read a reply as far as one may go: a bomb must not fill our memory, and a trickle not hold a thread for ever.

    Raises httpx.DecodingError above ``LARGEST_REPLY`` or where it is packed twice, and httpx.ReadTimeout after ``until``
    on the monotonic clock.
    """
    body = bytearray()
    try:
        if "," in response.headers.get("Content-Encoding", ""):  # each layer unpacks a thousandfold, all at once
            raise httpx.DecodingError("a reply packed more than once", request=response.request)
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LARGEST_REPLY:
                raise httpx.DecodingError(f"a reply above {LARGEST_REPLY} bytes", request=response.request)
            if time.monotonic() > until:
                raise httpx.ReadTimeout("a reply that does not end", request=response.request)
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_TRANSFER]
    reply = httpx.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)
    try:
        _ = reply.text
    except Exception:  # noqa: BLE001 - it names as its charset what is none, such as "hex": each codec fails otherwise
        reply.encoding = "utf-8"
    return reply


def _why(error: Exception) -> str:
    """Say why there is no connection, in words where the remedy depends on it."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not accepted"
    return "its name is not found" if _NO_NAME.search(text) else type(error).__name__


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificate authorities once: reading them takes longer than a call on loopback."""
    return httpx.create_ssl_context()


def retry_after(response: httpx.Response) -> timedelta | None:
    """Read ``Retry-After``: seconds or an HTTP date (RFC 9110 §10.2.3); else what says when a limit ends."""
    value = response.headers.get("Retry-After", "").strip()
    if DIGITS.fullmatch(value):
        return _bounded(timedelta(seconds=int(value)))
    try:
        return _bounded(parsedate_to_datetime(value) - datetime.now(UTC))
    except (TypeError, ValueError, OverflowError):
        return _until_reset(response)


def _until_reset(response: httpx.Response) -> timedelta | None:
    """Read ``X-RateLimit-Reset``, which no standard defines: an instant in epoch seconds, else seconds from now."""
    value = response.headers.get("X-RateLimit-Reset", "").strip()
    if not DIGITS.fullmatch(value):
        return None
    seconds = int(value) - time.time() if int(value) > _EPOCH_SECONDS else int(value)
    return _bounded(timedelta(seconds=seconds))


def _bounded(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta(0)), _LONGEST_STAY)
