import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from adapters.errors import AuthenticationFailed, Doubtful, NotSent, Unavailable, UnexpectedReply
from adapters.exchange import remote_folder
from adapters.exchange.remote import RemoteTimeouts, Settled, entry_at, open_folder
from sandbox.fileserver import FileServers, file_servers
from sandbox.fileserver_sftp import host_key
from sandbox.serving import LOOPBACK, listen
from tests.adapters.remote_place import HURRIED, Place, opened

BODY = b"po_number;line\r\n" + b"DW-1-11;1\r\n" * 30_000  # several stretches
NAME = "orders_us_20260302101500_17.csv"
SCHEMES = ("file", "sftp", "ftp", "ftps")
WIRES = SCHEMES[1:]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
    with file_servers(tmp_path_factory.mktemp("edi"), writable=True) as served:
        yield served


@pytest.fixture
def at(
    servers: FileServers, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Place]]:
    """Make a place of its own below the servers' folder, for each test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificate))
    servers.uploads.clear()
    servers.faults.set()
    servers.sftp.authorised = None

    def place(scheme: str) -> Place:
        name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
        root = servers.folder / name
        for folder in ("in", "out"):
            (root / folder).mkdir(parents=True)
        ports = {"sftp": servers.sftp_port, "ftp": servers.ftp_port, "ftps": servers.ftps_port}
        url = f"file://{root}" if scheme == "file" else f"{scheme}://{LOOPBACK}:{ports[scheme]}/{name}"
        return Place(root, url, servers, {"EDI_PASSWORD": servers.account[1]})

    yield place
    servers.uploads.clear()
    servers.faults.set()


@pytest.mark.parametrize("scheme", SCHEMES)
class TestEveryTransport:
    def test_a_file_goes_up_whole_and_once(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with opened(place) as folder:
            folder.upload(NAME, BODY)
            folder.upload(NAME, BODY)
        assert place.outbox() == {NAME: BODY}

    def test_an_empty_file_goes_up_too(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with opened(place) as folder:
            folder.upload(NAME, b"")
        assert place.outbox() == {NAME: b""}

    def test_what_a_killed_upload_left_is_overwritten(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        (place.root / "in" / f".{NAME}.tmp").write_bytes(b"x" * (len(BODY) + 10))
        with opened(place) as folder:
            folder.upload(NAME, BODY)
        assert place.outbox() == {NAME: BODY}

    def test_another_files_name_is_not_taken(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        (place.root / "in" / NAME).write_bytes(b"of somebody else")
        with opened(place) as folder:
            with pytest.raises(Doubtful) as caught:
                folder.upload(NAME, BODY)
            assert folder.settle(NAME, BODY) is Settled.UNSURE
        assert caught.value.code == "name_taken"
        assert place.outbox() == {NAME: b"of somebody else"}

    def test_a_marker_follows_the_file(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with opened(place, outbox_marker=".done") as folder:
            folder.upload(NAME, BODY)
            (place.root / "in" / f"{NAME}.done").unlink()
            assert folder.settle(NAME, BODY) is Settled.THERE
        assert place.outbox() == {NAME: BODY, f"{NAME}.done": b""}

    def test_settling_tells_what_lies_there(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with opened(place, partner_archive="taken") as folder:
            assert folder.settle(NAME, BODY) is Settled.UNSURE
            assert folder.settle(NAME, BODY, renamed=False) is Settled.ABSENT
            (place.root / "in" / f".{NAME}.tmp").write_bytes(BODY[:100])
            assert folder.settle(NAME, BODY) is Settled.ABSENT
            assert place.outbox() == {}
            (place.root / "taken").mkdir()
            (place.root / "taken" / NAME).write_bytes(BODY)
            assert folder.settle(NAME, BODY) is Settled.THERE

    def test_complete_files_come_oldest_first(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        for name, age in (("ack_2.csv", 50), ("ack_1.csv", 100), ("ship_1.csv", 75), ("ack_3.csv.tmp", 60)):
            place.put(name, name.encode(), age=age)
        (place.root / "out" / ".hidden.csv").write_bytes(b"")
        (place.root / "out" / "folder.csv").mkdir()
        with opened(place) as folder:
            found = list(folder.ready(["ack_*.csv*", "ship_*.csv"]))
            assert [entry.name for entry in found] == ["ack_1.csv", "ship_1.csv", "ack_2.csv"]
            assert [folder.read(entry_at(entry.place)) for entry in found] == [
                b"ack_1.csv",
                b"ship_1.csv",
                b"ack_2.csv",
            ]

    def test_what_grows_is_not_complete(
        self, at: Callable[[str], Place], scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = at(scheme)
        place.put("ack_1.csv")
        growing = place.put("ack_2.csv")

        def grow(_: float) -> None:
            with growing.open("ab") as more:
                more.write(b"c;d\r\n")

        with opened(place) as folder:
            assert isinstance(folder, remote_folder.CheckedFolder)
            monkeypatch.setattr(folder, "_sleep", grow)
            assert [entry.name for entry in folder.ready(["*.csv"])] == ["ack_1.csv"]

    def test_a_marker_makes_a_file_complete_and_moves_with_it(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        for name in ("ack_1.csv", "ack_2.csv", "ack_3.csv", "ack_1.csv.done", "ack_2.done"):
            place.put(name)
        with opened(place, ready="done-file") as folder:
            found = list(folder.ready(["*"]))
            assert [entry.name for entry in found] == ["ack_1.csv", "ack_2.csv"]
            for entry in found:
                folder.move(entry, "out/archive")
            assert list(folder.ready(["*"])) == []
        assert {path.name for path in (place.root / "out").iterdir()} == {"ack_3.csv", "archive"}

    def test_a_file_that_changed_is_not_read_and_not_moved(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        place.put("ack_1.csv", b"a;b\r\n")
        with opened(place) as folder:
            (entry,) = folder.ready(["*.csv"])
            place.put("ack_1.csv", b"a;b\r\nc;d\r\n")
            with pytest.raises(UnexpectedReply) as caught:
                folder.read(entry)
            folder.move(entry, "out/archive")
            assert caught.value.code == "changed_while_reading"
            assert len(list(folder.ready(["*.csv"]))) == 1

    def test_moving_is_repeatable_and_overwrites_nothing(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with opened(place) as folder:
            for body in (b"first", b"second"):
                place.put("ack_1.csv", body)
                (entry,) = folder.ready(["*.csv"])
                folder.move(entry, "out/archive")
                folder.move(entry, "out/archive")
        archive = place.root / "out" / "archive"
        assert {path.name: path.read_bytes() for path in archive.iterdir()} == {
            "ack_1.csv": b"first",
            "ack_1-1.csv": b"second",
        }

    def test_a_name_that_comes_every_day_finds_room_in_the_archive(
        self, at: Callable[[str], Place], scheme: str
    ) -> None:
        place = at(scheme)
        with opened(place) as folder:
            for day in range(1, 13):
                (place.root / "out" / "ack.csv").write_bytes(b"x" * day)
                (entry,) = folder.ready(["*.csv"])
                folder.move(entry, "out/archive")
        kept = sorted((place.root / "out" / "archive").iterdir())
        assert sorted(path.stat().st_size for path in kept) == list(range(1, 13))
        assert all(path.suffix == ".csv" for path in kept)

    def test_a_document_above_fifty_megabytes_is_not_read(
        self, at: Callable[[str], Place], scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote_folder, "LARGEST", 10)
        place = at(scheme)
        place.put("ack_1.csv", b"more than ten")
        with opened(place) as folder:
            for entry in folder.ready(["*.csv"]):
                with pytest.raises(UnexpectedReply) as caught:
                    folder.read(entry_at(entry.place))
                assert caught.value.code == "too_large"

    def test_missing_folders_are_named(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with opened(place, outbox="nowhere", partner_archive="gone") as folder:
            assert folder.check() == ["outbox", "partner_archive"]
            with pytest.raises(NotSent):
                folder.upload(NAME, BODY)
        with opened(place, inbox="nowhere") as folder, pytest.raises(Unavailable):
            folder.probe()


@pytest.mark.parametrize("scheme", WIRES)
class TestOverAWire:
    def test_a_connection_lost_in_the_middle_leaves_no_file(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        place.servers.uploads.plan("write_dropped", after=100_000)
        with opened(place) as folder:
            with pytest.raises(NotSent):
                folder.upload(NAME, BODY)
            assert NAME not in place.outbox()
            folder.upload(NAME, BODY)
        assert place.outbox() == {NAME: BODY}

    def test_a_full_disk_leaves_no_file(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        place.servers.uploads.plan("disk_full", after=100_000)
        with opened(place) as folder:
            with pytest.raises(NotSent):
                folder.upload(NAME, BODY)
            assert NAME not in place.outbox()
            folder.upload(NAME, BODY)
        assert place.outbox() == {NAME: BODY}

    @pytest.mark.parametrize(("kind", "settled"), [("rename_lost", Settled.THERE), ("rename_dropped", Settled.ABSENT)])
    def test_a_lost_reply_to_the_rename_is_settled_by_looking(
        self, at: Callable[[str], Place], scheme: str, kind: str, settled: Settled
    ) -> None:
        place = at(scheme)
        place.servers.uploads.plan(kind)
        asked: list[str] = []
        with opened(place) as folder:
            with pytest.raises(Doubtful):
                folder.upload(NAME, BODY, about_to_rename=lambda: asked.append("rename"))
            assert asked == ["rename"]
            assert folder.settle(NAME, BODY) is settled
            if settled is Settled.ABSENT:
                assert place.outbox() == {}
            folder.upload(NAME, BODY)
        assert place.outbox() == {NAME: BODY}

    def test_a_refused_rename_sends_nothing(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        place.servers.uploads.plan("rename_refused")
        with opened(place) as folder:
            with pytest.raises(NotSent):
                folder.upload(NAME, BODY)
            assert NAME not in place.outbox()

    def test_an_upload_that_took_too_long_is_not_renamed(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        late = RemoteTimeouts(connect=1.0, read=1.5, upload=0.0)
        with open_folder(place.settings(), place.secrets.__getitem__, late) as folder, pytest.raises(NotSent) as caught:
            folder.upload(NAME, BODY)
        assert caught.value.code == "stalled"
        assert NAME not in place.outbox()

    def test_what_is_raised_before_the_rename_keeps_it_from_happening(
        self, at: Callable[[str], Place], scheme: str
    ) -> None:
        def fail() -> None:
            raise NotSent("the database is away", code="database")

        place = at(scheme)
        with opened(place) as folder, pytest.raises(NotSent):
            folder.upload(NAME, BODY, about_to_rename=fail)
        assert NAME not in place.outbox()

    def test_wrong_credentials_are_named(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        place.secrets["EDI_PASSWORD"] = "wrong"
        with opened(place) as folder:
            with pytest.raises(AuthenticationFailed):
                folder.upload(NAME, BODY)
            with pytest.raises(AuthenticationFailed):
                folder.probe()

    def test_behind_a_closed_port_nothing_was_sent(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        with listen(0) as listener:
            port = listener.getsockname()[1]
        place.url = f"{scheme}://{LOOPBACK}:{port}/edi"
        with opened(place) as folder:
            with pytest.raises(NotSent):
                folder.upload(NAME, BODY)
            with pytest.raises(NotSent):
                folder.probe()

    def test_a_connection_lost_while_reading_is_asked_anew(self, at: Callable[[str], Place], scheme: str) -> None:
        place = at(scheme)
        place.put("ack_1.csv", BODY)
        with opened(place) as folder:
            (entry,) = folder.ready(["*.csv"])
            place.servers.faults.set(drop_after=100_000)
            with pytest.raises((Unavailable, UnexpectedReply)):
                folder.read(entry)
            place.servers.faults.set()
            assert folder.read(entry) == BODY


class TestSftpAlone:
    def test_a_rename_without_a_reply_is_doubt_in_time(self, at: Callable[[str], Place]) -> None:
        place = at("sftp")
        place.servers.uploads.plan("rename_hangs", processed=True, seconds=2.0)
        with opened(place) as folder:
            began = time.monotonic()
            with pytest.raises(Doubtful):
                folder.upload(NAME, BODY)
            assert time.monotonic() - began < 2 * HURRIED.read
            assert folder.settle(NAME, BODY) is Settled.THERE

    @pytest.mark.parametrize("pin", ["fingerprint", "line"])
    def test_a_pinned_server_is_believed_and_another_gets_no_password(
        self, at: Callable[[str], Place], pin: str
    ) -> None:
        place, other = at("sftp"), host_key("another")
        right = place.servers.sftp.host_key
        pins = [
            key.get_fingerprint() if pin == "fingerprint" else key.export_public_key().decode().strip()
            for key in (right, other)
        ]
        with opened(place, host_keys=tuple(pins[::-1])) as folder:
            folder.probe()
        place.servers.sftp.passwords_seen.clear()
        with opened(place, host_keys=(pins[1],)) as folder, pytest.raises(AuthenticationFailed) as caught:
            folder.upload(NAME, BODY)
        assert caught.value.code == "unknown_host_key"
        assert right.get_fingerprint() in str(caught.value)
        assert place.servers.sftp.passwords_seen == []

    def test_a_key_opens_instead_of_a_password(self, at: Callable[[str], Place]) -> None:
        place = at("sftp")
        key = asyncssh.generate_private_key("ssh-ed25519")
        place.servers.sftp.authorised = key.convert_to_public()
        place.secrets["EDI_KEY"] = key.export_private_key().decode()
        with opened(place, key_env="EDI_KEY", password_env=None) as folder:
            folder.upload(NAME, BODY)
        assert place.outbox() == {NAME: BODY}


class TestFtpAlone:
    def test_a_server_without_listings_of_facts_is_asked_file_by_file(self, at: Callable[[str], Place]) -> None:
        place = at("ftp")
        place.servers.ftp.unknown = frozenset({"MLSD", "MLST", "FEAT"})
        place.put("ack_1.csv", b"a;b\r\n")
        try:
            with opened(place) as folder:
                folder.upload(NAME, BODY)
                (entry,) = folder.ready(["*.csv"])
                assert folder.read(entry) == b"a;b\r\n"
                folder.move(entry, "out/archive")
                folder.move(entry, "out/archive")
                assert list(folder.ready(["*.csv"])) == []
        finally:
            place.servers.ftp.unknown = frozenset()
        assert place.outbox() == {NAME: BODY}


KILLED = """
import os, sys
from adapters.exchange import remote_folder, remote_sftp
from adapters.exchange.remote import RemoteSettings, RemoteTimeouts, open_folder

