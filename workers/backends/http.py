"""HTTP calls to model servers: one connection pool a server, failures as ``RemoteError``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from schemas.remote import RemoteCall
from workers.backends.extras import require
from workers.errors import RemoteError, RequestRefused

#: An answer holds probabilities or features of a batch; more than this is none.
_MAX_ANSWER_BYTES = 64_000_000
#: Statuses that may pass: too early, too many, and what proxies say of a server that restarts.
_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers``: by lower-case name."""

    headers: dict[str, str]
    body: bytes


class HttpServer:
    """One server's URL. For use from many threads. Redirects are not followed: a key would go
    along.
    """

    def __init__(self, rules: RemoteCall, key: SecretStr | None) -> None:
        """Raises ``ModelError`` where httpx is not installed."""
        self._httpx: Any = require("httpx", "remote")
        self.name = rules.url
        timeout_s = rules.timeout.total_seconds()
        self._timeout_s = timeout_s
        headers = {} if key is None else {"authorization": f"Bearer {key.get_secret_value()}"}
        limits = self._httpx.Limits(max_connections=rules.concurrency)
        self._client = self._httpx.Client(
            base_url=rules.url,
            headers=headers,
            timeout=self._httpx.Timeout(timeout_s),
            limits=limits,
            follow_redirects=False,
            # What a machine's proxy variables say must not decide where samples go.
            trust_env=False,
        )

    def get(self, path: str) -> Answer:
        """A resource. Raises ``RemoteError``."""
        return self._call("GET", path, b"", {})

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """An answer. Raises ``RemoteError``; ``RequestRefused`` for what is in the request."""
        return self._call("POST", path, body, headers)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        # httpx bounds each read; a server that sends byte by byte is bounded here.
        deadline_s = time.monotonic() + self._timeout_s
        try:
            with self._client.stream(method, path, content=body, headers=headers) as response:
                parts, size = [], 0
                for part in response.iter_bytes():
                    size += len(part)
                    if size > _MAX_ANSWER_BYTES:
                        raise RemoteError(
                            self.name, f"an answer of more than {_MAX_ANSWER_BYTES} bytes"
                        )
                    if time.monotonic() > deadline_s:
                        raise self._httpx.ReadTimeout("the whole answer took too long")
                    parts.append(part)
                self._check(response.status_code)
                return Answer(dict(response.headers), b"".join(parts))
        except self._httpx.TimeoutException:
            raise RemoteError(self.name, f"no answer within {self._timeout_s:g} s") from None
        except self._httpx.HTTPError as error:
            raise RemoteError(self.name, f"not reached ({type(error).__name__})") from None

    def _check(self, status: int) -> None:
        if 200 <= status < 300:
            return
        if status in _PASSING:
            raise RemoteError(self.name, f"answered with status {status}")
        if status in (400, 413, 422):
            raise RequestRefused(self.name, f"refused the request with status {status}")
        raise RemoteError(
            self.name,
            f"answered with status {status}; check its URL, the model's name and the key",
            retriable=False,
        )
