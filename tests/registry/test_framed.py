"""A shadow with encoders of its own: what it makes rides along, and never gets in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample
from tests.processor.fakes import FakeCompute
from tests.workers.payloads import sample
from workers.backends.frames import Gap, pack, unpack
from workers.registry import framed
from workers.registry.framed import FramedCompute
from workers.registry.shadow import OpenShadow

OTHER = ModelRef("fake", "shadow", "22")


def samples(*payloads: bytes) -> list[Sample]:
    return [
        sample(Modality.TEXT, "text/plain", payload, offset=n) for n, payload in enumerate(payloads)
    ]


def window(*features: bytes) -> Window:
    taken = tuple(WindowSample("s", "words", n, n, n, each) for n, each in enumerate(features))
    return Window(0, "s", 0, 1, taken, {}, 0)


class Fusing(FakeCompute):
    """Notes the features that it was given."""

    def __init__(self, mark: bytes = b"") -> None:
        super().__init__(OTHER, mark)
        self.given: list[list[bytes]] = []

    async def fuse(self, windows: Sequence[Window]):  # type: ignore[no-untyped-def]
        self.given += [[one.feature for one in each.samples] for each in windows]
        return await super().fuse(windows)


class Late(FakeCompute):
    """Encodes nothing before ``go_on`` is set."""

    def __init__(self) -> None:
        super().__init__(OTHER, b"s:")
        self.go_on = asyncio.Event()
        self.begun = 0

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        self.begun += 1
        await self.go_on.wait()
        return await super().encode(samples)


async def test_a_feature_carries_what_both_made() -> None:
    compute = FramedCompute(FakeCompute(mark=b"p:"), FakeCompute(OTHER, b"s:"))
    (feature,) = await compute.encode(samples(b"x"))
    assert isinstance(feature, bytes)
    assert unpack(feature) == [b"p:x", b"s:x"]


async def test_the_digest_changes_with_either_model() -> None:
    one, two = FakeCompute(mark=b"p"), FakeCompute(mark=b"s")
    assert len({FramedCompute(one, two).features, one.features, two.features}) == 3


async def test_a_sample_that_the_primary_refuses_stays_refused() -> None:
    compute = FramedCompute(FakeCompute(), FakeCompute(OTHER, b"s:"))
    good, bad = await compute.encode(samples(b"x", b"bad"))
    assert (isinstance(good, bytes), isinstance(bad, BadSample)) == (True, True)


async def test_a_sample_that_only_the_shadow_refuses_lacks_its_feature() -> None:
    class Picky(FakeCompute):
        async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
            return [BadSample("no", "No", "no") for _ in samples]

    (feature,) = await FramedCompute(FakeCompute(), Picky(OTHER)).encode(samples(b"x"))
    assert feature == pack([b"x", Gap.FAILED])


async def test_a_shadow_that_fails_to_encode_costs_only_its_own_features(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(FakeCompute):
        async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
            raise RuntimeError("no such weight")

    compute = FramedCompute(FakeCompute(), Broken(OTHER))
    for _ in range(3):
        assert await compute.encode(samples(b"x")) == [pack([b"x", Gap.FAILED])]
    assert len(caplog.records) == 1


async def test_a_late_shadow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framed, "_PATIENCE_S", 0.01)
    late = Late()
    compute = FramedCompute(FakeCompute(), late)
    async with asyncio.timeout(5):
        assert await compute.encode(samples(b"x")) == [pack([b"x", Gap.FAILED])]
    late.go_on.set()


async def test_what_a_late_shadow_has_to_encode_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(framed, "_PATIENCE_S", 0.001)
    late = Late()
    compute = FramedCompute(FakeCompute(), late)
    for _ in range(20):
        await compute.encode(samples(b"x"))
    assert late.begun == 4
    late.go_on.set()


async def test_the_primary_fuses_its_own_features() -> None:
    primary = Fusing()
    await FramedCompute(primary, FakeCompute(OTHER)).fuse([window(pack([b"p", b"s"]))])
    assert primary.given == [[b"p"]]


async def test_the_shadow_fuses_its_own_features() -> None:
    model = Fusing()
    compute = FramedCompute(FakeCompute(mark=b"p"), model)
    shadow = OpenShadow(model)  # type: ignore[arg-type]
    assert shadow.takes(compute.features)
    (answer,) = await shadow.fuse([window(pack([b"p", b"s"]))], compute.features)
    assert answer is not None
    assert model.given == [[b"s"]]


async def test_a_window_that_lacks_a_feature_of_the_shadow_has_no_answer_of_it() -> None:
    model = Fusing()
    compute = FramedCompute(FakeCompute(mark=b"p"), model)
    whole, partial = (
        window(pack([b"p", b"s"])),
        window(pack([b"p", b"s"]), pack([b"p", Gap.FAILED])),
    )
    answers = await OpenShadow(model).fuse([partial, whole, partial], compute.features)  # type: ignore[arg-type]
    assert [answer is None for answer in answers] == [True, False, True]
    assert model.given == [[b"s"]]


async def test_a_shadow_with_the_primarys_encoders_uses_its_features_as_they_are() -> None:
    primary, model = FakeCompute(), Fusing()
    shadow = OpenShadow(model)  # type: ignore[arg-type]
    assert shadow.beside(primary) is primary
    await shadow.fuse([window(b"x")], primary.features)
    assert model.given == [[b"x"]]


def test_a_shadow_takes_no_features_of_others() -> None:
    shadow = OpenShadow(FakeCompute(OTHER, b"s"))  # type: ignore[arg-type]
    assert not shadow.takes("p")
    assert not shadow.takes("p+t")
