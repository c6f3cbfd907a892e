"""A partner that takes order files, with what goes wrong there: the adapter, the desk and the simulator together."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.errors import Doubtful, NotSent, Unavailable
from adapters.suppliers.files import adapter
from dropwright.testing.desk import MemoryDesk, run_round
from models.exchange import DocumentKind, DocumentState
from models.suppliers import Cancellation, LookupVerdict, SupplierState
from sandbox.file_partner import build_app
from sandbox.fileserver import FileServers, file_servers
from sandbox.serving import serving
from tests.adapters.files_world import ORDERED, Files, files
from tests.adapters.loopback import HTTP


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
    with file_servers(tmp_path_factory.mktemp("partners"), writable=True) as served:
        yield served


def names(at: Files, folder: str) -> list[str]:
    return sorted(path.name for path in (at.partner.folder / folder).iterdir() if path.is_file())


@pytest.mark.parametrize("scheme", ["sftp", "ftp", "ftps", "file"])
def test_an_order_goes_its_way_over_every_transport(
    servers: FileServers, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificate))
    at = files(servers, scheme=scheme)
    at.port.place_order(at.order())
    assert at.state() is SupplierState.SENT
    at.round()
    assert at.state() is SupplierState.ACKNOWLEDGED
    at.partner.ship("DW-1-11", ["GLS-1", "GLS-2"])
    at.partner.invoice("DW-1-11", "R-1", "25.40")
    at.round()
    assert at.state() is SupplierState.SHIPPED
    assert names(at, "out") == []
    assert names(at, "out/archive") == ["ack_000001.csv", "invoice_000003.csv", "ship_000002.csv"]
    assert [order["number"] for order in at.partner.orders] == ["DW-1-11"]


class TestDefects:
    @pytest.mark.parametrize("defect", ["byte_order_mark", "extra_columns"])
    def test_harmless_oddities_do_not_matter(self, servers: FileServers, defect: str) -> None:
        at = files(servers, partner={"defects": {defect}})
        at.port.place_order(at.order())
        at.round()
        assert at.state() is SupplierState.ACKNOWLEDGED

    def test_another_encoding_is_read_where_it_is_configured_and_refused_where_not(self, servers: FileServers) -> None:
        for encoding, state in (("cp1252", SupplierState.ACKNOWLEDGED), ("utf-8", SupplierState.SENT)):
            at = files(servers, partner={"defects": {"cp1252"}}, acknowledgements={"encoding": encoding})
            at.port.place_order(at.order())
            at.round()
            assert at.state() is state

    def test_a_half_written_file_changes_nothing_and_its_whole_successor_counts(self, servers: FileServers) -> None:
        at = files(servers, partner={"defects": {"half_written"}})
        at.port.place_order(at.order())
        at.round()
        assert at.state() is SupplierState.SENT
        assert [one.state for one in at.desk.incoming] == [DocumentState.QUARANTINED]
        assert names(at, "out/error") == ["ack_000001.csv"]
        at.partner.defects.clear()
        at.partner.answer("DW-1-11", [])
        at.round()
        assert at.state() is SupplierState.ACKNOWLEDGED

    def test_the_same_file_under_two_names_is_applied_once(self, servers: FileServers) -> None:
        at = files(servers, partner={"defects": {"duplicate_file"}})
        at.port.place_order(at.order())
        at.round()
        assert len(at.desk.news) == 1
        assert [one.repeats for one in at.desk.incoming] == [1]
        assert names(at, "out") == []

    def test_somebody_elses_row_does_not_spoil_ours(self, servers: FileServers) -> None:
        at = files(servers, partner={"defects": {"unknown_number"}})
        at.port.place_order(at.order())
        at.round()
        assert at.state() is SupplierState.ACKNOWLEDGED
        assert {one.number for one in at.desk.news} == {"DW-1-11", "PO-OF-SOMEBODY-ELSE"}

    def test_an_unknown_word_is_a_persons_to_read(self, servers: FileServers) -> None:
        at = files(servers, partner={"defects": {"unknown_status"}})
        at.port.place_order(at.order())
        at.round()
        assert at.state() is SupplierState.SENT
        assert [one.reason for one in at.desk.unclear] == ["unknown_status"]

    def test_a_file_waits_for_its_late_marker_and_ours_has_one(self, servers: FileServers) -> None:
        partner = {"marker": ".done", "defects": {"done_late"}}
        at = files(servers, partner=partner, remote={"ready": "done-file", "outbox_marker": ".done"})
        at.port.place_order(at.order())
        at.round()
        assert len(at.partner.orders) == 1
        assert at.state() is SupplierState.SENT
        at.round()
        assert at.state() is SupplierState.ACKNOWLEDGED
        assert names(at, "out") == []


class TestDoubt:
    def test_nothing_is_sent_again_before_it_was_looked_for(self, servers: FileServers) -> None:
        at = files(servers)
        servers.uploads.plan("rename_lost")
        with pytest.raises(Doubtful):
            at.port.place_order(at.order())
        at.partner.work()
        assert at.port.place_order(at.order()).supplier_number == "DW-1-11"
        at.partner.work()
        assert len(at.partner.orders) == 1
        assert at.port.find_order(at.order()).verdict is LookupVerdict.FOUND

    def test_where_a_partner_keeps_nothing_only_its_answer_or_a_person_can_tell(self, servers: FileServers) -> None:
        at = files(servers, partner={"keeps_archive": False, "acknowledges": False}, remote={"partner_archive": ""})
        servers.uploads.plan("rename_lost")
        with pytest.raises(Doubtful):
            at.port.place_order(at.order())
        at.partner.work()
        assert at.port.find_order(at.order()).verdict is LookupVerdict.UNSURE
        at.partner.answer("DW-1-11", [])
        at.round()
        assert at.port.find_order(at.order()).verdict is LookupVerdict.FOUND
        assert len(at.partner.orders) == 1

    def test_on_a_persons_word_the_same_file_leaves_again(self, servers: FileServers) -> None:
        at = files(servers, partner={"keeps_archive": False, "acknowledges": False}, remote={"partner_archive": ""})
        servers.uploads.plan("rename_lost")
        with pytest.raises(Doubtful):
            at.port.place_order(at.order())
        at.partner.work()
        assert at.port.find_order(at.order()).verdict is LookupVerdict.UNSURE
        assert at.port.place_order(at.order()).supplier_number == "DW-1-11"
        assert at.outbox() == [at.desk.outgoing[0].name]
        assert len(at.desk.outgoing) == 1

    @pytest.mark.parametrize("kind", ["write_dropped", "disk_full", "rename_refused"])
    def test_what_surely_has_not_left_is_simply_tried_again(self, servers: FileServers, kind: str) -> None:
        at = files(servers)
        servers.uploads.plan(kind, after=10)
        with pytest.raises(NotSent):
            at.port.place_order(at.order())
        assert at.outbox() in ([], [f".{at.desk.outgoing[0].name}.tmp"])
        at.port.place_order(at.order())
        at.round()
        assert len(at.partner.orders) == 1
        assert at.partner.unreadable == []

    def test_a_database_that_is_away_before_the_rename_keeps_the_file_from_leaving(self, servers: FileServers) -> None:
        at = files(servers, desk=_Failing("remember"))
        with pytest.raises(NotSent):
            at.port.place_order(at.order())
        at.partner.work()
        assert at.partner.orders == []

    def test_a_database_that_is_away_after_it_leaves_doubt_that_is_settled(self, servers: FileServers) -> None:
        at = files(servers, desk=_Failing("sent"))
        with pytest.raises(Doubtful):
            at.port.place_order(at.order())
        assert at.port.find_order(at.order()).verdict is LookupVerdict.FOUND
        at.round()
        assert len(at.partner.orders) == 1

    def test_a_file_that_is_too_large_is_set_aside(self, servers: FileServers, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("adapters.exchange.remote_folder.LARGEST", 100)
        at = files(servers)
        (at.partner.folder / "out" / "ack_9.csv").write_bytes(b"a" * 200)
        run_round(at.port, at.desk)
        assert [one.reason.partition(":")[0] for one in at.desk.incoming] == ["too_large"]
        assert names(at, "out/error") == ["ack_9.csv"]


class TestCancelling:
    def test_a_lost_reply_to_a_cancellation_does_no_harm(self, servers: FileServers) -> None:
        at = files(servers)
        at.port.place_order(at.order())
        at.round()
        servers.uploads.plan("rename_lost")
        with pytest.raises(Unavailable):
            at.port.cancel_order("DW-1-11")
        assert at.port.cancel_order("DW-1-11") is Cancellation.REQUESTED
        at.round()
        assert at.state() is SupplierState.CANCELLED
        assert at.port.cancel_order("DW-1-11") is Cancellation.CANCELLED

    def test_what_could_not_leave_goes_with_the_next_round(self, servers: FileServers) -> None:
        at = files(servers)
        at.port.place_order(at.order())
        at.round()
        servers.uploads.plan("write_dropped")
        with pytest.raises(NotSent):
            at.port.cancel_order("DW-1-11")
        assert at.port.send_due(datetime.now(UTC)) == 1
        at.round()
        assert at.state() is SupplierState.CANCELLED


HALF_PAST = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class At(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return HALF_PAST - timedelta(minutes=10)

    monkeypatch.setattr(adapter, "datetime", At)


@pytest.mark.usefixtures("clock")
class TestBatches:
    def test_a_window_leaves_in_one_file_with_one_control_number(self, servers: FileServers) -> None:
        at = files(servers, orders={"batch": "30m"})
        placed = [at.port.place_order(at.order(number)) for number in ("DW-1-11", "DW-2-11", "DW-1-11")]
        assert {order.status_text for order in placed} == {"waits for the batch of 10:30Z"}
        assert at.port.find_order(at.order()).verdict is LookupVerdict.FOUND
        assert at.port.find_order(at.order("DW-3-11")).verdict is LookupVerdict.ABSENT
        assert at.port.send_due(HALF_PAST - timedelta(seconds=1)) == 0
        assert at.outbox() == []
        assert at.port.send_due(HALF_PAST) == 1
        assert at.port.send_due(HALF_PAST) == 0
        assert len(at.outbox()) == 1
        at.round()
        assert [order["number"] for order in at.partner.orders] == ["DW-1-11", "DW-2-11"]
        assert len({order["file"] for order in at.partner.orders}) == 1
        assert at.state("DW-2-11") is SupplierState.ACKNOWLEDGED

    def test_an_order_is_taken_out_until_its_batch_closes(self, servers: FileServers) -> None:
        at = files(servers, orders={"batch": "30m"}, cancellations=None)
        for number in ("DW-1-11", "DW-2-11"):
            at.port.place_order(at.order(number))
        assert [at.port.cancel_order("DW-1-11") for _ in range(2)] == [Cancellation.CANCELLED] * 2
        assert at.port.send_due(HALF_PAST) == 1
        assert at.port.cancel_order("DW-2-11") is Cancellation.TOO_LATE
        at.round()
        assert [order["number"] for order in at.partner.orders] == ["DW-2-11"]

    @pytest.mark.parametrize("kind", ["rename_lost", "rename_dropped"])
    def test_a_batch_in_doubt_is_settled_by_the_next_round(self, servers: FileServers, kind: str) -> None:
        at = files(servers, orders={"batch": "30m"})
        at.port.place_order(at.order())
        servers.uploads.plan(kind)
        with pytest.raises(Doubtful):
            at.port.send_due(HALF_PAST)
        assert at.port.send_due(HALF_PAST) == (kind == "rename_dropped")
        at.round()
        assert len(at.partner.orders) == 1
        assert at.desk.unsent(DocumentKind.ORDER) == []

    def test_a_batch_that_nobody_can_settle_is_told_of_once_and_never_sent_again(self, servers: FileServers) -> None:
        partner = {"keeps_archive": False, "acknowledges": False}
        at = files(servers, partner=partner, orders={"batch": "30m"}, remote={"partner_archive": ""})
        at.port.place_order(at.order())
        servers.uploads.plan("rename_lost")
        with pytest.raises(Doubtful):
            at.port.send_due(HALF_PAST)
        at.partner.work()
        with pytest.raises(Doubtful):
            at.port.send_due(HALF_PAST)
        assert [at.port.send_due(HALF_PAST) for _ in range(2)] == [0, 0]
        at.partner.answer("DW-1-11", [])
        at.round()
        assert at.desk.unsent(DocumentKind.ORDER) == []
        assert len(at.partner.orders) == 1

    def test_a_person_who_wants_it_again_gets_the_same_bytes_sent(self, servers: FileServers) -> None:
        at = files(servers, orders={"batch": "30m"}, partner={"keeps_archive": False, "acknowledges": False})
        at.port.place_order(at.order())
        at.port.send_due(HALF_PAST)
        (first,) = at.outbox()
        (at.partner.folder / "in" / first).unlink()
        sent = at.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11")
        assert sent is not None
        at.desk.resend(sent)
        assert at.port.send_due(HALF_PAST) == 1
        assert at.outbox() == [first]


class _Failing(MemoryDesk):
    """A desk one of whose calls fails, the first time."""

    def __init__(self, method: str) -> None:
        super().__init__(ordered=lambda _: ORDERED)
        self._method: str | None = method

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "__dict__").get("_method"):
            self._method = None
            return _away
        return super().__getattribute__(name)


def _away(*_: Any, **__: Any) -> None:
    raise NotSent("the database is away", code="database")


def test_the_partners_books_and_wishes_go_over_http(servers: FileServers) -> None:
    at = files(servers)
    at.port.place_order(at.order())
    with serving(build_app(at.partner)) as url:
        assert HTTP.post(f"{url}/_sandbox/work").json()["orders"][0]["number"] == "DW-1-11"
        HTTP.post(f"{url}/_sandbox/orders/DW-1-11", json={"ship": ["GLS-1"]})
        assert HTTP.post(f"{url}/_sandbox/defects", json={"defects": ["cp1252", "none of them"]}).json() == ["cp1252"]
        ledger = HTTP.get(f"{url}/_sandbox/ledger").json()
    run_round(at.port, at.desk)
    assert at.state() is SupplierState.SHIPPED
    assert [order["shipped"] for order in ledger["orders"]] == [True]
