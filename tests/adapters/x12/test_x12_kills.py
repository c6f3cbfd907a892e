"""The process ends before or after each outside step, and another one goes on: one order at the partner, or a person."""

import os
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.exchange.remote_local import LocalRemote
from adapters.suppliers.edi_x12.adapter import X12Supplier
from dropwright.testing.desk import MemoryDesk, run_round
from models.exchange import DocumentKind
from models.suppliers import LookupVerdict, SupplierLine, SupplierOrder
from sandbox.x12_partner_books import Partner
from tests.adapters.x12.test_x12_contract import a_port, settings
from tests.adapters.x12.test_x12_writing import an_order

DIED = 77
FACTS = ("outgoing", "incoming", "news", "unclear", "stock", "strange_receipts", "_facts", "_last_control")
COMMITS = ("prepare", "remember", "sent", "apply", "prepare_reply")
PLACING = ("prepare", "write", "remember", "rename", "sent")
ROUND = ("apply", "rename", "prepare_reply", "write", "sent")


class KeptDesk(MemoryDesk):
    """A desk whose facts outlive its process: each change is on the disk when its call returns."""

    def __init__(self, file: Path, lines: tuple[SupplierLine, ...]) -> None:
        super().__init__(ordered=lambda _: lines)
        self._file = file
        if file.exists():
            vars(self).update(pickle.loads(file.read_bytes()))
        highest = max((one.id for kept in (self.outgoing, self.incoming) for one in kept), default=0)
        self._ids = iter(range(highest + 1, highest + 1_000))  # type: ignore[assignment]

    def commit(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_bytes(pickle.dumps({name: getattr(self, name) for name in FACTS}))
        new.rename(self._file)


def _keeping(desk: KeptDesk) -> KeptDesk:
    for name in COMMITS:
        setattr(desk, name, partial(_then_commit, desk, getattr(desk, name)))
    return desk


def _then_commit(desk: KeptDesk, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    result = call(*arguments, **named)
    desk.commit()
    return result


class Stage:
    """A partner behind a mounted folder, our desk's file, and processes of ours that come and go."""

    def __init__(self, folder: Path, *, archive: bool) -> None:
        self.partner = Partner(folder / "partner")
        self._file = folder / "desk"
        self._archive = archive
        self.order: SupplierOrder = an_order()

    def process(self) -> tuple[X12Supplier, KeptDesk]:
        configured = settings(1, "SHA256:" + "A" * 43)
        remote = {"url": f"file://{self.partner.folder}", "ready": "rename"}
        remote |= {"partner_archive": "taken"} if self._archive else {}
        profile = {**configured.profile, "remote": remote}
        desk = _keeping(KeptDesk(self._file, self.order.lines))
        return a_port(desk, configured.model_copy(update={"profile": profile})), desk

    def die(self, step: str, when: str, turn: int, work: Callable[[X12Supplier, KeptDesk], object]) -> bool:
        """Do some work in a child that ends at a step; returns whether it came that far."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                port, desk = self.process()
                target: Any = LocalRemote if step in ("write", "rename") else desk
                setattr(target, step, Dying(getattr(target, step), when, turn, bound=target is not desk))
                work(port, desk)
                status = 0
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, DIED)
        return status == DIED


class Dying:
    """A function that ends the process before or after its turn."""

    def __init__(self, call: Callable[..., Any], when: str, turn: int, *, bound: bool) -> None:
        self._call, self._when, self._left, self._bound = call, when, turn, bound

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., Any]:
        return partial(self, instance) if self._bound else self

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0 and self._when == "before":
            os._exit(DIED)
        result = self._call(*arguments, **named)
        if self._left == 0:
            os._exit(DIED)
        return result


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "no-archive"])
@pytest.mark.parametrize("taken", [True, False], ids=["taken", "lies-there"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", PLACING)
def test_an_order_exists_once_wherever_the_process_ended(
    tmp_path: Path, step: str, when: str, taken: bool, archive: bool
) -> None:
    stage = Stage(tmp_path, archive=archive)
    assert stage.die(step, when, 1, lambda port, _: port.place_order(stage.order))
    if taken:
        stage.partner.work()
    port, desk = stage.process()
    found = port.find_order(stage.order)
    if found.verdict is LookupVerdict.ABSENT:
        port.place_order(stage.order)
    stage.partner.work()
    books = [order["number"] for order in stage.partner.orders]
    if found.verdict is LookupVerdict.UNSURE:
        assert (step, when) in {("remember", "after"), ("rename", "before"), ("rename", "after"), ("sent", "before")}
        assert books in ([], ["DW-1-11"])
    else:
        assert books == ["DW-1-11"]
        assert stage.partner.refused == []
    assert list((stage.partner.folder / "in").glob(".*")) == []
    run_round(port, desk)
    settled = port.find_order(stage.order).verdict
    assert (settled is LookupVerdict.FOUND) == (books == ["DW-1-11"])


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ROUND)
def test_a_round_is_applied_once_and_receipted_once_wherever_the_process_ended(
    tmp_path: Path, step: str, when: str, turn: int
) -> None:
    stage = Stage(tmp_path, archive=True)
    stage.process()[0].place_order(stage.order)
    stage.partner.work()
    stage.partner.ship("DW-1-11", ["GLS-0000000001"])
    stage.die(step, when, turn, run_round)
    for _ in range(2):
        port, desk = stage.process()
        run_round(port, desk)
    stage.partner.work()
    assert sorted(one.news for one in desk.news) == ["acknowledged", "shipped"]
    assert sorted(segments[0][1] for segments in stage.partner.receipts_seen) == ["PR", "SH"]
    assert stage.partner.refused == []
    assert [one.control for one in desk.outgoing if one.kind is DocumentKind.ORDER] == [1]
    assert len(list((stage.partner.folder / "out" / "archive").iterdir())) == 3
