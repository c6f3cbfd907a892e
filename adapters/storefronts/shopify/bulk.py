"""Publishing many changes: files of calls, one per line, that Shopify works through by itself.

A file is one bulk operation of one kind of write. The operation runs a document whose name says what it is:
``Publish_quantities_0_<32 digits>``, the digits following from the attempt's key and the file's content. So an operation
whose start was never confirmed is found again among the recent ones; and should it run twice, the lines' idempotency
keys and absolute values make the second run change nothing.

Shopify's results name a refused item only by line and place, so the changes are cut into the same lines once more to
find out which variant it was; the operation's id as we give it carries what that needs.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from typing import IO, Any, NamedTuple, Self

from pydantic import ValidationError

from adapters.errors import Refused, Throttled, Unavailable, UnexpectedReply
from adapters.storefronts.shopify import documents, writes
from adapters.storefronts.shopify.files import Files
from adapters.storefronts.shopify.listing_replies import (
    BulkStanding,
    BulkStarted,
    RecentBulk,
    RecentBulks,
    UploadReserved,
    UploadTarget,
)
from adapters.storefronts.shopify.replies import Page, UserError
from adapters.storefronts.shopify.transport import ShopifyApi, all_of, gid, number_of
from adapters.storefronts.shopify.writes import Batcher, Kind
from models.listings import BulkResult, BulkState, ListingChange, ListingRefusal

MAX_FILE = 95_000_000  # bytes; Shopify takes 100 MB
RECENT = 200  # bulk operations that are looked through for ours
WAIT = timedelta(seconds=30)  # for one of the five operations that may run at once to end
_LINE_BYTES = 150  # more than what stands around the changes of a line ever takes,
_CHANGE_BYTES = {Kind.QUANTITIES: 200, Kind.PRICES: 100, Kind.WORDS: 230}  # and a change, without its words
_NAME = re.compile(r"Publish_[a-z]+_\d+_([0-9a-f]{32})\b")
_BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
_PASSING = frozenset({"INTERNAL_FILE_SERVER_ERROR", "NO_SUCH_FILE"})
_UNDER_WAY = frozenset({"CREATED", "RUNNING", "CANCELING"})


class OperationId(NamedTuple):
    """A bulk operation as we name it to our side: Shopify's number, what it writes, and the digest of its changes."""

    number: str
    kind: Kind
    part: int
    content: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what ``str`` wrote. Raises Refused for anything else."""
        try:
            number, kind, part, content = text.split(".")
            return cls(number, Kind(kind), int(part), content)
        except ValueError:
            raise Refused("bulk: not the id of a bulk operation of ours", code="unknown_operation") from None

    def __str__(self) -> str:
        """Write it, as the caller keeps it."""
        return f"{self.number}.{self.kind}.{self.part}.{self.content}"


@dataclass
class Part:
    """The changes of one file, as far as they identify it."""

    kind: Kind
    number: int = 0
    lines: int = 0
    weight: int = 0
    content: Any = field(default_factory=sha256)

    def takes(self, batch: list[ListingChange]) -> bool:
        """Say whether one more line fits."""
        return not self.lines or self.weight + self._weight(batch) <= MAX_FILE

    def add(self, batch: list[ListingChange]) -> int:
        """Count a line in; return its number."""
        self.weight += self._weight(batch)
        self.content.update("".join(f"{one.variant_id}\n" for one in batch).encode())
        self.lines += 1
        return self.lines - 1

    def digest(self) -> str:
        """Name the variants and their order: 24 hexadecimal digits."""
        return str(self.content.hexdigest()[:24])

    def _weight(self, batch: list[ListingChange]) -> int:
        # Bounds that depend on the changes alone: so the result's reader cuts them as the writer did.
        words = sum(6 * len(one.words or "") for one in batch) if self.kind is Kind.WORDS else 0
        return _LINE_BYTES + _CHANGE_BYTES[self.kind] * len(batch) + words


@dataclass
class FileWriter:
    """Writes the files of one kind. A context manager: what is not launched is deleted."""

    kind: Kind
    location: str
    key: str
    batcher: Batcher = field(init=False)
    part: Part = field(init=False)
    file: IO[bytes] = field(init=False)
    written: Any = field(default_factory=sha256)

    def __post_init__(self) -> None:
        """Open the first file."""
        self.batcher, self.part = Batcher(self.kind), Part(self.kind)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the file."""
        self.file.close()

    def write(self, batch: list[ListingChange]) -> None:
        """Write one line."""
        self.part.add(batch)
        variables = writes.variables(self.kind, self.location, batch, self.key)
        line = json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self.written.update(line)
        self.file.write(line)

    def next_part(self) -> None:
        """Begin the next file."""
        self.part, self.written = Part(self.kind, self.part.number + 1), sha256()
        self.file.seek(0)
        self.file.truncate()