step, moment, fingerprint, url, body = sys.argv[1:6]
owner = remote_sftp.SftpRemote if hasattr(remote_sftp.SftpRemote, step) else remote_folder.CheckedFolder
true = getattr(owner, step)

def dying(*arguments):
    if moment == "before":
        os._exit(9)
    true(*arguments)
    os._exit(9)

setattr(owner, step, dying)
settings = RemoteSettings(url=url, username="feeds", password_env="EDI_PASSWORD", host_keys=(fingerprint,), outbox_marker=".done")
with open_folder(settings, lambda _: "open sesame", RemoteTimeouts()) as folder:
    folder.upload("orders.csv", body.encode() * 50_000)
"""


def test_a_link_laid_in_a_mounted_folder_leads_nowhere(at: Callable[[str], Place], tmp_path: Path) -> None:
    place, elsewhere = at("file"), tmp_path / "elsewhere"
    elsewhere.write_bytes(b"ours")
    (place.root / "in" / f".{NAME}.tmp").symlink_to(elsewhere)
    with opened(place) as folder, pytest.raises(NotSent):
        folder.upload(NAME, BODY)
    assert elsewhere.read_bytes() == b"ours"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["describe", "write", "rename", "_mark"])
def test_an_upload_killed_at_any_step_is_whole_or_absent_and_then_there_once(
    at: Callable[[str], Place], step: str, moment: str
) -> None:
    place, body = at("sftp"), b"a;b\n" * 50_000
    fingerprint = place.servers.sftp.host_key.get_fingerprint()
    command = [sys.executable, "-c", KILLED, step, moment, fingerprint, place.url, "a;b\n"]
    died = subprocess.run(command, check=False, cwd=Path(__file__).parents[2], capture_output=True)
    assert died.returncode == 9, died.stderr.decode()
    assert place.outbox().get("orders.csv", body) == body
    with opened(place, outbox_marker=".done") as folder:
        settled = folder.settle("orders.csv", body)
        was_renamed = (step, moment) in (("rename", "after"), ("_mark", "before"), ("_mark", "after"))
        assert (settled is Settled.THERE) == was_renamed
        folder.upload("orders.csv", body)
    assert place.outbox() == {"orders.csv": body, "orders.csv.done": b""}
