"""Makes the project's environment in `.venv`, for the Makefile; run by a bare Python, so the standard library only.

Creates the environment, installs uv into it, and has uv install exactly what `uv.lock` says. A stamp with the hash of
both project files makes the next run instant; a file lock lets two `make` in the same tree share one installation.
"""

import fcntl
import hashlib
import os
import ssl
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ENVIRONMENT = PROJECT / ".venv"
UV_REQUIREMENT = "uv>=0.8,<1"


def main() -> None:
    """Bring the environment to what the lock file says; exits with a remedy when that is impossible."""
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / ".bootstrap.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = ENVIRONMENT / ".bootstrap.stamp"
        wanted = _fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        try:
            _install()
        except subprocess.CalledProcessError as error:
            sys.exit(f"setting up {ENVIRONMENT} failed: `{' '.join(error.cmd)}` ended with code {error.returncode}")
        stamp.write_text(wanted)


def _fingerprint() -> str:
    """What the environment depends on: the interpreter, the place, and the two project files."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {PROJECT}".encode())
    for name in ("pyproject.toml", "uv.lock"):
        digest.update((PROJECT / name).read_bytes())
    return digest.hexdigest()


def _install() -> None:
    python, uv = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "bin" / "uv"
    if not python.exists():
        _say(f"creating {ENVIRONMENT.name} with Python {sys.version_info.major}.{sys.version_info.minor}")
        _create_environment()
    if not uv.exists():
        _say("installing uv")
        _run([str(python), "-m", "ensurepip", "--upgrade"], quiet=True)
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV_REQUIREMENT])
    _say("installing what uv.lock says")
    # Inexact: uv itself lies in the environment and is in no lock file. Compiled, or where Python is told to write no
    # bytecode every start of a process compiles all libraries: six seconds instead of two and a half.
    sync = [str(uv), "sync", "--locked", "--inexact", "--compile-bytecode", "--quiet", "--python", str(python)]
    _run(sync)


def _create_environment() -> None:
    try:
        venv.create(ENVIRONMENT, with_pip=True)
    except subprocess.CalledProcessError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"this Python has no ensurepip: on Debian and Ubuntu, `apt-get install python{version}-venv`, "
            f"then remove {ENVIRONMENT} and try again"
        )


def _run(command: list[str], *, quiet: bool = False) -> None:
    settings = {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT), "UV_PYTHON_DOWNLOADS": "never"}
    if ssl.get_default_verify_paths().cafile:  # what a company's proxy signs with is believed by the machine, not by uv
        settings["UV_SYSTEM_CERTS"] = "true"
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    output = subprocess.DEVNULL if quiet else None
    subprocess.run(command, cwd=PROJECT, env=environment | settings, stdout=output, check=True)  # noqa: S603


def _say(message: str) -> None:
    sys.stderr.write(f"setup: {message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
