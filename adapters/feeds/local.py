"""Files in a folder of this machine, or of one that is mounted here."""

import stat
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from adapters.errors import Refused, Unavailable
from adapters.feeds.locations import Location
from adapters.feeds.transport import PIECE, changed
from models.feed_rows import RemoteFile


class LocalTransport:
    """A folder, or the one file that the source names. Links that lead out of the folder are not followed."""

    def __init__(self, location: Location, *, folder: bool) -> None:
        path = Path(location.path)
        named = folder or location.names_folder or path.is_dir()
        self._folder = path if named else path.parent
        self._only = None if named else path.name

    def only(self) -> str | None:
        """Name the one file of the source, if it is one."""
        return self._only

    def names(self) -> Mapping[str, RemoteFile | None]:
        """List the folder. A folder that is not there is Unavailable: perhaps it is not mounted."""
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except OSError as error:
            raise Unavailable(f"the feed's folder can't be read ({type(error).__name__})", code="no_folder") from None
        return {name: None for name in names if self._inside(name) is not None}

    def describe(self, name: str) -> RemoteFile | None:
        """Look at one file. Raises Refused where the source itself names a link that leads away."""
        path = self._inside(name)
        if path is None and name == self._only:
            raise Refused("the feed's file is a link out of its folder", code="outside_the_folder")
        try:
            found = path.stat() if path is not None else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the feed's file can't be read ({type(error).__name__})") from None
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
        return RemoteFile(name, found.st_size, modified_at, f"{found.st_size}-{found.st_mtime_ns}")

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read from the disk."""
        path = self._inside(file.name)
        if path is None:
            raise changed(file.name)
        try:
            with path.open("rb") as opened:
                opened.seek(offset)
                while piece := opened.read(PIECE):
                    yield piece
        except FileNotFoundError:
            raise changed(file.name) from None
        except OSError as error:
            raise Unavailable(f"the feed's file can't be read ({type(error).__name__})") from None

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _inside(self, name: str) -> Path | None:
        """Follow links to where a name leads; None where that is outside the folder."""
        path = (self._folder / name).resolve()
        return path if path.is_relative_to(self._folder.resolve()) else None
