"""Credentials: the configuration names environment variables, and nobody but an adapter being built asks for their values."""

import os
from collections.abc import Callable

Secrets = Callable[[str], str]


class MissingSecretError(RuntimeError):
    """A credential that the configuration names is not in the environment; the message names the variable."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"the environment variable {variable} is not set, but the configuration names it")
        self.variable = variable


def environment_secret(name: str) -> str:
    """Read a credential by name. Raises MissingSecretError where it is not set."""
    value = secret_if_set(name)
    if not value:
        raise MissingSecretError(name)
    return value


def secret_if_set(name: str) -> str:
    """Read a credential by name, without the line break that the file it was read from ended with; "" where it is not set."""
    return os.environ.get(name, "").rstrip("\r\n")
