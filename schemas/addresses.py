"""Addresses of servers as settings name them: what they have to be, and how one is shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

MAX_PORT = 65_535
_SCHEMES = ("redis", "rediss", "unix")
#: How a URL of Redis begins, as a pattern and in words.
REDIS_PATTERN = "^(redis|rediss|unix)://"
_BEGINNINGS = "redis://, rediss:// or unix://"


def check_ports(bootstrap: str) -> str:
    """The same ``host:port,…``; raises ``ValueError`` where there is no such port."""
    for address in bootstrap.split(","):
        if not 1 <= int(address.rpartition(":")[2]) <= MAX_PORT:
            raise ValueError(f"expected ports from 1 to {MAX_PORT}, got {address}")
    return bootstrap


def check_redis_url(url: str) -> str:
    """The same URL; raises ``ValueError`` for one that leads to no server or database.

    The message repeats no part that a password may be in.
    """
    scheme, colon, _ = url.partition("://")
    if not colon or scheme not in _SCHEMES:
        got = f"{scheme}://" if colon and scheme.isalpha() else "another text"
        raise ValueError(f"expected a URL that begins with {_BEGINNINGS}, got {got}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"expected a port from 1 to {MAX_PORT} in the URL, got another")
    if re.search(r"\s", url) or not (parts.path if scheme == "unix" else parts.hostname):
        where = "unix:///path" if scheme == "unix" else f"{scheme}://host:port/database"
        raise ValueError(f"expected {where} without spaces, got a URL without it or with some")
    if scheme != "unix" and re.fullmatch(r"/?|/[0-9]{1,6}", parts.path) is None:
        # The client would take database 0.
        raise ValueError("expected a database by its number in the URL, got another text")
    return url


def mask_url(url: str) -> str:
    """The URL with its password replaced, before the host or in the query.

    >>> mask_url("redis://me:secret@cache:6379/0")
    'redis://me:***@cache:6379/0'
    """
    parts = urlsplit(url)
    netloc, query = parts.netloc, re.sub(r"(?<![^&])(password=)[^&]*", r"\1***", parts.query)
    if parts.password is not None:
        netloc = f"{parts.username or ''}:***@{netloc.rpartition('@')[2]}"
    if (netloc, query) == (parts.netloc, parts.query):
        return url
    return urlunsplit(parts._replace(netloc=netloc, query=query))
