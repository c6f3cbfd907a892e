import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from adapters.errors import NotSent, Refused, Unavailable
from adapters.feeds import sources
from adapters.feeds.choosing import choose
from models.feed_rows import RemoteFile
from models.feeds import Feed
from sandbox.fileserver import FileServers
from sandbox.fileserver_sftp import host_key, public_line
from sandbox.serving import LOOPBACK, listen
from tests.adapters.source_contract import (
    HURRIED,
    MEBIBYTE,
    RemoteSourceContract,
    SourceContract,
    SourceWorld,
    closed_after,
    noise,
    remote,
)


class TestLocalFolders(SourceContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[SourceWorld]:
        folder = tmp_path / "feeds"
        folder.mkdir()
        with closed_after(SourceWorld(folder, f"file://{folder}/")) as world:
            yield world

    def test_links_out_of_the_folder_are_not_followed(self, world: SourceWorld) -> None:
        secret = world.folder.parent / "secret.csv"
        secret.write_bytes(b"not for feeds")
        (world.folder / "stock.csv").symlink_to(secret)
        assert world.names(files="*.csv") == []
        with pytest.raises(Refused) as caught:
            world.names("stock.csv")
        assert caught.value.code == "outside_the_folder"

    def test_links_within_the_folder_are_followed(self, world: SourceWorld) -> None:
        world.put("stock_2026.csv", b"the newest")
        (world.folder / "latest.csv").symlink_to("stock_2026.csv")
        assert world.read("latest.csv") == b"the newest"

    def test_a_link_put_in_place_of_a_file_is_not_followed_either(self, world: SourceWorld) -> None:
        path = world.put("stock.csv", b"0123456789")
        source = world.source("stock.csv")
        (file,) = source.look()
        path.unlink()
        path.symlink_to("/etc/hostname")
        with pytest.raises(Refused):
            list(source.read(file, 0))

    def test_a_pipe_is_no_file(self, world: SourceWorld) -> None:
        os.mkfifo(world.folder / "stock.csv")
        assert world.names(files="*.csv") == []

    @pytest.mark.parametrize("source", ["file://elsewhere/feeds/a.csv", "file:///feeds/%0a.csv", "file:///a/%2e%2e/b"])
    def test_strange_addresses_are_refused(self, world: SourceWorld, source: str) -> None:
        with pytest.raises(ValidationError, match="source: "):
            world.source(address=source)


class TestSftp(RemoteSourceContract):
    @pytest.fixture
    def world(self, servers: FileServers, closed_port: int) -> Iterator[SourceWorld]:
        world = remote(servers, "sftp", servers.sftp_port, closed_port, host_key=servers.host_key)
        with closed_after(world):
            yield world

    @pytest.mark.parametrize("configured", ["", "another"])
    def test_an_unknown_server_shows_its_fingerprint_and_gets_no_password(
        self, world: SourceWorld, servers: FileServers, configured: str
    ) -> None:
        servers.sftp.passwords_seen.clear()
        line = public_line(host_key(configured)) if configured else ""
        with pytest.raises(Refused) as caught:
            world.source("stock.csv", host_key=line).look()
        assert caught.value.code == "unknown_host_key"
        assert servers.sftp.host_key.get_fingerprint() in str(caught.value)
        assert servers.sftp.passwords_seen == []

    def test_a_key_opens_instead_of_a_password(self, world: SourceWorld, servers: FileServers) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        servers.sftp.authorised = key.convert_to_public()
        servers.sftp.passwords_seen.clear()
        world.key = key.export_private_key().decode()
        world.put("stock.csv")
        assert world.names("stock.csv", private_key_env="FEED_KEY", password_env=None) == ["stock.csv"]
        world.key = key.export_private_key("pkcs8-pem", world.password).decode()
        assert world.names("stock.csv", private_key_env="FEED_KEY") == ["stock.csv"]
        assert servers.sftp.passwords_seen == []

    @pytest.mark.parametrize("wrong", [{"host_key": "ssh-ed25519 AAAA"}, {"private_key_env": "FEED_KEY"}])
    def test_unreadable_keys_are_told_at_once(self, world: SourceWorld, wrong: dict[str, str]) -> None:
        world.key = "no key at all"
        with pytest.raises(Refused) as caught:
            world.source("stock.csv", **wrong)
        assert caught.value.code == "bad_source"

    def test_links_on_the_server_are_followed(self, world: SourceWorld) -> None:
        world.put("stock_2026.csv", b"the newest")
        (world.folder / "latest.csv").symlink_to("stock_2026.csv")
        assert world.names(files="latest*") == ["latest.csv"]
        assert world.read("latest.csv") == b"the newest"

    def test_a_home_folder_can_be_named(self, world: SourceWorld) -> None:
        world.put("stock.csv", b"0123456789")
        address = world.address.replace("/supplier", "/~/supplier")
        assert [file.size for file in world.source("stock.csv", address=address).look()] == [10]

    def test_a_server_that_says_nothing_is_unavailable(self, world: SourceWorld) -> None:
        world.timeouts = HURRIED
        with listen(0) as silent, pytest.raises(Unavailable):
            world.source("a.csv", address=f"sftp://{LOOPBACK}:{silent.getsockname()[1]}/").look()


class FtpContract(RemoteSourceContract):
    def test_a_server_without_modern_commands_is_asked_the_old_way(
        self, world: SourceWorld, servers: FileServers
    ) -> None:
        servers.ftp.unknown = frozenset({"FEAT", "MLSD", "MLST", "REST"})
        data = noise(MEBIBYTE)
        world.put("stock_b.csv", data, timedelta(hours=2))
        world.put("stock_a.csv")
        (world.folder / "stock_folder.csv").mkdir()
        assert world.names(files="stock*") == ["stock_b.csv", "stock_a.csv"]
        assert world.read("stock_b.csv", 1000) == data[1000:]

    def test_a_server_that_tells_no_times_is_looked_at_twice(self, world: SourceWorld, servers: FileServers) -> None:
        servers.ftp.unknown = frozenset({"FEAT", "MLSD", "MLST", "MDTM"})
        world.put("stock.csv")
        began = time.monotonic()
        (file,) = world.source("stock.csv", stable_for="200ms").look()
        assert time.monotonic() - began >= 0.2
        assert file.modified_at is None

    def test_a_server_that_says_nothing_was_sent_nothing(self, world: SourceWorld) -> None:
        scheme = world.address.partition(":")[0]
        world.timeouts = HURRIED
        with listen(0) as silent, pytest.raises(NotSent):
            world.source("a.csv", address=f"{scheme}://{LOOPBACK}:{silent.getsockname()[1]}/").look()


class TestFtp(FtpContract):
    @pytest.fixture
    def world(self, servers: FileServers, closed_port: int) -> Iterator[SourceWorld]:
        with closed_after(remote(servers, "ftp", servers.ftp_port, closed_port)) as world:
            yield world


class TestFtps(FtpContract):
    @pytest.fixture
    def world(self, servers: FileServers, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceWorld]:
        monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificate))
        with closed_after(remote(servers, "ftps", servers.ftps_port, closed_port)) as world:
            yield world

    def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, world: SourceWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(NotSent) as caught:
            world.source("stock.csv").look()
        assert caught.value.code == "certificate"

    def test_a_server_without_tls_is_not_told_the_password(self, world: SourceWorld, servers: FileServers) -> None:
        with pytest.raises(Refused):
            world.source("a.csv", address=f"ftps://{LOOPBACK}:{servers.ftp_port}/").look()

    def test_data_connections_continue_the_session(self, world: SourceWorld, servers: FileServers) -> None:
        servers.ftp.sessions_reused.clear()
        world.put("stock.csv", noise(1000))
        world.read("stock.csv")
        assert servers.ftp.sessions_reused == [True]


