"""The one HTTP client: calls out, keeps a record of each, and says which failures mean that nothing was sent."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from adapters.errors import Doubtful, NotSent, Throttled, Unavailable
from adapters.pacing import Lane, Pace, questioning_lane
from models.calls import CallRecord

CallSink = Callable[[CallRecord], None]
CONNECT_SECONDS = 5.0  # an instruction leaves soon or not at all, however long its answer may take
LARGEST_REPLY = 128 * 1024 * 1024  # bytes, unpacked: no page of any supplier comes near
KEPT_BODY = 20_000  # characters of a body that are kept with a call's record
_OF_TRANSFER = frozenset(("content-encoding", "content-length", "transfer-encoding"))
_EPOCH_SECONDS = 1_000_000_000  # more than this is an instant, not a length of time
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class HttpApi:
    """One outside system over HTTP. ``sink`` receives a record of every call, whatever became of it."""

    system: str
    client: httpx.Client
    sink: CallSink
    redact: Callable[[str], str] = lambda text: text
    pace: Pace | None = None

    def ask(self, operation: str, method: str, url: str, **options: Any) -> httpx.Response:
        """Ask a question: repeating it is harmless. Raises NotSent, Throttled or Unavailable."""
        self._take_turn(operation, questioning_lane())
        try:
            response = self._call(self.client, operation, method, url, **options)
        except _NOTHING_SENT as error:
            raise NotSent(f"{operation}: no connection to {self.system} ({type(error).__name__})") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unavailable(f"{operation}: no answer from {self.system} ({type(error).__name__})") from None
        self._raise_for_throttling(operation, response)
        if response.status_code >= 500:
            raise Unavailable(
                f"{operation}: {self.system} answered {response.status_code}", retry_after=_retry_after(response)
            )
        return response

    def instruct(self, operation: str, method: str, url: str, *, timeout: timedelta, **options: Any) -> httpx.Response:
        """Give an instruction that must not be given twice, on a fresh connection.

        Raises NotSent or Throttled where it was not processed, Doubtful where nobody knows.
        """
        self._take_turn(operation, Lane.INSTRUCTION)
        base_url, headers = self.client.base_url, self.client.headers
        limit = httpx.Timeout(timeout.total_seconds(), connect=CONNECT_SECONDS)
        with httpx.Client(base_url=base_url, headers=headers, timeout=limit, verify=_tls()) as fresh:
            try:
                response = self._call(fresh, operation, method, url, **options)
            except _NOTHING_SENT as error:
                raise NotSent(f"{operation}: no connection to {self.system} ({type(error).__name__})") from None
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

    def _call(self, client: httpx.Client, operation: str, method: str, url: str, **options: Any) -> httpx.Response:
        started_at, clock = datetime.now(UTC), time.monotonic()
        response: httpx.Response | None = None
        request = client.build_request(method, url, **options)
        error = ""
        try:
            response = _read(client.send(request, stream=True))
        except httpx.HTTPError as failure:
            error = type(failure).__name__
            raise
        finally:
            self.sink(
                CallRecord(
                    system=self.system,
                    operation=operation,
                    method=method,
                    url=self.redact(str(request.url)),
                    request=self.redact(_text(request.content)),
                    reply=self.redact(response.text[:KEPT_BODY]) if response is not None else "",
                    status=response.status_code if response is not None else None,
                    error=error,
                    started_at=started_at,
                    duration_ms=round((time.monotonic() - clock) * 1000),
                )
            )
        return response

    def _raise_for_throttling(self, operation: str, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(f"{operation}: {self.system} asks us to wait", retry_after=_retry_after(response))


def http_client(base_url: str, headers: Mapping[str, str], read_timeout: timedelta) -> httpx.Client:
    """Build the client of one outside system: no redirects (credentials stay where they belong), one time-out for questions."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    timeout = read_timeout.total_seconds()
    return httpx.Client(base_url=base_url, headers=dict(headers), timeout=timeout, limits=limits, verify=_tls())


def _read(response: httpx.Response) -> httpx.Response:
    """Read a reply as far as one may go. Raises httpx.DecodingError beyond: a bomb must not fill our memory."""
    body = bytearray()
    try:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LARGEST_REPLY:
                raise httpx.DecodingError(f"a reply above {LARGEST_REPLY} bytes", request=response.request)
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _OF_TRANSFER]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificate authorities once: reading them takes longer than a call on loopback."""
    return httpx.create_ssl_context()


def _text(content: bytes) -> str:
    return content[:KEPT_BODY].decode("utf-8", errors="replace").replace("\x00", "")


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Read ``Retry-After``: seconds or an HTTP date (RFC 9110 §10.2.3); else what says when a limit ends."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return timedelta(seconds=min(int(value), 86_400))
    try:
        return max(parsedate_to_datetime(value) - datetime.now(UTC), timedelta(0))
    except (TypeError, ValueError):
        return _until_reset(response)


def _until_reset(response: httpx.Response) -> timedelta | None:
    """Read ``X-RateLimit-Reset``, which no standard defines: an instant in epoch seconds, else seconds from now."""
    value = response.headers.get("X-RateLimit-Reset", "").strip()
    if not value.isdigit() or len(value) > 12:
        return None
    seconds = int(value) - time.time() if int(value) > _EPOCH_SECONDS else int(value)
    return timedelta(seconds=min(max(seconds, 0), 86_400))
