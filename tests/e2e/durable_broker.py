"""A broker that keeps its log: tansu on an object store of our own, so that it can be restarted.

The embedded broker has its log in memory. The one other engine that its program was built with is
S3; what it asks of S3 is little enough to be answered from a dictionary that outlives it.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from streams.stack import KafkaProcess, Stack, embedded_stack

_BUCKET = "tansu"
_STAMP = "Thu, 01 Jan 2026 00:00:00 GMT"
_ISO_STAMP = "2026-01-01T00:00:00.000Z"


class ObjectStore(ThreadingHTTPServer):
    """One bucket of S3 on the loopback: put, get, head, list and delete, with preconditions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        #: key -> content
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: An answer in one segment: a second one would wait 40 ms for the first's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: ObjectStore

    def handle(self) -> None:
        # A broker that is killed leaves its connections in the middle of a request.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: thousands of requests are no news."""

    def do_PUT(self) -> None:
        key, _ = self._key()
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.server.lock:
            known = self.server.objects.get(key)
            wanted, unwanted = self.headers.get("if-match"), self.headers.get("if-none-match")
            refused = (unwanted == "*" and known is not None) or (
                wanted is not None and (known is None or wanted != _etag(known))
            )
            if not refused:
                self.server.objects[key] = content
        self._answer(412 if refused else 200, b"", etag=_etag(content))

    def do_HEAD(self) -> None:
        self._get(body=False)

    def do_GET(self) -> None:
        _, query = self._key()
        if "list-type" in query:
            self._list(query)
        else:
            self._get(body=True)

    def do_DELETE(self) -> None:
        key, _ = self._key()
        with self.server.lock:
            self.server.objects.pop(key, None)
        self._answer(204)

    def _get(self, *, body: bool) -> None:
        key, _ = self._key()
        with self.server.lock:
            content = self.server.objects.get(key)
        if content is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>" if body else b"")
        elif self.headers.get("if-none-match") == _etag(content):
            self._answer(304, etag=_etag(content))
        else:
            self._answer(200, content, etag=_etag(content), body=body)

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        after = query.get("start-after", [""])[0]
        with self.server.lock:
            found = sorted(self.server.objects.items())
        folders: set[str] = set()
        rows: list[str] = []
        for key, content in found:
            rest = key[len(prefix) :]
            if not key.startswith(prefix) or key <= after:
                continue
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
                continue
            rows.append(
                f"<Contents><Key>{escape(key)}</Key><LastModified>{_ISO_STAMP}</LastModified>"
                f"<ETag>{escape(_etag(content))}</ETag><Size>{len(content)}</Size></Contents>"
            )
        rows += [
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>"
            for one in sorted(folders)
        ]
        self._answer(
            200,
            "<ListBucketResult><IsTruncated>false</IsTruncated>"
            f"{''.join(rows)}</ListBucketResult>".encode(),
        )

    def _key(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        key = unquote(parts.path).removeprefix(f"/{_BUCKET}").removeprefix("/")
        return key, parse_qs(parts.query, keep_blank_values=True)

    def _answer(
        self, status: int, content: bytes = b"", *, etag: str = "", body: bool = True
    ) -> None:
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", _STAMP)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


class DurableKafka(KafkaProcess):
    """``tansu`` on an object store; topics, records and committed offsets survive a restart."""

    def __init__(self, data_dir: Path, store_url: str) -> None:
        super().__init__(data_dir)
        self._store_url = store_url

    def command(self, port: int) -> Sequence[str]:
        """As the embedded broker's, with one cluster id for all starts."""
        known = self._cluster_id
        command = list(super().command(port))
        self._cluster_id = known or self._cluster_id
        command[command.index("--cluster-id") + 1] = self._cluster_id
        command[command.index("--storage-engine") + 1] = f"s3://{_BUCKET}/"
        variables = {
            "AWS_ENDPOINT": self._store_url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in variables.items()), *command]


@contextmanager
def durable_stack(folder: Path) -> Iterator[Stack]:
    """An embedded stack whose broker may be restarted without loss."""
    folder.mkdir(parents=True, exist_ok=True)
    store = ObjectStore()
    threading.Thread(target=store.serve_forever, name="object-store", daemon=True).start()
    kafka = DurableKafka(folder, store.url)
    try:
        with embedded_stack(data_dir=folder, kafka=False) as stack:
            kafka.start()
            yield replace(
                stack,
                kafka_bootstrap=kafka.address,
                processes={**stack.processes, kafka.name: kafka},
            )
    finally:
        kafka.stop()
        store.shutdown()
        store.server_close()
