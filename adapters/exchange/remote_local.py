"""A partner's folders on this machine, or mounted here: what an AS2 or managed-transfer program leaves and takes."""

import errno
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from adapters.errors import Refused, Unavailable
from adapters.exchange.remote_types import RemoteEntry, entry_of

_SAID_NO = {errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.EACCES: "forbidden", errno.EROFS: "forbidden"}


class LocalRemote:
    """``RemoteTransport`` over the file system."""

    def entries(self, folder: str) -> list[RemoteEntry]:
        """List the files."""
        try:
            found = [(path.name, self.describe(str(path))) for path in Path(folder).iterdir()]
        except OSError as error:
            raise Unavailable(f"the folder can't be read ({type(error).__name__})", code="no_folder") from None
        return [entry for _, entry in found if entry is not None]

    def describe(self, path: str) -> RemoteEntry | None:
        """Look; a link is no file, wherever it leads."""
        try:
            facts = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _told(error) from None
        if not Path(path).is_file() or Path(path).is_symlink():
            return None
        return entry_of(Path(path).name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def has_folder(self, path: str) -> bool:
        """Look."""
        return Path(path).is_dir()

    def make_folder(self, path: str) -> None:
        """Make it."""
        try:
            Path(path).mkdir(exist_ok=True)
        except OSError as error:
            raise _told(error) from None

    def write(self, path: str, body: bytes) -> None:
        """Write, and wait for the disk."""
        try:
            with open(path, "wb", opener=_without_links) as opened:
                opened.write(body)
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            raise _told(error) from None

    def rename(self, source: str, target: str) -> None:
        """Rename, and wait for the folder's entry."""
        try:
            Path(source).rename(target)
            folder = os.open(Path(target).parent, os.O_RDONLY)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _told(error) from None
        with suppress(OSError):  # not every mounted file system can
            os.fsync(folder)
        os.close(folder)

    def remove(self, path: str) -> bool:
        """Remove."""
        try:
            Path(path).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _told(error) from None
        return True

    def read(self, path: str, limit: int) -> bytes:
        """Read."""
        try:
            with open(path, "rb", opener=_without_links) as opened:
                return opened.read(limit)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _told(error) from None

    def close(self) -> None:
        """Nothing is held open between calls."""


def _without_links(path: str, flags: int) -> int:
    """Open a file itself: a partner with the folder's rights must not have us write, or read, elsewhere."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _told(error: OSError) -> Refused | Unavailable:
    if code := _SAID_NO.get(error.errno or 0):
        return Refused(f"the exchange's folder: it says no ({code})", code=code)
    return Unavailable(f"the exchange's folder can't be used ({type(error).__name__})")
