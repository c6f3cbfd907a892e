"""How files are put up, settled, picked up and put away, over any transport: the order of the steps is the safety."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from adapters.errors import AdapterError, AuthenticationFailed, Doubtful, NotSent, Refused, Unavailable, UnexpectedReply
from adapters.exchange.remote_names import free_names, is_complete, matches, readable
from adapters.exchange.remote_settings import RemoteSettings
from adapters.exchange.remote_types import LARGEST, RemoteEntry, RemoteTimeouts, RemoteTransport, Settled

_NO_TIME = datetime.min.replace(tzinfo=UTC)


class CheckedFolder:
    """``adapters.exchange.remote.RemoteFolder`` over a transport."""

    def __init__(
        self,
        settings: RemoteSettings,
        transport: RemoteTransport,
        timeouts: RemoteTimeouts,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._timeouts = timeouts
        self._sleep = sleep

    def upload(self, name: str, body: bytes, *, about_to_rename: Callable[[], None] | None = None) -> None:
        """Write under the temporary name, see that all of it is there, and rename."""
        began = time.monotonic()
        with _nothing_left():
            is_there = self._is_there(name, body)
            if not is_there:
                self._write(name, body)
        if not is_there:
            if time.monotonic() - began > self._timeouts.upload:  # whoever waited for us may have given up
                raise NotSent(f"{self._label}: the upload took too long", code="stalled")
            if about_to_rename is not None:
                about_to_rename()
            self._rename(name, body)
        with _in_doubt("the marker"):
            self._mark(name)

    def settle(self, name: str, body: bytes, *, renamed: bool = True) -> Settled:
        """Look for the file, for what the partner has taken, and for the temporary file, in this order, twice.

        A temporary file that we could remove proves that there was no rename and will be none. Where nothing is left,
        the partner may have taken it, unless a rename was never asked for.
        """
        with _asked():
            for _ in range(2):
                if (same := self._compared(self._final(name), body)) is not None:
                    return self._found(name) if same else Settled.UNSURE
                if (taken := self._taken(name, body)) is not None:
                    return Settled.THERE if taken else Settled.UNSURE
                if self._transport.remove(self._temporary(name)):
                    return Settled.ABSENT
            return Settled.UNSURE if renamed else Settled.ABSENT

    def ready(self, patterns: Sequence[str]) -> Iterator[RemoteEntry]:
        """Look, and for ``stable`` look again after a while: what grew in between is not complete."""
        with _asked():
            found = self._matching(patterns)
            if found and self._settings.ready == "stable":
                self._sleep(self._settings.settle_after.total_seconds())
                versions = {entry.name: entry.version for entry in found}
                found = [entry for entry in self._matching(patterns) if versions.get(entry.name) == entry.version]
        yield from sorted(found, key=lambda entry: (entry.modified_at or _NO_TIME, entry.name))

    def read(self, entry: RemoteEntry) -> bytes:
        """Read it between two looks."""
        path = self._settings.place(self._settings.inbox, entry.name)
        with _asked():
            if (entry.size or 0) > LARGEST:
                raise UnexpectedReply(f"{self._label}: a document above {LARGEST} bytes", code="too_large")
            try:
                self._unchanged(path, entry)
                body = self._transport.read(path, LARGEST + 1)
                now = self._unchanged(path, entry)
            except FileNotFoundError:
                raise _changed(self._label) from None
            except Refused as refusal:
                if refusal.code == "unknown_host_key":
                    raise
                raise UnexpectedReply(f"{self._label}: a file may not be read", code="not_readable") from None
        if len(body) > LARGEST:
            raise UnexpectedReply(f"{self._label}: a document above {LARGEST} bytes", code="too_large")
        if now.size is not None and len(body) != now.size:
            raise _changed(self._label)
        return body

    def move(self, entry: RemoteEntry, folder: str) -> None:
        """Move its marker first: one that is left without its file would call the next one of that name complete."""
        with _asked():
            now = self._transport.describe(self._settings.place(self._settings.inbox, entry.name))
            if now is not None and now.version != entry.version:
                return
            if self._settings.ready == "done-file":
                for marker in self._markers(entry.name):
                    self._move(marker, folder, entry.version)
            if now is not None:
                self._move(entry.name, folder, entry.version)

    def check(self) -> list[str]:
        """Look for the folders that the partner has to provide."""
        needed = {"outbox": self._settings.outbox, "inbox": self._settings.inbox}
        if self._settings.partner_archive:
            needed["partner_archive"] = self._settings.partner_archive
        with _asked():
            return [name for name, path in needed.items() if not self._transport.has_folder(self._settings.place(path))]

    def probe(self) -> None:
        """List the inbox."""
        with _asked():
            self._transport.entries(self._settings.place(self._settings.inbox))

    def close(self) -> None:
        """Give back the connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def _label(self) -> str:
        return self._settings.label

    def _final(self, name: str) -> str:
        return self._settings.place(self._settings.outbox, name)

    def _temporary(self, name: str) -> str:
        return self._settings.place(self._settings.outbox, f".{name}.tmp")

    def _rename(self, name: str, body: bytes) -> None:
        try:
            self._transport.rename(self._temporary(name), self._final(name))
        except NotSent:  # the connection was gone, and there was no other
            raise
        except Refused as refusal:
            self._explain(refusal, name, body)
        except (AdapterError, FileNotFoundError) as error:
            raise _doubtful("the rename", error) from None

    def _mark(self, name: str) -> None:
        """Say that the file is complete, where the partner waits for that."""
        if self._settings.outbox_marker:
            self._transport.write(self._final(name + self._settings.outbox_marker), b"")

    def _found(self, name: str) -> Settled:
        self._mark(name)
        return Settled.THERE

    def _is_there(self, name: str, body: bytes) -> bool:
        same = self._compared(self._final(name), body)
        if same is False:
            raise Doubtful(f"{self._label}: another file has the document's name", code="name_taken")
        return bool(same)

    def _write(self, name: str, body: bytes) -> None:
        path = self._temporary(name)
        try:
            self._transport.write(path, body)
        except Refused:
            with suppress(AdapterError):  # a full disk: what lies there is of no use to anybody
                self._transport.remove(path)
            raise
        written = self._transport.describe(path)
        if written is None or written.size not in (None, len(body)):
            raise Unavailable(f"{self._label}: not all of the document was kept", code="short_write")

    def _explain(self, refusal: Refused, name: str, body: bytes) -> None:
        """Find out what a refused rename means: the file may lie there from another attempt of ours."""
        with _in_doubt("the look after a refused rename"):
            is_there = self._is_there(name, body)
        if not is_there:
            raise NotSent(f"{self._label}: the rename was refused", code=refusal.code)

    def _compared(self, path: str, body: bytes) -> bool | None:
        """Say whether a file has these bytes; None where there is none. Where it may not be read, its size must do."""
        there = self._transport.describe(path)
        if there is None:
            return None
        if there.size not in (None, len(body)):
            return False
        try:
            return self._transport.read(path, len(body) + 1) == body
        except Refused:
            return there.size == len(body)
        except FileNotFoundError:
            return None

    def _taken(self, name: str, body: bytes) -> bool | None:
        """Say whether the partner has taken these bytes; False where it has others of that name, None where neither."""
        folder = self._settings.partner_archive
        return self._compared(self._settings.place(folder, name), body) if folder else None

    def _matching(self, patterns: Sequence[str]) -> list[RemoteEntry]:
        entries = {entry.name: entry for entry in self._transport.entries(self._settings.place(self._settings.inbox))}
        found = [entry for name, entry in entries.items() if is_complete(name) and matches(readable(name), patterns)]
        if self._settings.ready != "done-file":
            return found
        return [entry for entry in found if any(marker in entries for marker in self._markers(entry.name))]

    def _markers(self, name: str) -> tuple[str, ...]:
        """Name the twins that say that a file is complete: ``a.csv.done``, or ``a.done``."""
        marker = self._settings.done_marker
        if name.endswith(marker):
            return ()
        return tuple(dict.fromkeys((name + marker, PurePosixPath(name).stem + marker)))

    def _unchanged(self, path: str, entry: RemoteEntry) -> RemoteEntry:
        now = self._transport.describe(path)
        if now is None or now.version != entry.version:
            raise _changed(self._label)
        return now

    def _move(self, name: str, folder: str, version: str) -> None:
        source = self._settings.place(self._settings.inbox, name)
        for target in free_names(name, version):
            path = self._settings.place(folder, target)
            if self._transport.describe(path) is not None:
                continue
            with suppress(Refused):  # somebody was faster with that name
                self._rename_into(source, path)
                return
        raise Unavailable(f"{self._label}: too many files of one name and version in {folder}", code="move_refused")

    def _rename_into(self, source: str, target: str) -> None:
        try:
            self._transport.rename(source, target)
        except FileNotFoundError:
            if self._transport.describe(source) is None:
                return  # moved already
            self._make_folders(PurePosixPath(target).parent)
            try:
                self._transport.rename(source, target)
            except FileNotFoundError:
                raise Unavailable(f"{self._label}: no folder to move to", code="no_folder") from None

    def _make_folders(self, folder: PurePosixPath) -> None:
        """Make what is missing of a folder, from the top. Whether it is there now the next rename says."""
        for part in (*reversed(folder.parents), folder):
            if not self._transport.has_folder(str(part)):
                with suppress(Refused, FileNotFoundError):
                    self._transport.make_folder(str(part))