class Shelf:
    """A transport of files that tell no times, and change as planned between two looks."""

    def __init__(self, *looks: RemoteFile | None) -> None:
        self.looks = list(looks)

    def only(self) -> str:
        return "stock.csv"

    def describe(self, _name: str) -> RemoteFile | None:
        return self.looks.pop(0)


@pytest.mark.parametrize(
    ("later", "names"),
    [
        (RemoteFile("stock.csv", 10, None, "etag:1"), ["stock.csv"]),
        (RemoteFile("stock.csv", 11, None, "etag:1"), []),
        (RemoteFile("stock.csv", 10, None, "etag:2"), []),
        (None, []),
    ],
)
def test_a_file_without_a_time_is_stable_if_two_looks_agree(later: RemoteFile | None, names: list[str]) -> None:
    feed = Feed(kind="stock", source="http://a.example/stock.csv", columns={"sku": "sku"}, stable_for="10min")
    waited: list[float] = []
    shelf: Any = Shelf(RemoteFile("stock.csv", 10, None, "etag:1"), later)
    assert [file.name for file in choose(feed, shelf, waited.append)] == names
    assert waited == [20.0]


def test_a_slow_source_gives_out_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LONGEST_SILENCE", 0.0)
    assert list(sources.gathered(iter([b"a", b"b" * MEBIBYTE, b"c"]))) == [b"a", b"b" * MEBIBYTE, b"c"]