def publish(api: ShopifyApi, files: Files, location: str, changes: Iterable[ListingChange], key: str) -> list[str]:
    """Start one bulk operation per file, those excepted that run already; return their ids.

    Raises Throttled where as many operations run as may: the same call again goes on from there.
    """
    launch = _Launch(api, files, location, key, _known(api))
    with (
        FileWriter(Kind.QUANTITIES, location, key) as quantities,
        FileWriter(Kind.PRICES, location, key) as prices,
        FileWriter(Kind.WORDS, location, key) as words,
    ):
        writers = (quantities, prices, words)
        for change in changes:
            for writer in writers:
                full = writer.batcher.add(change)
                if full:
                    launch.write(writer, full)
        for writer in writers:
            launch.finish(writer)
    return [str(started) for started in launch.started]


def result(api: ShopifyApi, files: Files, operation_id: str, changes: Iterable[ListingChange]) -> BulkResult:
    """Ask how an operation stands; once it is done, read what it was refused, and find out for which variants."""
    wanted = OperationId.read(operation_id)
    standing = api.run(documents.BULK_STATE, BulkStanding, id=gid("BulkOperation", wanted.number)).bulk_operation
    if standing is None:
        return BulkResult(state=BulkState.FAILED, code="unknown_operation")
    done = _count(standing.object_count)
    if standing.status in _UNDER_WAY:
        return BulkResult(state=BulkState.RUNNING, done=done)
    if standing.status != "COMPLETED":
        code = (standing.error_code or standing.status).lower()
        return BulkResult(state=BulkState.FAILED, done=done, code=code)
    if not standing.url:  # an operation of ours has a line at least, and so an answer
        return BulkResult(state=BulkState.FAILED, done=done, code="no_result")
    size = int(standing.file_size) if standing.file_size else None
    refused = dict(_refused_lines(files.lines(standing.url, size), wanted.kind))
    return _completed(wanted, done, refused, changes)


@dataclass
class _Launch:
    """Turns written files into operations."""

    api: ShopifyApi
    files: Files
    location: str
    key: str
    known: dict[str, str]  # tag -> number
    started: list[OperationId] = field(default_factory=list)

    def write(self, writer: FileWriter, batch: list[ListingChange]) -> None:
        if not writer.part.takes(batch):
            self._start(writer)
            writer.next_part()
        writer.write(batch)

    def finish(self, writer: FileWriter) -> None:
        last = writer.batcher.take()
        if last:
            self.write(writer, last)
        if writer.part.lines:
            self._start(writer)

    def _start(self, writer: FileWriter) -> None:
        part = writer.part
        tag = writes.digest(self.key, part.kind, str(part.number), writer.written.hexdigest())
        number = self.known.get(tag) or self._run(writer, tag)
        self.started.append(OperationId(number, part.kind, part.number, part.digest()))

    def _run(self, writer: FileWriter, tag: str) -> str:
        name = f"Publish_{writer.kind}_{writer.part.number}_{tag}"
        path = self._upload(f"{name}.jsonl", writer.file)
        document = re.sub(r"mutation \w+", f"mutation {name}", writes.DOCUMENTS[writer.kind], count=1)
        reply = self.api.run(documents.RUN_BULK, BulkStarted, mutation=document, path=path, identifier=tag)
        started = reply.bulk_operation_run_mutation
        if started.user_errors:
            _raise_not_started(writes.code_of(started.user_errors[0]))
        if started.bulk_operation is None:
            raise UnexpectedReply("RunBulk: neither an operation nor an error", code="reply_unreadable")
        return number_of(started.bulk_operation.id)

    def _upload(self, name: str, content: IO[bytes]) -> str:
        wanted = {
            "resource": "BULK_MUTATION_VARIABLES",
            "filename": name,
            "mimeType": "text/jsonl",
            "httpMethod": "POST",
        }
        target = _target(self.api.run(documents.RESERVE_UPLOAD, UploadReserved, input=[wanted]))
        form = [(one.name, one.value) for one in target.parameters]
        path = next((value for field_name, value in form if field_name == "key"), None)
        if path is None:
            raise UnexpectedReply("ReserveUpload: no path for the file", code="reply_unreadable")
        content.seek(0)
        self.files.upload(target.url, form, name, content)
        return path


