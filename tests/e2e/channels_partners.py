"""A simulated partner for each channel, on loopback: what it really has, what goes wrong on the way, how it ships."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import httpx
from starlette.types import ASGIApp

from sandbox import anyrest, bigbuy, btswholesaler, cjdropshipping, mail_partner, printful
from sandbox.file_partner import FilePartner
from sandbox.fileserver_faults import TransferFaults, UploadFaults
from sandbox.fileserver_sftp import SftpAccess, public_line, serving_sftp
from sandbox.serving import serving
from sandbox.x12_partner import ACCOUNT, serving_partner
from tests.e2e.channels_points import HELD_FOR, Call, Rename

SHIPS_AFTER = 2.0  # seconds
ANSWERS_AFTER = 0.2
Order = dict[str, Any]


class Trader(Protocol):
    """A partner that works through files."""

    orders: list[Order]
    folder: Path

    def work(self) -> object:
        """Take what has come, and answer it."""

    def ship(self, number: str, tracking: list[str]) -> None:
        """Send an order."""


@dataclass
class FileSide:
    """A partner behind an SFTP server."""

    trader: Trader
    port: int
    host_key: str
    uploads: UploadFaults
    name: str
    shipped: dict[int, str] = field(default_factory=dict)  # tracking numbers, by the order's place in its books
    _seen: dict[int, float] = field(default_factory=dict)

    def arm(self, point: Rename) -> None:
        """Let the next rename go unanswered."""
        self.uploads.plan("rename_hangs", processed=point.processed, seconds=HELD_FOR)

    def fired(self) -> bool:
        """Say whether that has come."""
        return any(not plan["times"] for plan in self.uploads.plans)

    def work(self) -> None:
        """Do a day's work: take, answer, and ship what has lain there for long enough."""
        self.trader.work()
        for place, order in enumerate(self.trader.orders):
            since = self._seen.setdefault(place, time.monotonic())
            if place not in self.shipped and time.monotonic() - since >= SHIPS_AFTER:
                self.shipped[place] = f"{self.name.upper()}-{place + 1:06d}"
                self.trader.ship(order["number"], [self.shipped[place]])

    def left_behind(self) -> list[str]:
        """Name what nobody has taken or put away, and what could not be read."""
        lying = [
            path.name for name in ("in", "out") for path in (self.trader.folder / name).iterdir() if path.is_file()
        ]
        return lying + [str(one) for name in ("refused", "unreadable") for one in getattr(self.trader, name, [])]


@dataclass
class Partners:
    """All of them, while ``with serving_partners(...)`` lasts."""

    urls: dict[str, str]  # of those that are steered over HTTP, mail too
    files: dict[str, FileSide]
    mail: mail_partner.PartnerApp

    def arm(self, channel: str, point: Call | Rename) -> None:
        """Let a channel's point be held when it comes."""
        if isinstance(point, Rename):
            self.files[channel].arm(point)
        else:
            rules = {"rules": [point.rule()]}
            httpx.post(f"{self.urls[channel]}/_sandbox/faults", json=rules, trust_env=False).raise_for_status()

    def fired(self, channel: str) -> bool:
        """Say whether a channel's point is held."""
        if channel in self.files:
            return self.files[channel].fired()
        return bool(self._get(channel, "faults")["rules"][0]["fired"])

    def answer_mails(self) -> None:
        """Let the supplier by mail answer from now on, and ship."""
        manners = self.mail.partner.manners
        self.mail.partner.manners = replace(manners, answer_after=ANSWERS_AFTER, ship_after=SHIPS_AFTER)

    def ledgers(self) -> dict[str, list[Order]]:
        """Read what each really has."""
        found = {channel: list(self._get(channel, "ledger")["orders"]) for channel in self.urls}
        return found | {channel: [dict(order) for order in side.trader.orders] for channel, side in self.files.items()}

    def left_behind(self) -> dict[str, list[str]]:
        """Name what was begun and never ended: drafts, files, mails."""
        left = {channel: side.left_behind() for channel, side in self.files.items()}
        left["mail"] = [f"mail {uid}" for uid in self._get("mail", "folders")["INBOX"]]
        drafts = {channel: self._get(channel, "ledger")["drafts"] for channel in ("cj", "printful")}
        return left | {channel: [str(draft) for draft in found] for channel, found in drafts.items()}

    def _get(self, channel: str, what: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.urls[channel]}/_sandbox/{what}", trust_env=False).json()
        return found


@contextmanager
def serving_partners(folder: Path, seed: int, *, keeps_sent: bool) -> Iterator[Partners]:
    """Serve every partner; the one by mail keeps silent at first."""
    mail = mail_partner.create_app(manners=mail_partner.Manners(keeps_sent=keeps_sent))
    slow = {"ship_after": SHIPS_AFTER}
    apps: dict[str, ASGIApp] = {
        "bts": btswholesaler.create_app(seed=seed, settings=slow),
        "bigbuy": bigbuy.create_app(settings=slow),
        "cj": cjdropshipping.create_app(settings=slow),
        "printful": printful.create_app(ship_after=SHIPS_AFTER),
        "rest": anyrest.create_app(settings=slow),
        "mail": mail,
    }
    with ExitStack() as stack:
        urls = {channel: stack.enter_context(serving(app)) for channel, app in apps.items()}
        served = stack.enter_context(serving_partner(folder / "x12"))
        x12 = FileSide(served.partner, served.sftp_port, served.host_key, served.uploads, "x12")
        files = {"x12": x12, "files": stack.enter_context(_serving_files(folder / "files"))}
        yield Partners(urls, files, mail_partner.partner_of(mail))


@contextmanager
def _serving_files(folder: Path) -> Iterator[FileSide]:
    partner, uploads, access = FilePartner(folder), UploadFaults(), SftpAccess(*ACCOUNT)
    with serving_sftp(folder, access, TransferFaults(), uploads=uploads) as port:
        yield FileSide(partner, port, public_line(access.host_key), uploads, "fil")
