"""What every transport of a file feed must do: subclass this and give it a world, a folder with a real server before it."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.errors import AdapterError, AuthenticationFailed, NotSent, Unavailable, UnexpectedReply
from adapters.feeds.sources import open_source
from adapters.feeds.transport import Timeouts
from adapters.ports import FeedSource
from models.feed_rows import RemoteFile
from models.feeds import Feed
from sandbox.fileserver import FileServers, file_servers
from sandbox.fileserver_faults import TransferFaults
from sandbox.fileserver_http import Manners
from sandbox.serving import LOOPBACK, listen

MEBIBYTE = 1 << 20
PASSWORD_ENV = "FEED_PASSWORD"
PATIENT = Timeouts(connect=5.0, read=20.0)  # a busy machine is no fault
HURRIED = Timeouts(connect=0.5, read=0.5)
OLD = timedelta(hours=1)
FOLDERS = count(1)


@dataclass
class SourceWorld:
    """A folder, the address under which a source finds it, and handles to spoil what lies between."""

    folder: Path
    address: str  # of the folder, with a slash at the end
    options: dict[str, Any] = field(default_factory=dict)
    password: str = "open sesame"
    faults: TransferFaults = field(default_factory=TransferFaults)
    away: str = ""  # the address of a server that is not there
    key: str = ""
    timeouts: Timeouts = PATIENT
    opened: list[FeedSource] = field(default_factory=list)

    def put(self, name: str, data: bytes = b"sku,quantity\n1,2\n", age: timedelta = OLD) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        moment = (datetime.now(UTC) - age).timestamp()
        os.utime(path, (moment, moment))
        return path

    def source(self, name: str = "", *, address: str = "", password: str | None = None, **options: Any) -> FeedSource:
        """Open the folder, or one file of it."""
        secrets = {PASSWORD_ENV: self.password if password is None else password, "FEED_KEY": self.key}
        feed = Feed.model_validate(
            {"kind": "stock", "source": (address or self.address) + name, "columns": {"sku": "sku"}}
            | self.options
            | options
        )
        self.opened.append(open_source(feed, secrets=secrets.__getitem__, timeouts=self.timeouts))
        return self.opened[-1]

    def names(self, name: str = "", **options: Any) -> list[str]:
        return [file.name for file in self.source(name, **options).look()]

    def read(self, name: str, offset: int = 0) -> bytes:
        source = self.source(name)
        (file,) = source.look()
        return b"".join(source.read(file, offset))


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def read_on(source: FeedSource, file: RemoteFile, offset: int) -> tuple[bytes, AdapterError | None]:
    """Read until the end or a failure; what came before it is kept, as a run does."""
    got = b""
    try:
        for piece in source.read(file, offset):
            got += piece
    except AdapterError as error:
        return got, error
    return got, None


@contextmanager
def closed_after(world: SourceWorld) -> Iterator[SourceWorld]:
    yield world
    for source in world.opened:
        source.close()


def remote(servers: FileServers, scheme: str, port: int, closed_port: int, **options: Any) -> SourceWorld:
    name = f"supplier{next(FOLDERS)}"
    (servers.folder / name).mkdir()
    return SourceWorld(
        folder=servers.folder / name,
        address=f"{scheme}://{LOOPBACK}:{port}/{name}/",
        options={"username": "feeds", "password_env": PASSWORD_ENV} | options,
        faults=servers.faults,
        away=f"{scheme}://{LOOPBACK}:{closed_port}/{name}/",
    )


class SourceContract:
    """Every transport, this machine's folders too."""

    def test_a_folder_lists_what_matches_oldest_first(self, world: SourceWorld) -> None:
        world.put("stock_b.csv", age=timedelta(hours=3))
        world.put("stock_a.csv", age=timedelta(hours=2))
        world.put("stock_c.csv", age=timedelta(hours=3))
        world.put("prices.csv", age=timedelta(hours=4))
        assert world.names(files="stock_*.csv") == ["stock_b.csv", "stock_c.csv", "stock_a.csv"]

    def test_folders_are_no_files(self, world: SourceWorld) -> None:
        (world.folder / "archive.csv").mkdir()
        world.put("stock.csv")
        assert world.names(files="*.csv") == ["stock.csv"]

    def test_an_empty_folder_has_nothing(self, world: SourceWorld) -> None:
        assert world.names(files="*") == []

    def test_a_folder_that_is_not_there_is_no_empty_one(self, world: SourceWorld) -> None:
        with pytest.raises(Unavailable) as caught:
            world.names("nowhere/", files="*")
        assert caught.value.code == "no_folder"

    def test_unfinished_uploads_never_count(self, world: SourceWorld) -> None:
        for name in (".stock.csv", "stock.csv.tmp", "stock.csv.PART", "stock.csv.filepart", "stock.csv"):
            world.put(name)
        assert world.names(files="*") == ["stock.csv"]

    def test_a_source_that_names_a_file_is_that_file(self, world: SourceWorld) -> None:
        world.put("stock.csv", b"0123456789")
        world.put("other.csv")
        (file,) = world.source("stock.csv").look()
        assert (file.name, file.size) == ("stock.csv", 10)
        assert file.modified_at is not None
        assert abs(datetime.now(UTC) - OLD - file.modified_at) < timedelta(seconds=5)

    def test_a_file_that_is_not_there_is_nothing(self, world: SourceWorld) -> None:
        assert world.names("stock.csv") == []

    def test_names_may_hold_anything(self, world: SourceWorld) -> None:
        name = "stock ñ 100% #1 [new]+&?.csv"
        world.put(name, b"all of it")
        source = world.source(files="*.csv")
        (file,) = source.look()
        assert file.name == name
        assert b"".join(source.read(file, 0)) == b"all of it"

    def test_a_name_that_is_no_text_hides_no_other_file(self, world: SourceWorld) -> None:
        Path(os.fsdecode(os.fsencode(world.folder) + b"/stock_\xe9.csv")).write_bytes(b"1")
        world.put("stock_é.csv")
        assert world.names(files="stock*") == ["stock_é.csv"]

    def test_a_done_marker_is_waited_for_and_is_no_file_itself(self, world: SourceWorld) -> None:
        for name in ("a.csv", "b.csv", "b.csv.done", "c.csv.done"):
            world.put(name)
        assert world.names(files="*", done_marker=".done") == ["b.csv"]
        assert world.names("a.csv", done_marker=".done") == []
        assert world.names("b.csv", done_marker=".done") == ["b.csv"]

    def test_a_file_that_changed_a_moment_ago_is_not_stable(self, world: SourceWorld) -> None:
        world.put("old.csv", age=timedelta(minutes=3))
        world.put("new.csv", age=timedelta(seconds=30))
        assert world.names(files="*.csv", stable_for="2min") == ["old.csv"]
        assert world.names("new.csv", stable_for="2min") == []

    def test_a_version_lasts_as_long_as_the_bytes(self, world: SourceWorld) -> None:
        world.put("stock.csv", b"1,10")
        (first,) = world.source("stock.csv").look()
        (again,) = world.source("stock.csv").look()
        (listed,) = world.source(files="*.csv").look()
        world.put("stock.csv", b"1,12", age=timedelta(minutes=5))
        (later,) = world.source("stock.csv").look()
        assert first.version == again.version == listed.version
        assert later.version != first.version

    def test_bytes_arrive_whole_in_pieces_of_a_mebibyte(self, world: SourceWorld) -> None:
        data = noise(3 * MEBIBYTE + 17)
        world.put("stock.csv", data)
        source = world.source("stock.csv")
        (file,) = source.look()
        pieces = list(source.read(file, 0))
        assert b"".join(pieces) == data
        assert [len(piece) for piece in pieces] == [MEBIBYTE] * 3 + [17]

    @pytest.mark.parametrize("offset", [1, MEBIBYTE, 2 * MEBIBYTE - 1, 2 * MEBIBYTE])
    def test_reading_goes_on_at_any_byte(self, world: SourceWorld, offset: int) -> None:
        data = noise(2 * MEBIBYTE)
        world.put("stock.csv", data)
        assert world.read("stock.csv", offset) == data[offset:]

    def test_one_source_reads_many_files_also_after_one_was_left_in_the_middle(self, world: SourceWorld) -> None:
        contents = [noise(MEBIBYTE + 5, seed) for seed in range(3)]
        for number, data in enumerate(contents):
            world.put(f"stock_{number}.csv", data)
        source = world.source(files="*.csv")
        files = source.look()
        abandoned = source.read(files[0], 0)
        next(abandoned)
        abandoned.close()
        assert [b"".join(source.read(file, 0)) for file in files] == contents

    def test_what_a_folder_lists_is_read_byte_by_byte(self, world: SourceWorld) -> None:
        contents = {f"stock_{number}.csv": b"1,2\n\r\n\xff\x1a\n" * 50_000 + noise(number) for number in range(3)}
        for name, data in contents.items():
            world.put(name, data)
        source = world.source(files="*.csv")
        assert {file.name: b"".join(source.read(file, 0)) for file in source.look()} == contents

    def test_a_file_that_was_replaced_before_it_is_read_is_told(self, world: SourceWorld) -> None:
        world.put("stock.csv", noise(1000))
        source = world.source("stock.csv")
        (file,) = source.look()
        world.put("stock.csv", noise(1000, 2), age=timedelta(minutes=2))
        for offset in (0, 500, 1000):
            _, error = read_on(source, file, offset)
            assert isinstance(error, UnexpectedReply)
            assert error.code == "changed_while_reading"

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: path.write_bytes(noise(2 * MEBIBYTE, 2)),
            lambda path: path.write_bytes(noise(3 * MEBIBYTE, 2)),
            lambda path: path.unlink(),
        ],
        ids=["other bytes", "longer", "gone"],
    )
    def test_a_file_that_changes_while_it_is_read_is_told(
        self, world: SourceWorld, change: Callable[[Path], None]
    ) -> None:
        path = world.put("stock.csv", noise(2 * MEBIBYTE))
        source = world.source("stock.csv")
        (file,) = source.look()
        pieces = source.read(file, 0)
        first = next(pieces)
        change(path)
        with pytest.raises((UnexpectedReply, Unavailable)):  # a web server may stumble over it too
            list(pieces)
        _, error = read_on(source, file, len(first))
        assert isinstance(error, UnexpectedReply)
        assert error.code == "changed_while_reading"

    def test_a_file_that_shrinks_while_it_is_read_is_never_taken_for_whole(self, world: SourceWorld) -> None:
        path = world.put("stock.csv", noise(8 * MEBIBYTE))
        source = world.source("stock.csv")
        (file,) = source.look()
        pieces = source.read(file, 0)
        next(pieces)
        os.truncate(path, MEBIBYTE)
        with pytest.raises((UnexpectedReply, Unavailable)):
            list(pieces)

    def test_parent_folders_are_out_of_reach(self, world: SourceWorld) -> None:
        with pytest.raises(ValidationError, match="leads out of the folder"):
            world.names("../secret.csv")