def _target(reply: UploadReserved) -> UploadTarget:
    reserved = reply.staged_uploads_create
    if reserved.user_errors:
        raise Refused("ReserveUpload: Shopify refused", code=writes.code_of(reserved.user_errors[0]))
    if not reserved.staged_targets:
        raise UnexpectedReply("ReserveUpload: neither a target nor an error", code="reply_unreadable")
    return reserved.staged_targets[0]


def _known(api: ShopifyApi) -> dict[str, str]:
    """Find the operations of ours among the recent ones, by the names of the documents they run."""

    def fetch(after: str | None) -> Page[RecentBulk]:
        return api.run(documents.RECENT_BULKS, RecentBulks, after=after).bulk_operations

    named = ((_NAME.search(found.query), number_of(found.id)) for found in islice(all_of(fetch), RECENT))
    return {name[1]: number for name, number in named if name}


def _raise_not_started(code: str) -> None:
    if code in _BUSY:
        raise Throttled("RunBulk: as many bulk operations run as may", code=code, retry_after=WAIT)
    if code in _PASSING:
        raise Unavailable("RunBulk: Shopify can't read the file yet", code=code)
    raise Refused("RunBulk: Shopify refused", code=code)


def _refused_lines(answers: Iterable[bytes], kind: Kind) -> Iterator[tuple[int, tuple[UserError, ...]]]:
    for answer in answers:
        if answer.strip():
            number, errors = _read_line(answer, kind)
            if errors:
                yield number, errors


def _read_line(line: bytes, kind: Kind) -> tuple[int, tuple[UserError, ...]]:
    """Read one answer: its line in the file that was sent, from 0, and what was refused."""
    try:
        answer = json.loads(line)
        outcome = (answer.get("data") or {}).get(writes.FIELDS[kind])
        number = int(answer["__lineNumber"])
        if outcome is None:
            return number, (UserError(code="graphql_error"),)
        return number, tuple(UserError.model_validate(error) for error in outcome["userErrors"])
    except (ValueError, LookupError, TypeError, AttributeError, ValidationError):
        # An answer that was cut off looks like this too, and comes whole the next time.
        raise Unavailable("DownloadFile: a line is not as expected", code="reply_broken") from None


def _completed(
    wanted: OperationId, done: int, refused: dict[int, tuple[UserError, ...]], changes: Iterable[ListingChange]
) -> BulkResult:
    if not refused:
        return BulkResult(state=BulkState.DONE, done=done)
    named: dict[str, str] = {}
    part = Part(wanted.kind)
    for part, line, batch in _lines(wanted.kind, changes, wanted.part):  # noqa: B007 - the last one is judged below
        if line in refused:
            named |= writes.refusals(wanted.kind, refused[line], batch)
    if part.digest() != wanted.content:
        return BulkResult(state=BulkState.FAILED, done=done, code="other_changes")
    found = tuple(ListingRefusal(variant_id=variant_id, code=code) for variant_id, code in named.items())
    return BulkResult(state=BulkState.DONE, done=done, refusals=found)


def _lines(
    kind: Kind, changes: Iterable[ListingChange], wanted: int
) -> Iterator[tuple[Part, int, list[ListingChange]]]:
    """Cut the changes as the writer did; give the lines of one file."""
    part, batcher = Part(kind), Batcher(kind)
    for batch in _batches(batcher, changes):
        if not part.takes(batch):
            part = Part(kind, part.number + 1)
        if part.number > wanted:
            return
        line = part.add(batch)
        if part.number == wanted:
            yield part, line, batch


def _batches(batcher: Batcher, changes: Iterable[ListingChange]) -> Iterator[list[ListingChange]]:
    for change in changes:
        full = batcher.add(change)
        if full:
            yield full
    last = batcher.take()
    if last:
        yield last


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else 0
