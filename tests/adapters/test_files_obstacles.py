"""What is in the way of one file keeps no other from going its way, and what may have left is not proven absent."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from adapters.errors import Doubtful, NotSent, Refused, Unavailable
from adapters.exchange.remote import RemoteTimeouts
from adapters.exchange.remote_exchange import RemoteExchange
from adapters.exchange.remote_local import LocalRemote
from adapters.secrets import MissingSecretError, environment_secret
from adapters.suppliers.files.adapter import FileSupplier, build
from adapters.suppliers.files.profile import FilesProfile
from dropwright.testing.desk import run_round
from models.configuration import Supplier
from models.exchange import DocumentKind, Drafted, Outgoing
from models.suppliers import LookupVerdict, SupplierState
from sandbox.fileserver import FileServers, file_servers
from tests.adapters.files_world import Files, files, port_to

LATER = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
    with file_servers(tmp_path_factory.mktemp("partners"), writable=True) as served:
        yield served


def cancellation(at: Files, number: str) -> Outgoing:
    return at.desk.prepare(
        DocumentKind.CANCELLATION,
        [number],
        lambda control: Drafted(name=f"cancel_{control}.csv", body=f"po_number\r\n{number}\r\n".encode()),
    )


def test_a_file_that_may_not_be_read_is_set_aside_and_those_behind_it_are_read(
    servers: FileServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = files(servers, scheme="file")
    read = LocalRemote.read

    def refusing(self: LocalRemote, path: str, limit: int) -> bytes:
        if path.endswith("ack_000000.csv"):
            raise Refused("it says no", code="forbidden")
        return read(self, path, limit)

    monkeypatch.setattr(LocalRemote, "read", refusing)
    (at.partner.folder / "out" / "ack_000000.csv").write_bytes(b"whatever")
    at.port.place_order(at.order())
    at.round()
    assert at.state() is SupplierState.ACKNOWLEDGED
    assert {one.reason.partition(":")[0] for one in at.desk.incoming} == {"not_readable", ""}
    assert [path.name for path in (at.partner.folder / "out/error").iterdir()] == ["ack_000000.csv"]


@pytest.mark.parametrize("scheme", ["sftp", "ftp", "file"])
def test_an_archive_is_made_with_all_the_folders_above_it(servers: FileServers, scheme: str) -> None:
    at = files(servers, scheme=scheme, remote={"archive": "done/this/year"})
    at.port.place_order(at.order())
    at.round()
    assert [path.name for path in (at.partner.folder / "done/this/year").iterdir()] == ["ack_000001.csv"]


@pytest.mark.parametrize("scheme", ["sftp", "ftp", "file"])
def test_an_archive_that_can_not_be_made_is_said_so(servers: FileServers, scheme: str) -> None:
    at = files(servers, scheme=scheme, remote={"archive": "notes.txt/archive"})
    (at.partner.folder / "notes.txt").write_bytes(b"a file where a folder should be")
    at.port.place_order(at.order())
    with pytest.raises(Unavailable):
        at.round()
    assert at.state() is SupplierState.ACKNOWLEDGED


@pytest.mark.parametrize("scheme", ["sftp", "file"])
def test_a_file_whose_name_is_no_utf_8_is_taken_like_any_other(servers: FileServers, scheme: str) -> None:
    at = files(servers, scheme=scheme)
    at.port.place_order(at.order())
    at.partner.work()
    (answer,) = (at.partner.folder / "out").glob("ack_*")
    named = os.fsdecode(b"ack_best\xe4tigt%41.csv")
    answer.rename(answer.with_name(named))
    run_round(at.port, at.desk)
    assert at.state() is SupplierState.ACKNOWLEDGED
    assert [one.incoming.name for one in at.desk.incoming] == ["ack_best%E4tigt%41.csv"]
    assert [path.name for path in (at.partner.folder / "out/archive").iterdir()] == [named]


def test_a_document_whose_name_is_taken_keeps_no_other_from_leaving(servers: FileServers) -> None:
    at = files(servers, scheme="file")
    first, second = cancellation(at, "DW-1-11"), cancellation(at, "DW-2-11")
    (at.partner.folder / "in" / first.name).write_bytes(b"somebody else's")
    with pytest.raises(Refused) as caught:  # the supplier is not down: nothing has to wait for it
        at.port.send_due(LATER)
    assert caught.value.code == "name_taken"
    assert (at.partner.folder / "in" / second.name).read_bytes() == second.body
    assert [one.id for one in at.desk.unsent()] == [first.id]


def test_a_server_that_takes_nothing_is_not_asked_for_every_document(
    servers: FileServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = files(servers, scheme="file")
    for number in range(9):
        cancellation(at, f"DW-{number}-11")
    asked: list[int] = []

    def refusing(_: RemoteExchange, outgoing: Outgoing, **__: object) -> None:
        asked.append(outgoing.id)
        raise NotSent("no connection", code="no_connection")

    monkeypatch.setattr(RemoteExchange, "transmit", refusing)
    with pytest.raises(NotSent):
        at.port.send_due(LATER)
    assert len(asked) == 3


def test_a_failed_repetition_does_not_prove_that_the_first_upload_never_left(servers: FileServers) -> None:
    at = files(servers, partner={"keeps_archive": False, "acknowledges": False}, remote={"partner_archive": ""})
    servers.uploads.plan("rename_lost")
    with pytest.raises(Doubtful):
        at.port.place_order(at.order())
    at.partner.work()
    servers.uploads.plan("write_dropped")
    with pytest.raises(NotSent):
        at.port.place_order(at.order())
    assert len(at.partner.orders) == 1
    assert at.port.find_order(at.order()).verdict is LookupVerdict.UNSURE


def test_another_file_of_its_name_in_the_partners_archive_is_no_proof(servers: FileServers) -> None:
    at = files(servers)
    servers.uploads.plan("rename_dropped")
    with pytest.raises(Doubtful):
        at.port.place_order(at.order())
    archive = at.partner.folder / "in/archive"
    archive.mkdir(exist_ok=True)
    (archive / at.desk.outgoing[0].name).write_bytes(b"of a database that was restored since")
    assert at.port.find_order(at.order()).verdict is LookupVerdict.UNSURE
    (archive / at.desk.outgoing[0].name).write_bytes(at.desk.outgoing[0].body)
    assert at.port.find_order(at.order()).verdict is LookupVerdict.FOUND


def test_what_a_person_wants_sent_again_is_sent_also_where_it_was_answered(servers: FileServers) -> None:
    at = files(servers, scheme="file")
    at.port.place_order(at.order())
    at.round()
    assert at.state() is SupplierState.ACKNOWLEDGED
    sent = at.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11")
    assert sent is not None
    at.desk.resend(sent)
    assert at.port.send_due(LATER) == 1
    assert at.outbox() == [sent.name]
    assert at.port.send_due(LATER) == 0


def test_an_order_that_can_not_be_written_any_more_does_not_hold_up_its_batch(servers: FileServers) -> None:
    at = files(servers, scheme="file", orders={"batch": "30m"})
    at.port.place_order(at.order("DW-1-11"))
    longer = at.order("DW-2-11")
    at.port.place_order(longer.model_copy(update={"lines": longer.lines[:1]}))
    changed = port_to(at.described | {"orders": {"batch": "30m", "max_rows": 1}}, at.desk, servers.account[1])
    assert changed.send_due(LATER) == 1
    at.partner.work()
    assert [order["number"] for order in at.partner.orders] == ["DW-2-11"]
    assert changed.fetch_order("DW-1-11").state is SupplierState.CANCELLED


def building(at: Files, secrets: Callable[[str], str], **remote: str) -> FileSupplier:
    described = at.described | {"remote": at.described["remote"] | remote}
    settings: Supplier = at.port._settings.model_copy(update={"profile": described})
    return build(settings=settings, supplier_id="acme", secrets=secrets, sink=lambda _: None, documents=at.desk)


def test_a_credential_that_is_missing_or_no_key_is_told_before_any_order_is_at_stake(servers: FileServers) -> None:
    at = files(servers)
    with pytest.raises(MissingSecretError, match="NOT_SET_ANYWHERE"):
        building(at, environment_secret, password_env="NOT_SET_ANYWHERE")
    with pytest.raises(ValueError, match="key_env holds no private key") as caught:
        building(at, lambda _: "no key at all", key_env="FILES_KEY")
    assert "no key at all" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf_8", "cp437", "mac_roman"])
@pytest.mark.parametrize("kind", ["orders", "shipments"])
def test_an_encoding_that_xml_has_no_such_name_for_is_refused_with_the_configuration(encoding: str, kind: str) -> None:
    values = {"partner": "acme", "remote": {"url": "file:///edi"}}
    with pytest.raises(ValidationError, match="XML does not know it by this name"):
        FilesProfile.model_validate(values | {kind: {"format": "xml", "encoding": encoding}})
    assert FilesProfile.model_validate(values | {kind: {"encoding": encoding}})


@pytest.mark.parametrize(("submit", "upload"), [(180, 140), (60, 20), (30, 10)])
def test_an_upload_ends_before_the_submission_that_waits_for_it(submit: int, upload: int) -> None:
    timeouts = RemoteTimeouts.within(timedelta(seconds=submit), timedelta(seconds=20))
    assert (timeouts.read, timeouts.upload) == (20, upload)