class RemoteSourceContract(SourceContract):
    """Transports with a server that can refuse, vanish and hang up."""

    @pytest.fixture(scope="class")
    @classmethod
    def all_servers(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
        folder = tmp_path_factory.mktemp("served")
        with file_servers(folder, http_account=("feeds", "open sesame")) as servers:
            yield servers

    @pytest.fixture
    def servers(self, all_servers: FileServers) -> FileServers:
        all_servers.faults.set()
        all_servers.plan.replace([])
        all_servers.ftp.unknown = frozenset()
        all_servers.http.manners = Manners()
        all_servers.http.seen.clear()
        return all_servers

    @pytest.fixture(scope="class")
    @classmethod
    def closed_port(cls) -> int:
        with listen(0) as listener:
            return int(listener.getsockname()[1])

    def test_what_a_drop_left_is_read_by_the_next_attempt(self, world: SourceWorld) -> None:
        data = noise(4 * MEBIBYTE + 99)
        world.put("stock.csv", data)
        source = world.source("stock.csv")
        (file,) = source.look()
        got, failures = b"", 0
        world.faults.set(drop_after=MEBIBYTE + 300_000, times=2)
        for _ in range(5):
            more, error = read_on(source, file, len(got))
            got += more
            if error is None:
                break
            assert isinstance(error, Unavailable)
            failures += 1
        assert got == data
        assert failures == 2

    def test_another_source_goes_on_where_the_first_was_dropped(self, world: SourceWorld) -> None:
        data = noise(3 * MEBIBYTE)
        world.put("stock.csv", data)
        source = world.source("stock.csv")
        (file,) = source.look()
        world.faults.set(drop_after=MEBIBYTE + 200_000)
        got, error = read_on(source, file, 0)
        source.close()
        assert isinstance(error, Unavailable)
        assert MEBIBYTE <= len(got) < len(data)
        assert got + world.read("stock.csv", len(got)) == data

    def test_a_wrong_password_is_told(self, world: SourceWorld) -> None:
        world.put("stock.csv")
        with pytest.raises(AuthenticationFailed) as caught:
            world.source("stock.csv", password="guess-me-not").look()
        assert "guess-me-not" not in str(caught.value)

    def test_a_server_that_is_away_was_sent_nothing(self, world: SourceWorld) -> None:
        with pytest.raises(NotSent) as caught:
            world.source("stock.csv", address=world.away).look()
        assert world.password not in str(caught.value)

    def test_a_password_has_no_place_in_the_address(self, world: SourceWorld) -> None:
        address = world.address.replace("://", "://feeds:hunter2@")
        with pytest.raises(ValidationError, match="belongs into password_env") as caught:
            world.source("stock.csv", address=address)
        assert "hunter2" not in str(caught.value)
