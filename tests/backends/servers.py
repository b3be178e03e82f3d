"""Model servers that a test starts, with the faults that real ones have."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import grpc
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from streams.stack.component import free_port
from workers.backends.graphs.description import GraphsManifest
from workers.backends.graphs.model import GraphRunner
from workers.backends.kserve.messages import SERVICE, message_classes

#: slow: no answer at all; 500, 400, 404: that status, or its like in gRPC; garbage: bytes that are
#: no answer; shape: tensors of another shape; nan: NaN in every output.
Fault = Literal["", "slow", "500", "400", "404", "garbage", "shape", "nan"]
Tensors = Mapping[str, NDArray[Any]]
_TYPES = {"BOOL": "?", "UINT8": "u1", "INT64": "<i8", "FP32": "<f4"}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items()}


class Faulty:
    """What all servers have: a fault to be set, and how often they were asked to compute."""

    def __init__(self) -> None:
        self.fault: Fault = ""
        #: Faults left before the server is well again; None for ever.
        self.faults_left: int | None = None
        self.asked = 0
        self._asking = threading.Condition()
        self.authorization: str | None = None

    def wait_asked(self, times: int, timeout_s: float = 60.0) -> None:
        """Until it was asked so many times."""
        with self._asking:
            assert self._asking.wait_for(lambda: self.asked >= times, timeout_s)

    def next_fault(self) -> Fault:
        with self._asking:
            self.asked += 1
            self._asking.notify_all()
        if self.faults_left is not None:
            if self.faults_left == 0:
                return ""
            self.faults_left -= 1
        return self.fault


def spoiled(outputs: Tensors, fault: Fault) -> dict[str, NDArray[Any]]:
    if fault == "shape":
        return {name: values[..., :-1] for name, values in outputs.items()}
    if fault == "nan":
        return {name: np.full_like(values, np.nan) for name, values in outputs.items()}
    return dict(outputs)


@contextmanager
def http_server(routes: list[web.RouteDef], port: int = 0) -> Iterator[int]:
    """An aiohttp server on a thread of its own; gives its port, a free one unless it is named."""
    port = port or free_port()
    up = threading.Event()
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        app = web.Application(client_max_size=100_000_000)
        app.add_routes(routes)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        up.set()
        await stop.wait()
        await runner.cleanup()

    # Cancels what still runs when the server ends, such as a handler that never answers.
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield port
    finally:
        ends[0]()
        thread.join(10)


async def _faulty_answer(fault: Fault) -> web.Response | None:
    """What a fault answers instead of computing; None where it only spoils the outputs."""
    if fault == "slow":
        await asyncio.Event().wait()
    if fault in ("500", "400", "404"):
        return web.json_response({"error": "as asked"}, status=int(fault))
    if fault == "garbage":
        return web.Response(body=b"\x00\xff<html>", content_type="application/json")
    return None


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KserveHttp(Faulty):
    """KServe v2 over HTTP around graphs that run here."""

    def __init__(self, manifest: GraphsManifest, graphs: GraphRunner, *, binary: bool) -> None:
        super().__init__()
        self._manifest, self._graphs, self._binary = manifest, graphs, binary
        #: Metadata that the server tells otherwise than it is: tensor -> shape
        self.lies: dict[str, list[int]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2", self._server),
            web.get("/v2/models/{model}", self._metadata),
            web.get("/v2/models/{model}/ready", self._ready),
            web.post("/v2/models/{model}/infer", self._infer),
        ]

    async def _server(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"name": "test", "extensions": ["binary_tensor_data"] if self._binary else []}
        )

    async def _ready(self, request: web.Request) -> web.Response:
        return web.json_response({})

    def _graph(self, request: web.Request) -> str:
        model, _, graph = request.match_info["model"].partition("-")
        if model != "served" or graph not in self._manifest.graphs:
            raise web.HTTPNotFound
        return graph

    async def _metadata(self, request: web.Request) -> web.Response:
        self.authorization = request.headers.get("authorization")
        form = self._manifest.graphs[self._graph(request)]
        told: dict[str, Any] = {"name": "served", "platform": "onnx"}
        for key, tensors in (("inputs", form.inputs), ("outputs", form.outputs)):
            told[key] = [
                {
                    "name": each.name,
                    "datatype": _NAMES[np.dtype(each.dtype)],
                    "shape": self.lies.get(each.name, [size or -1 for size in each.shape]),
                }
                for each in tensors
            ]
        return web.json_response(told)

    async def _infer(self, request: web.Request) -> web.Response:
        graph, fault = self._graph(request), self.next_fault()
        body = await request.read()
        if (answer := await _faulty_answer(fault)) is not None:
            return answer
        head = int(request.headers.get("Inference-Header-Content-Length", len(body)))
        assert ("Inference-Header-Content-Length" in request.headers) is self._binary
        told, rest, inputs = json.loads(body[:head]), body[head:], {}
        for each in told["inputs"]:
            dtype = _TYPES[each["datatype"]]
            if self._binary:
                size = each["parameters"]["binary_data_size"]
                flat, rest = np.frombuffer(rest[:size], dtype), rest[size:]
            else:
                flat = np.asarray(each["data"], dtype)
            inputs[each["name"]] = flat.reshape(each["shape"])
        outputs = spoiled(await asyncio.to_thread(self._graphs.run, graph, inputs), fault)
        return self._answer(outputs, [each["name"] for each in told["outputs"]])

    def _answer(self, outputs: Tensors, wanted: list[str]) -> web.Response:
        told = [
            {
                "name": name,
                "datatype": _NAMES[outputs[name].dtype],
                "shape": list(outputs[name].shape),
                **(
                    {"parameters": {"binary_data_size": outputs[name].nbytes}}
                    if self._binary
                    else {"data": outputs[name].tolist()}
                ),
            }
            for name in wanted
        ]
        head = json.dumps({"model_name": "served", "outputs": told}).encode()
        if not self._binary:
            return web.Response(body=head, content_type="application/json")
        blobs = [np.ascontiguousarray(outputs[name]).tobytes() for name in wanted]
        return web.Response(
            body=b"".join([head, *blobs]),
            content_type="application/octet-stream",
            headers={"Inference-Header-Content-Length": str(len(head))},
        )


class KserveGrpc(Faulty):
    """KServe v2 over gRPC around graphs that run here. ``raw``: outputs as bytes, not values."""

    def __init__(self, manifest: GraphsManifest, graphs: GraphRunner, *, raw: bool) -> None:
        super().__init__()
        self._manifest, self._graphs, self._raw = manifest, graphs, raw
        self._messages = message_classes()
        self._ended = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[int]:
        server = grpc.server(ThreadPoolExecutor(8))
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                call,
                request_deserializer=self._messages[f"{method}Request"].FromString,
                # Bytes as they are: a fault may be no message at all.
                response_serializer=lambda answer: answer,
            )
            for method, call in (
                ("ModelReady", self._ready),
                ("ModelMetadata", self._metadata),
                ("ModelInfer", self._infer),
            )
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            self._ended.set()
            server.stop(0).wait(10)

    def _ready(self, request: Any, context: grpc.ServicerContext) -> bytes:
        return bytes(self._messages["ModelReadyResponse"](ready=True).SerializeToString())

    def _graph(self, name: str, context: grpc.ServicerContext) -> str:
        model, _, graph = name.partition("-")
        if model != "served" or graph not in self._manifest.graphs:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        return graph

    def _metadata(self, request: Any, context: grpc.ServicerContext) -> bytes:
        self.authorization = dict(context.invocation_metadata()).get("authorization")
        form = self._manifest.graphs[self._graph(request.name, context)]
        kind = self._messages["TensorMetadata"]
        told = {
            key: [
                kind(
                    name=each.name,
                    datatype=_NAMES[np.dtype(each.dtype)],
                    shape=[size or -1 for size in each.shape],
                )
                for each in tensors
            ]
            for key, tensors in (("inputs", form.inputs), ("outputs", form.outputs))
        }
        return bytes(self._messages["ModelMetadataResponse"](**told).SerializeToString())

    def _infer(self, request: Any, context: grpc.ServicerContext) -> bytes:
        graph, fault = self._graph(request.model_name, context), self.next_fault()
        if fault == "slow":
            self._ended.wait()
        codes = {
            "500": grpc.StatusCode.INTERNAL,
            "400": grpc.StatusCode.INVALID_ARGUMENT,
            "404": grpc.StatusCode.NOT_FOUND,
        }
        if fault in codes:
            context.abort(codes[fault], "as asked")
        if fault == "garbage":
            return b"\xff\xff\xff\xff"
        inputs = {
            each.name: np.frombuffer(raw, _TYPES[each.datatype]).reshape(tuple(each.shape))
            for each, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        outputs = spoiled(self._graphs.run(graph, inputs), fault)
        return self._answer(outputs, [each.name for each in request.outputs])

    def _answer(self, outputs: Tensors, wanted: list[str]) -> bytes:
        answer = self._messages["ModelInferResponse"](model_name="served")
        for name in wanted:
            values = outputs[name]
            told = answer.outputs.add(name=name, datatype=_NAMES[values.dtype], shape=values.shape)
            if self._raw:
                answer.raw_output_contents.append(np.ascontiguousarray(values).tobytes())
            else:
                told.contents.fp32_contents.extend(np.ravel(values).tolist())
        return bytes(answer.SerializeToString())


Tasks = Mapping[str, Mapping[str, float]]


class Chat(Faulty):
    """An OpenAI-compatible endpoint whose answer ``judge`` makes of a request's contents."""

    def __init__(self, judge: Callable[[list[dict[str, Any]]], Tasks]) -> None:
        super().__init__()
        self.judge = judge
        self.requests: list[dict[str, Any]] = []
        #: The completion's text instead of what ``judge`` says.
        self.says: str | None = None
        self.finish_reason = "stop"
        self.models = ["vlm"]

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/models", self._models), web.post("/v1/chat/completions", self._chat)]

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": each} for each in self.models]})

    async def _chat(self, request: web.Request) -> web.Response:
        fault = self.next_fault()
        self.authorization = request.headers.get("authorization")
        body = await request.json()
        self.requests.append(body)
        if (answer := await _faulty_answer(fault)) is not None:
            return answer
        content = {"shape": '{"mood": {"low": 1}}', "nan": '{"mood": {"low": NaN}}'}.get(fault)
        content = self.says or content
        if content is None:
            content = json.dumps(self.judge(body["messages"][1]["content"]))
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return web.json_response({"object": "chat.completion", "choices": [choice]})
