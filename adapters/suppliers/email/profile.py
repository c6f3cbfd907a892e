"""What is configured of a supplier that is ordered from by mail: `[suppliers.NAME.profile]`."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from models.base import EnvironmentName, Interval, Span, StrictContract
from models.configuration import MailAddress

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Folder = Annotated[str, StringConstraints(pattern=r"^[ !#-\[\]-~]{1,200}$")]  # as the server spells it
Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*\.[a-z0-9-]{2,}$", max_length=253)]
Phrase = Annotated[str, StringConstraints(min_length=2, max_length=60, to_lower=True, strip_whitespace=True)]

# Providers at which anybody has an address, by the first word of their domains, and others by all of it.
PUBLIC_NAMES = frozenset(
    "gmail googlemail hotmail outlook live msn yahoo ymail rocketmail icloud aol gmx proton protonmail yandex".split()
)
PUBLIC_DOMAINS = frozenset(
    "me.com mac.com mail.com mail.ru web.de t-online.de freenet.de arcor.de orange.fr wanadoo.fr free.fr sfr.fr "
    "laposte.net libero.it virgilio.it tiscali.it alice.it tin.it telefonica.net terra.es btinternet.com comcast.net "
    "qq.com foxmail.com 163.com 126.com yeah.net sina.com sohu.com naver.com zoho.com fastmail.com hey.com".split()
)


def is_public(domain: str) -> bool:
    """Say whether anybody may have an address of a domain, so that it names no company."""
    return domain.lower() in PUBLIC_DOMAINS or domain.lower().partition(".")[0] in PUBLIC_NAMES


class Smtp(StrictContract):
    """Where purchase orders are handed over: submission, with STARTTLS unless it is turned off."""

    host: Host
    port: Port = 587
    starttls: bool = True
    username: str | None = None
    password_env: EnvironmentName | None = None


class Imap(StrictContract):
    """The mailbox that answers come to, and where mails go once they are in our books."""

    host: Host
    port: Port = 993
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str
    password_env: EnvironmentName
    folder: Folder = "INBOX"
    put_away: Literal["move", "leave"] = "move"  # leave: mails stay where they are, and we keep count
    archive: Folder = "Archive"
    errors: Folder = "Errors"
    sent: Folder | None = None  # where the provider keeps what was sent: proof that an order has left
    append_sent: bool = False  # put what was taken over there ourselves, where the provider does not

    @model_validator(mode="after")
    def _folders_serve_their_purpose(self) -> Self:
        if self.append_sent and self.sent is None:
            raise ValueError("append_sent needs the folder's name: sent")
        if self.put_away == "move" and self.folder in (self.archive, self.errors):
            raise ValueError("archive and errors must be other folders than the one that answers come to")
        return self


class Trust(StrictContract):
    """Whose mails are believed. ``senders`` name the supplier; each mail must also be shown to be theirs."""

    senders: tuple[MailAddress | Domain, ...] = ()  # addresses or domains; none: where orders go, see ``senders`` below
    authserv_id: str | None = Field(default=None, min_length=1, max_length=253)  # of our own mail server's results
    allow_listed: tuple[MailAddress, ...] = ()  # believed without proof: anybody can write such a From


class Words(StrictContract):
    """A supplier's own phrases, beside the built-in ones of five languages."""

    accepted: tuple[Phrase, ...] = ()
    rejected: tuple[Phrase, ...] = ()
    backordered: tuple[Phrase, ...] = ()
    shipped: tuple[Phrase, ...] = ()


class EmailProfile(StrictContract):
    """One supplier that takes purchase orders by mail."""

    to: MailAddress
    test_to: MailAddress | None = None  # where test orders go; null: it takes none
    sender: MailAddress
    sender_name: str = Field(default="", max_length=80)
    reply_to: MailAddress | None = None  # where answers are asked for; null: the sender
    plus_address: bool = False  # ask for answers to reply_to with "+NUMBER" before its "@"
    account: str = Field(default="", max_length=40)  # our customer number there
    greeting: str = Field(default="", max_length=1_000)  # stands above the order
    attach: tuple[Literal["pdf", "csv"], ...] = Field(default=("pdf",), max_length=2)
    smtp: Smtp
    imap: Imap | None = None  # null: nobody reads answers; the supplier's page and people do
    trust: Trust = Trust()
    words: Words = Words()
    date_order: Literal["dmy", "mdy"] = "dmy"  # how 03/04/2026 is meant
    cancel: bool = False  # it takes note of mails that ask to cancel
    settled_after: Span = timedelta(minutes=5)  # within which the provider shows in Sent what it has taken
    acknowledges_within: Interval | None = None
    ships_within: Interval | None = None

    @property
    def answers_to(self) -> str:
        """The address that answers are asked for at, without a number."""
        return self.reply_to or self.sender

    @property
    def senders(self) -> frozenset[str]:
        """Addresses and domains of the supplier, in lower case: those named, else the domain that orders go to.

        Of a public provider's domain only the address itself is the supplier's.
        """
        domain = self.to.rpartition("@")[2]
        named = self.trust.senders or ((self.to if is_public(domain) else domain),)
        return frozenset(one.lower() for one in named)

    @property
    def domain(self) -> str:
        """Where our Message-IDs belong."""
        return self.sender.rpartition("@")[2]
