"""A server's graphs: checked against their description, asked with patience."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from schemas.remote import KserveRemote
from workers.backends.asking import Asker
from workers.backends.graphs.description import GraphForm
from workers.backends.kserve.grpc import GrpcClient
from workers.backends.kserve.http import HttpClient
from workers.backends.kserve.protocol import Client, mismatches
from workers.backends.secrets import bearer
from workers.errors import ModelError, RemoteError, RequestRefused


class KserveGraphs:
    """``workers.backends.graphs.model.GraphRunner`` on a server.

    A graph is checked against the server's metadata before it is first used; ``check`` does that
    for all of them.
    """

    def __init__(self, name: str, forms: Mapping[str, GraphForm], rules: KserveRemote) -> None:
        """Raises ``ModelError``: a package or the key is missing."""
        key = bearer(name, rules)
        self._name = name
        self._forms = forms
        self._model = rules.model
        self._lanes = rules.concurrency
        self._client: Client = (GrpcClient if rules.protocol == "grpc" else HttpClient)(rules, key)
        self._asker = Asker(self._client.name, rules)
        self._checking = threading.Lock()
        self._checked: set[str] = set()

    @property
    def lanes(self) -> int:
        """As many calls as the pipeline file allows at the same time."""
        return self._lanes

    @property
    def remote(self) -> str:
        """The server's URL and the model's name there."""
        return f"{self._client.name} ({self._model})"

    def check(self) -> None:
        """Compare every graph with the server's metadata.

        Raises ``ModelError`` where they differ, ``RemoteError`` where the server does not answer.
        """
        for graph in self._forms:
            self._check(graph)

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See ``GraphRunner.run``. Raises ``RemoteError`` alone."""
        if graph not in self._checked:
            try:
                self._check(graph)
            except ModelError as error:
                raise RemoteError(self.remote, str(error), retriable=False) from None
        return self._asker.ask(lambda: self._infer(graph, inputs))

    def close(self) -> None:
        """Wait for nothing any more, and close the connections."""
        self._asker.close()
        self._client.close()

    def _served(self, graph: str) -> str:
        return f"{self._model}-{graph}"

    def _check(self, graph: str) -> None:
        with self._checking:
            if graph in self._checked:
                return
            served = self._served(graph)
            found = self._asker.ask(lambda: self._client.metadata(served))
            if lines := mismatches(self._forms[graph], found):
                raise ModelError(
                    self._name, f"{served} on {self._client.name} is not as described: {lines[0]}"
                )
            self._checked.add(graph)

    def _infer(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        served = self._served(graph)
        outputs = [each.name for each in self._forms[graph].outputs]
        try:
            return self._client.infer(served, inputs, outputs)
        except ValueError as error:
            raise RemoteError(self.remote, f"{graph}: {error}") from None
        except RequestRefused:
            # Some servers refuse so where the model is only being loaded.
            if not self._client.ready(served):
                raise RemoteError(self.remote, f"{graph} is not ready") from None
            raise
