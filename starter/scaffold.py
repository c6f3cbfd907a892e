"""A new adapter's package, written from templates: it works at once, against a supplier that was made up."""

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

SUFFIX = ".tmpl"
PACKAGE = "package"  # the folder of the templates that becomes the importable package
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 24
SHORTEST_NAMESPACE = 3  # characters that Shopify wants of a metafield's namespace


class BadNameError(ValueError):
    """A name that can't be an adapter's id; the message says what can."""


@dataclass(frozen=True)
class Naming:
    """Everything that is named after an adapter, from its id."""

    id: str

    @property
    def project(self) -> str:
        """The distribution, and the folder it is made in."""
        return f"dropwright-{self.id}"

    @property
    def module(self) -> str:
        """The importable package: prefixed, so that it collides with nobody's."""
        return self.project.replace("-", "_")

    def fill_in(self, text: str) -> str:
        """Replace the placeholders of a template."""
        words = [word.capitalize() for word in self.id.split("-")]
        values = {
            "PROJECT": self.project,
            "MODULE": self.module,
            "CLASS": "".join(words),
            "LABEL": " ".join(words),
            "NAMESPACE": self.id if len(self.id) >= SHORTEST_NAMESPACE else self.project,
            "ENV": self.id.replace("-", "_").upper(),
            "ID": self.id,
        }
        for placeholder, value in values.items():
            text = text.replace(f"@{placeholder}@", value)
        return text


def naming(name: str) -> Naming:
    """Name everything after an adapter. Raises BadNameError where the name can't be an id."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadNameError(
            f"an adapter is named in small letters, digits and single hyphens, beginning with a letter, "
            f"at most {LONGEST_NAME} characters, e.g. acme-trade"
        )
    return Naming(name)


def write_package(named: Naming, into: Path) -> list[Path]:
    """Write the package into a folder that is not there yet; returns its files, below it, sorted.

    Raises FileExistsError where the folder is there, before anything is written.
    """
    target = into / named.project
    target.mkdir(parents=True)
    written = []
    for template, relative in _templates(files("starter") / "templates" / "adapter", Path()):
        path = target / _renamed(relative, named)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(named.fill_in(template.read_text("utf-8")), "utf-8")
        written.append(path.relative_to(target))
    return sorted(written)


def _templates(folder: Traversable, below: Path) -> list[tuple[Traversable, Path]]:
    found: list[tuple[Traversable, Path]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _templates(entry, below / entry.name)
        elif entry.name.endswith(SUFFIX):
            found.append((entry, below / entry.name.removesuffix(SUFFIX)))
    return found


def _renamed(relative: Path, named: Naming) -> Path:
    parts = [named.module if part == PACKAGE else part for part in relative.parts]
    return Path(*(".gitignore" if part == "gitignore" else part for part in parts))
