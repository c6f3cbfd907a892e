"""Servers and clients on loopback for tests that need many of them, quickly."""

import ssl
from functools import partial

import httpx

from dropwright.testing.stage import Stage, stage

__all__ = ["HTTP", "Stage", "stage"]
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class HTTP:
    """httpx without certificate authorities: to load them takes longer than all else a call on loopback does."""

    get = staticmethod(partial(httpx.get, verify=_NO_TLS))
    post = staticmethod(partial(httpx.post, verify=_NO_TLS))
    delete = staticmethod(partial(httpx.delete, verify=_NO_TLS))