@contextmanager
def _asked() -> Iterator[None]:
    """Say what a question may say: a refusal is an answer that does not help, and an unknown server is no server."""
    try:
        yield
    except Refused as refusal:
        if refusal.code == "unknown_host_key":
            raise AuthenticationFailed(str(refusal), code=refusal.code) from None
        raise Unavailable(str(refusal), code=refusal.code) from None


@contextmanager
def _nothing_left() -> Iterator[None]:
    """Say of every failure before the rename that nothing was sent."""
    try:
        with _asked():
            yield
    except (Unavailable, UnexpectedReply) as error:
        raise NotSent(str(error), code=error.code) from None


@contextmanager
def _in_doubt(what: str) -> Iterator[None]:
    """Say of every failure after the rename that the file may be there."""
    try:
        yield
    except Doubtful:
        raise
    except (AdapterError, FileNotFoundError) as error:
        raise _doubtful(what, error) from None


def _doubtful(what: str, error: Exception) -> Doubtful:
    code = error.code if isinstance(error, AdapterError) else "file_gone"
    return Doubtful(f"{what} went unanswered ({type(error).__name__})", code=code)


def _changed(label: str) -> UnexpectedReply:
    return UnexpectedReply(f"{label}: a file changed while it was read", code="changed_while_reading")
