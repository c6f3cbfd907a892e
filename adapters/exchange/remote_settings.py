"""Where documents are exchanged with a partner as files: one server, our outbox and our inbox on it."""

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from models.base import EnvironmentName, Span, StrictContract
from models.feed_sources import source_problem

SCHEMES = ("sftp", "ftp", "ftps", "file")
PORTS = {"sftp": 22, "ftp": 21, "ftps": 21, "file": 0}

Folder = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
HostKey = Annotated[
    str, StringConstraints(pattern=r"^(SHA256:[A-Za-z0-9+/]{43}=?|(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+)")
]


class RemoteSettings(StrictContract):
    """One partner's file server. Folders lie below the address's path, or are absolute where they begin with ``/``.

    ``sftp://host/~/edi`` lies below the account's home, and an address without a path where the login leads.
    """

    url: str = Field(max_length=300)  # sftp://host:port/path, ftp://, ftps:// (explicit TLS) or file:///path
    username: str = Field(default="", max_length=100)
    password_env: EnvironmentName | None = None  # with key_env: what opens the key
    key_env: EnvironmentName | None = None  # of SFTP: the private key itself
    host_keys: tuple[HostKey, ...] = ()  # of SFTP, pinned: "SHA256:…" fingerprints, or whole "ssh-ed25519 AAAA…" keys
    outbox: Folder = "in"  # where we put what the partner is to take: its inbox
    inbox: Folder = "out"  # where the partner puts what we are to take: its outbox
    archive: Folder = "out/archive"  # where we move what we have taken
    error: Folder = "out/error"  # where we move what could not be read
    partner_archive: Folder = ""  # where the partner keeps what it has taken from our outbox, under its name
    outbox_marker: str = Field(default="", max_length=20)  # e.g. ".done": put beside a file of ours once it is whole
    ready: Literal["stable", "done-file", "rename"] = "stable"
    settle_after: Span = timedelta(seconds=5)  # stable: how long size and time must stay the same, under our eyes
    done_marker: str = Field(default=".done", min_length=1, max_length=20)  # what a twin's name adds to its file's

    @field_validator("url")
    @classmethod
    def _url_can_be_used(cls, url: str) -> str:
        if urlsplit(url).scheme not in SCHEMES:
            raise ValueError("an address of sftp, ftp, ftps or file")
        if problem := source_problem(url):
            raise ValueError(problem)
        return url

    @field_validator("outbox", "inbox", "archive", "error", "partner_archive")
    @classmethod
    def _folder_stays_inside(cls, folder: str) -> str:
        if ".." in PurePosixPath(folder).parts:
            raise ValueError("`..` leads out of the folder")
        return folder

    @model_validator(mode="after")
    def _keys_belong_to_sftp(self) -> Self:
        if self.scheme == "sftp" and not self.host_keys:
            raise ValueError("SFTP needs host_keys: `ssh-keyscan HOST | ssh-keygen -lf -` shows them; compare first")
        if self.scheme != "sftp" and (self.host_keys or self.key_env):
            raise ValueError("host_keys and key_env belong to SFTP")
        if self.settle_after > timedelta(seconds=20):
            raise ValueError("settle_after: at most 20 s, because nobody is heard from meanwhile")
        if self.inbox in (self.archive, self.error):
            raise ValueError("archive and error folders must lie outside the inbox itself")
        return self

    @property
    def scheme(self) -> str:
        """The protocol."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """The server, or nothing for folders of this machine."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or PORTS[self.scheme]

    @property
    def label(self) -> str:
        """Name the server in messages."""
        return f"{self.scheme} server {self.host}" if self.host else "the exchange's folder"

    @property
    def user(self) -> str:
        """The account."""
        return self.username or unquote(urlsplit(self.url).username or "")

    def place(self, folder: str, name: str = "") -> str:
        """Make a path as this server takes it."""
        below = PurePosixPath(self._base) / folder
        return str(below / name if name else below)

    @property
    def _base(self) -> str:
        path = unquote(urlsplit(self.url).path)
        if self.scheme == "file":
            return path
        if self.scheme == "sftp":
            return "" if path == "/" else path.removeprefix("/~/")
        return path.removeprefix("/")
