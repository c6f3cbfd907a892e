"""Files that Shopify takes and gives beside its API: uploaded to, and downloaded from, addresses that it names.

They lie with others, so our access token is never sent there, and no signature of an address is kept in a record.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

import httpx

from adapters.errors import NotSent, Throttled, Unavailable, UnexpectedReply
from adapters.http import CallSink
from models.calls import CallRecord

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Files:
    """Sends and reads files in flat memory. ``sink`` receives a record of every transfer, without its content."""

    system: str
    client: httpx.Client
    sink: CallSink

    def upload(self, url: str, form: Sequence[tuple[str, str]], name: str, content: IO[bytes]) -> None:
        """Upload a file as the last field of a form. Raises NotSent, Throttled, Unavailable or UnexpectedReply."""
        with self._recorded("UploadFile", "POST", url) as answers:
            response = self.client.post(url, data=dict(form), files={"file": (name, content, "text/jsonl")})
            answers.append(response)
            _raise_for_status("UploadFile", response)

    def lines(self, url: str, size: int | None) -> Iterator[bytes]:
        """Download a file line by line. Raises Unavailable where it does not come whole: ``size`` is its length."""
        got = 0
        with self._recorded("DownloadFile", "GET", url) as answers, self.client.stream("GET", url) as response:
            answers.append(response)
            _raise_for_status("DownloadFile", response)
            rest = b""
            for piece in response.iter_bytes():
                got += len(piece)
                *whole, rest = (rest + piece).split(b"\n")
                yield from whole
            if size is not None and got != size:
                raise Unavailable("DownloadFile: the file did not come whole", code="reply_broken")
            if rest:
                yield rest

    @contextmanager
    def _recorded(self, operation: str, method: str, url: str) -> Iterator[list[httpx.Response]]:
        """Translate what goes wrong, and keep a record of the transfer whatever became of it."""
        started_at, clock = datetime.now(UTC), time.monotonic()
        answers: list[httpx.Response] = []
        error = ""
        try:
            yield answers
        except _NOTHING_SENT as failure:
            error = type(failure).__name__
            raise NotSent(f"{operation}: no connection ({error})") from None
        except (httpx.TransportError, httpx.DecodingError) as failure:
            error = type(failure).__name__
            raise Unavailable(f"{operation}: not completed ({error})") from None
        finally:
            self.sink(
                CallRecord(
                    system=self.system,
                    operation=operation,
                    method=method,
                    url=url.partition("?")[0],
                    request="",
                    reply="",
                    status=answers[0].status_code if answers else None,
                    error=error,
                    started_at=started_at,
                    duration_ms=round((time.monotonic() - clock) * 1000),
                )
            )


def _raise_for_status(operation: str, response: httpx.Response) -> None:
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled(f"{operation}: asked to wait", code="http_429")
    if status >= 500:
        raise Unavailable(f"{operation}: answered {status}")
    if not response.is_success:
        raise UnexpectedReply(f"{operation}: answered {status}", code=f"http_{status}")
