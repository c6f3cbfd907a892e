"""What servers, proxies and settings do to a call that they should not: told apart by whether anything was sent."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from adapters.errors import AuthenticationFailed, Doubtful, NotSent, Throttled, Unavailable
from adapters.http import KEPT_BODY, HttpApi, http_client
from adapters.pacing import in_background
from adapters.secrets import environment_secret
from models.calls import CallRecord
from sandbox.fileserver import write_certificate
from tests.adapters.loopback import Stage, stage

LONG = timedelta(seconds=30)
PIECES, PAUSE = 24, 0.1  # together longer than any limit of these tests, each far below it


async def throttled(request: Request) -> Response:
    value = bytes.fromhex(request.query_params["value"])
    response = Response(status_code=429)
    response.raw_headers.append((request.query_params["name"].encode(), value))
    return response


async def odd(request: Request) -> Response:
    response = Response('{"name": "größer"}'.encode(), media_type="application/json")
    response.raw_headers.append((b"x-said", "no había nada".encode(request.query_params["header"])))
    response.headers["Content-Type"] = f"application/json; charset={request.query_params['charset']}"
    return response


async def cookies(request: Request) -> Response:
    response = JSONResponse(request.cookies)
    response.set_cookie(f"session-{len(request.cookies)}", "1")
    return response


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="text/html")


async def trickle(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(PIECES):
            yield b" "
            await asyncio.sleep(PAUSE)
        yield b'{"order": 1}'

    return StreamingResponse(pieces(), media_type="application/json")


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        answers = {"/throttled": throttled, "/trickle": trickle, "/odd": odd, "/cookies": cookies, "/echo": echo}
        routes = [Route(path, answer, methods=["GET", "POST"]) for path, answer in answers.items()]
        served.put_on(Starlette(routes=routes))
        yield served


@contextmanager
def api(url: str, *, read: timedelta = LONG, headers: dict[str, str] | None = None) -> Iterator[HttpApi]:
    client = http_client(url, headers or {}, read)
    yield HttpApi(system="acme", client=client, sink=lambda _: None)
    client.close()


@pytest.mark.parametrize(
    ("name", "value", "least", "most"),
    [
        ("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT", 86_400, 86_400),
        ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Retry-After", "31536000", 86_400, 86_400),
        ("Retry-After", "17", 17, 17),
        ("X-RateLimit-Reset", "99999999999", 86_400, 86_400),
    ],
)
def test_nobody_is_stayed_away_from_for_longer_than_a_day(
    server: Stage, name: str, value: str, least: int, most: int
) -> None:
    with api(server.url) as calling, pytest.raises(Throttled) as caught:
        calling.ask("stock", "GET", "/throttled", params={"name": name, "value": value.encode().hex()})
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after.total_seconds() <= most


@pytest.mark.parametrize("name", ["Retry-After", "X-RateLimit-Reset"])
@pytest.mark.parametrize("value", ["-5", "soon", "\u00b2", "9" * 5_000, "1e5", ""])
def test_a_wait_that_is_no_length_of_time_is_as_good_as_none(server: Stage, name: str, value: str) -> None:
    parameters = {"name": name, "value": value.encode("latin-1").hex()}
    with api(server.url) as calling, pytest.raises(Throttled) as caught:
        calling.instruct("order", "POST", "/throttled", timeout=LONG, params=parameters)
    assert caught.value.retry_after is None


@pytest.mark.parametrize("charset", ["utf-8", "hex", "rot13", "undefined", "no-such-charset"])
@pytest.mark.parametrize("header", ["latin-1", "utf-8"])
def test_an_answer_is_read_whatever_its_headers_hold(server: Stage, header: str, charset: str) -> None:
    parameters = {"header": header, "charset": charset}
    with api(server.url) as calling:
        response = calling.instruct("order", "POST", "/odd", timeout=LONG, params=parameters)
        assert calling.ask("stock", "GET", "/odd", params=parameters).json() == {"name": "größer"}
    assert response.headers["X-Said"] == "no había nada"
    assert response.text


def test_an_answer_that_trickles_on_and_on_is_given_up(server: Stage) -> None:
    brief = timedelta(seconds=0.5)
    with api(server.url, read=brief) as calling:
        with pytest.raises(Unavailable):
            calling.ask("stock", "GET", "/trickle")
        with pytest.raises(Doubtful) as caught:
            calling.instruct("order", "POST", "/trickle", timeout=2 * brief)
    assert caught.value.code == "ReadTimeout"


def test_a_long_list_may_take_its_time_in_the_background(server: Stage) -> None:
    with api(server.url, read=timedelta(seconds=5)) as calling, in_background():
        assert calling.ask("feed", "GET", "/trickle").json() == {"order": 1}


@pytest.mark.parametrize("credential", ["secret\n", "sec\rret", " secret", "secret "])
def test_a_credential_that_no_header_can_hold_is_said_to_be_one_and_nothing_is_sent(
    server: Stage, credential: str
) -> None:
    with api(server.url, headers={"X-Api-Key": credential}) as calling:
        with pytest.raises(AuthenticationFailed) as caught:
            calling.instruct("order", "POST", "/trickle", timeout=LONG)
        with pytest.raises(AuthenticationFailed):
            calling.ask("stock", "GET", "/trickle")
    assert "X-Api-Key" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_can_not_be_written_is_not_sent(server: Stage) -> None:
    with api(server.url) as calling, pytest.raises(NotSent) as caught:
        calling.instruct("order", "POST", "/trickle", timeout=LONG, headers={"X-Name": "\u20ac planted"})
    assert "planted" not in str(caught.value)


def test_a_credential_ends_before_the_line_break_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", "secret\r\n")
    assert environment_secret("ACME_TOKEN") == "secret"


def test_a_name_that_nobody_has_and_a_certificate_of_nobodys_are_said_to_be_so(tmp_path: Path) -> None:
    with api("http://supplier.invalid") as calling, pytest.raises(NotSent, match="its name is not found"):
        calling.ask("stock", "GET", "/stock")
    with (
        _of_unknown_authority(tmp_path) as url,
        api(url) as calling,
        pytest.raises(NotSent, match="its certificate is not accepted"),
    ):
        calling.instruct("order", "POST", "/orders", timeout=LONG)


def test_what_is_kept_of_a_call_is_what_a_database_can_keep_and_no_credential(server: Stage) -> None:
    calls: list[CallRecord] = []
    client = http_client(server.url, {}, LONG)
    calling = HttpApi("acme", client, calls.append, redact=lambda text: text.replace("secret-token", "[token]"))
    answer = b"\x1f\x8b\x08\x00" + b"x" * (KEPT_BODY - 10) + b"secret-token"
    assert calling.ask("stock", "POST", "/echo", content=answer).content == answer
    client.close()
    (call,) = calls
    for kept in (call.request, call.reply):
        assert "\x00" not in kept
        assert "secret" not in kept
        assert len(kept) <= KEPT_BODY


def test_no_call_carries_a_cookie_of_another(server: Stage) -> None:
    with api(server.url) as calling:
        assert [calling.ask("stock", "GET", "/cookies").json() for _ in range(3)] == [{}, {}, {}]


def test_a_proxy_that_does_not_open_the_way_has_let_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with _closed_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with api("https://supplier.invalid") as calling:
            with pytest.raises(NotSent):
                calling.instruct("order", "POST", "/orders", timeout=LONG)
            with pytest.raises(NotSent):
                calling.ask("stock", "GET", "/stock")


@contextmanager
def _of_unknown_authority(folder: Path) -> Iterator[str]:
    """Serve one TLS handshake with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake_hands() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True):
                pass

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}"
        thread.join(30)


@contextmanager
def _closed_proxy() -> Iterator[str]:
    """Serve a proxy that wants a password of us."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(30)


def test_calls_are_recorded_also_where_an_answer_is_given_up(server: Stage) -> None:
    calls: list[CallRecord] = []
    client = http_client(server.url, {}, timedelta(seconds=0.5))
    with pytest.raises(Unavailable):
        HttpApi(system="acme", client=client, sink=calls.append).ask("stock", "GET", "/trickle")
    client.close()
    assert [(call.status, call.error) for call in calls] == [(None, "ReadTimeout")]
