"""Somebody else's wheel that brings a package of one of our names: found before it answers in our place.

Our packages lie at the top level under plain words. A wheel with a package of the same name is laid into the same folder,
and files of one overwrite those of the other without a word from the installer.
"""

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path

OUR_DISTRIBUTION = "dropwright"
OUR_NAMES = (
    "activities",
    "adapters",
    "dropwright",
    "models",
    "sandbox",
    "starter",
    "worker",
    "workflows",
)


def collisions() -> tuple[str, ...]:
    """Name each distribution that brings a package of our names, with the remedy; empty where all is well."""
    return _collisions(tuple((folder, _changed_at(folder)) for folder in sys.path))


def _changed_at(folder: str) -> int:
    """Say when something was last installed into a folder of the path; 0 where it is none."""
    path = Path(folder)
    return path.stat().st_mtime_ns if path.is_dir() else 0


@lru_cache(maxsize=4)
def _collisions(_path: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    return tuple(describe_collisions(packages_distributions()))


def describe_collisions(brought: Mapping[str, Iterable[str]]) -> Iterable[str]:
    """Read top-level name -> distributions, as ``packages_distributions`` tells them."""
    rivals: dict[str, list[str]] = {}
    for name in OUR_NAMES:
        for distribution in sorted(set(brought.get(name, ())) - {OUR_DISTRIBUTION}):
            rivals.setdefault(distribution, []).append(name)
    for distribution, names in rivals.items():
        yield (
            f"distribution {distribution} brings a top-level package {', '.join(names)}, which is Dropwright's own: "
            f"uninstall it, install Dropwright again (`pip install --force-reinstall --no-deps dropwright`), and keep "
            f"{distribution} in an environment of its own; a supplier's package is best named dropwright_NAME"
        )
