"""A package that the scaffold made, built into a wheel and installed as a distribution of its own, without a network."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from starter.places import project_dir
from starter.scaffold import naming, write_package

BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


def install_scaffold(name: str, folder: Path) -> Path:
    """Make a package, build its wheel, and lay it into a site folder, as installers do; returns that folder."""
    named = naming(name)
    write_package(named, folder)
    wheels, site = folder / "wheels", folder / "site"
    subprocess.run([sys.executable, "-c", BUILD, str(wheels)], cwd=folder / named.project, check=True)
    (wheel,) = wheels.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def environment_with(site: Path) -> dict[str, str]:
    """The environment of a process that has the site folder's distributions beside ours."""
    return os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{project_dir()}"}
