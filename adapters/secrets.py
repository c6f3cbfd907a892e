"""Credentials: the configuration names environment variables, and nobody but an adapter being built asks for their values."""

import os
from collections.abc import Callable

Secrets = Callable[[str], str]


class MissingSecretError(RuntimeError):
    """A credential that the configuration names is not in the environment; the message names the variable."""


def environment_secret(name: str) -> str:
    """Read a credential by name. Raises MissingSecretError where it is not set."""
    value = os.environ.get(name, "")
    if not value:
        raise MissingSecretError(f"the environment variable {name} is not set, but the configuration names it")
    return value
