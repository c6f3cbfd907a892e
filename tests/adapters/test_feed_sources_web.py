import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AuthenticationFailed, NotSent, Refused, Throttled, Unavailable, UnexpectedReply
from adapters.feeds import addresses, http
from adapters.feeds.index_page import names_on
from sandbox.faults import Kind, Rule
from sandbox.fileserver import FileServers, file_servers, write_certificate
from sandbox.fileserver_http import Manners
from sandbox.serving import LOOPBACK
from tests.adapters.source_contract import (
    HURRIED,
    MEBIBYTE,
    RemoteSourceContract,
    SourceWorld,
    closed_after,
    noise,
    read_on,
    remote,
)


class TestHttp(RemoteSourceContract):
    @pytest.fixture
    def world(self, servers: FileServers, closed_port: int) -> Iterator[SourceWorld]:
        port = int(servers.http_url.rpartition(":")[2])
        with closed_after(remote(servers, "http", port, closed_port, trust_private_hosts=True)) as world:
            yield world

    def requests(self, servers: FileServers, method: str = "GET") -> list[Any]:
        return [headers for seen, _, headers in servers.http.seen if seen == method]

    def behave(self, servers: FileServers, **manners: Any) -> None:
        servers.http.manners = Manners(**manners)

    def test_it_asks_for_what_is_missing_only(self, world: SourceWorld, servers: FileServers) -> None:
        world.put("stock.csv", noise(1000))
        world.read("stock.csv", 400)
        (request,) = self.requests(servers)
        assert request["Range"] == "bytes=400-"
        assert request["If-Range"].startswith('"')

    def test_a_server_without_ranges_sends_all_and_the_rest_is_kept(
        self, world: SourceWorld, servers: FileServers
    ) -> None:
        data = noise(2 * MEBIBYTE)
        world.put("stock.csv", data)
        self.behave(servers, ranges=False)
        assert world.read("stock.csv", 1_500_000) == data[1_500_000:]

    def test_a_server_without_etags_is_resumed_by_time(self, world: SourceWorld, servers: FileServers) -> None:
        world.put("stock.csv", b"0123456789")
        self.behave(servers, etag=False)
        assert world.read("stock.csv", 4) == b"456789"
        assert self.requests(servers)[0]["If-Range"].endswith("GMT")

    def test_a_server_that_knows_no_head_is_asked_with_get(self, world: SourceWorld, servers: FileServers) -> None:
        world.put("stock.csv", b"0123456789")
        self.behave(servers, head=False)
        assert world.read("stock.csv") == b"0123456789"

    @pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=1)])
    def test_a_page_that_is_made_on_demand_has_no_version(
        self, world: SourceWorld, servers: FileServers, age: timedelta
    ) -> None:
        world.put("stock.csv", b"0123456789", age)
        self.behave(servers, etag=False, last_modified=age == timedelta(0), length=False)
        source = world.source("stock.csv")
        (first,), (second,) = source.look(), source.look()
        assert first.version != second.version
        assert first.size is None
        assert b"".join(source.read(first, 0)) == b"0123456789"
        _, error = read_on(source, first, 5)
        assert isinstance(error, UnexpectedReply)
        assert error.code == "changed_while_reading"

    def test_weak_etags_tell_versions_apart_but_are_never_resumed(
        self, world: SourceWorld, servers: FileServers
    ) -> None:
        world.put("stock.csv", b"0123456789")
        self.behave(servers, weak_etag=True)
        source = world.source("stock.csv")
        (first,), (second,) = source.look(), source.look()
        assert first.version == second.version
        assert read_on(source, first, 0) == (b"0123456789", None)
        assert isinstance(read_on(source, first, 5)[1], UnexpectedReply)

    def test_gzip_that_nobody_asked_for_stays_gzip(self, world: SourceWorld, servers: FileServers) -> None:
        world.put("stock.csv", b"0123456789" * 1000)
        self.behave(servers, gzip=True)
        source = world.source("stock.csv")
        (file,) = source.look()
        assert file.version.endswith(";gzip")
        assert gzip.decompress(b"".join(source.read(file, 0))) == b"0123456789" * 1000

    def test_an_answer_that_is_cut_in_the_middle_is_unavailable(self, world: SourceWorld, servers: FileServers) -> None:
        world.put("stock.csv", noise(500_000))
        servers.plan.replace([Rule(Kind.CUT_OFF, operation="^GET")])
        source = world.source("stock.csv")
        got, error = read_on(source, source.look()[0], 0)
        assert isinstance(error, Unavailable)
        assert got == noise(500_000)[:250_000]

    @pytest.mark.parametrize(
        ("rule", "failure"),
        [
            (Rule(Kind.ERROR), Unavailable),
            (Rule(Kind.ERROR, status=403), AuthenticationFailed),
            (Rule(Kind.ERROR, status=418), Refused),
            (Rule(Kind.THROTTLED, retry_after=7), Throttled),
            (Rule(Kind.RESET_BEFORE), Unavailable),
            (Rule(Kind.HANG), Unavailable),
        ],
        ids=lambda value: value.kind if isinstance(value, Rule) else value.__name__,
    )
    def test_every_answer_has_its_meaning(
        self, world: SourceWorld, servers: FileServers, rule: Rule, failure: type[Exception]
    ) -> None:
        servers.plan.replace([rule])
        world.timeouts = HURRIED if rule.kind is Kind.HANG else world.timeouts
        with pytest.raises(failure) as caught:
            world.source("stock.csv").look()
        if isinstance(caught.value, Throttled):
            assert caught.value.retry_after == timedelta(seconds=7)

    def test_redirects_are_followed_and_credentials_stay_at_home(
        self, world: SourceWorld, servers: FileServers, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere.csv").write_bytes(b"0123456789")
        with file_servers(tmp_path) as other:
            self.behave(servers, redirect=f"{other.http_url}/elsewhere.csv")
            assert world.read("stock.csv", 3) == b"3456789"
            assert [headers.get("Authorization") for _, _, headers in other.http.seen] == [None] * 4
        assert all(headers["Authorization"] for headers in self.requests(servers, "HEAD"))

    def test_redirects_without_end_are_refused(self, world: SourceWorld, servers: FileServers) -> None:
        self.behave(servers, redirect="/again")
        with pytest.raises(Refused) as caught:
            world.source("stock.csv").look()
        assert caught.value.code == "redirects"
        assert len(self.requests(servers, "HEAD")) == 6

    @pytest.mark.parametrize("target", ["ftp://files.example/stock.csv", "file:///etc/passwd"])
    def test_redirects_stay_on_the_web(self, world: SourceWorld, servers: FileServers, target: str) -> None:
        self.behave(servers, redirect=target)
        with pytest.raises(Refused) as caught:
            world.source("stock.csv").look()
        assert caught.value.code == "redirect"

    def test_loopback_is_refused_unless_it_is_trusted(self, world: SourceWorld, servers: FileServers) -> None:
        with pytest.raises(Refused) as caught:
            world.source("stock.csv", trust_private_hosts=False).look()
        assert caught.value.code == "private_address"
        assert not self.requests(servers, "HEAD")

    def test_a_public_server_can_redirect_nobody_into_our_network(
        self, world: SourceWorld, servers: FileServers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Loopback stands for a public address here, so that there is a server to redirect from.
        allowed = addresses._is_allowed
        monkeypatch.setattr(
            addresses, "_is_allowed", lambda ip, **options: ip == ip_address(LOOPBACK) or allowed(ip, **options)
        )
        for target in ("http://169.254.169.254/latest/meta-data", "http://10.0.0.8/x", "http://[::1]/", "http://0/x"):
            self.behave(servers, redirect=target)
            with pytest.raises(Refused) as caught:
                world.source("stock.csv", trust_private_hosts=False).look()
            assert caught.value.code == "private_address"

    def test_the_address_that_was_checked_is_the_one_connected_to(
        self, world: SourceWorld, servers: FileServers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.put("stock.csv", b"0123456789")
        resolve, asked = socket.getaddrinfo, []

        def rebinding(host: str, *args: Any, **options: Any) -> Any:
            if host == "feeds.supplier.example":
                asked.append(host)
                return resolve(LOOPBACK, *args, **options)
            return resolve(host, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        address = world.address.replace(LOOPBACK, "feeds.supplier.example")
        (file,) = world.source("stock.csv", address=address).look()
        assert file.size == 10
        assert len(asked) == 1
        assert self.requests(servers, "HEAD")[0]["Host"].startswith("feeds.supplier.example:")

    def test_an_address_is_asked_for_as_it_was_written(self, world: SourceWorld, servers: FileServers) -> None:
        world.put("a b.csv", b"0123456789")
        assert [file.size for file in world.source("a%20b%2Ecsv?token=x%2Fy&z=1").look()] == [10]
        (_, target, _), *_ = servers.http.seen
        assert target.endswith("/a%20b%2Ecsv?token=x%2Fy&z=1")

    def test_keys_in_the_address_stay_out_of_messages(self, world: SourceWorld, servers: FileServers) -> None:
        servers.plan.replace([Rule(Kind.ERROR)])
        with pytest.raises(Unavailable) as caught:
            world.source("stock.csv?token=abc123").look()
        assert "abc123" not in str(caught.value)

    def test_an_index_page_that_is_no_page_lists_nothing(self) -> None:
        assert names_on("<a href=//[x>\x00<a href='http://[oops'>", "http://a.example/feeds/") == []
        page = '<a href="a.csv">x</a><A HREF="/feeds/b%20c.csv">y</A><a href="/other/c.csv"><a href="sub/d.csv"><a>'
        assert names_on(page, "http://a.example/feeds/") == ["a.csv", "b c.csv"]


@pytest.fixture
def https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a web server with TLS, which serves one answer for everything; we trust its certificate."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else b"tls")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_args: Any) -> None: ...

    certificate, key = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setattr(http, "_tls", lambda: ssl.create_default_context(cafile=certificate))
    with ThreadingHTTPServer((LOOPBACK, 0), Answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def test_tls_is_checked_against_the_name_not_the_address(
    tmp_path: Path, https: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SourceWorld(tmp_path, f"https://localhost:{https}/", {"trust_private_hosts": True})
    assert world.read("stock.csv") == b"tls"
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *args, **options: resolve(LOOPBACK, *args, **options))
    with pytest.raises(NotSent) as caught:
        world.source("stock.csv", address=f"https://feeds.supplier.example:{https}/").look()
    assert caught.value.code == "certificate"
    for source in world.opened:
        source.close()


@pytest.mark.parametrize(
    ("address", "public", "trusted"),
    [
        ("93.184.216.34", True, True),
        ("2606:2800:220:1:248:1893:25c8:1946", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.9", False, True),
        ("172.16.5.5", False, True),
        ("100.100.100.200", False, True),
        ("::1", False, True),
        ("fd00:ec2::254", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("64:ff9b::5db8:d822", True, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:a9fe:a9fe::1", False, False),
        ("fe80::1", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
    ],
)
def test_addresses_are_judged_by_where_they_lead(address: str, public: bool, trusted: bool) -> None:
    judged = [addresses._is_allowed(ip_address(address), trusted=trust) for trust in (False, True)]
    assert judged == [public, trusted]


def test_one_inner_address_of_a_name_is_enough_to_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)
    with pytest.raises(Refused):
        addresses.addresses_of("rebound.example", 80, trusted=False)
    assert addresses.addresses_of("rebound.example", 80, trusted=True) == ["93.184.216.34", "10.0.0.1"]
