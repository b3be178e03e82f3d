"""Features of several models side by side, and a class of the operator's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.model import ModelSpec
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from tests.backends.cases import WHERE, one, window
from workers.backends.base import Model
from workers.backends.fallback import FallbackModel
from workers.backends.frames import Gap, pack, unpack
from workers.backends.opening import open_model
from workers.backends.several import Several
from workers.errors import ModelError, NonFiniteError, RemoteError, RequestRefused

parts = st.lists(st.one_of(st.binary(max_size=300), st.sampled_from(Gap)), min_size=1, max_size=5)


class Counting:
    """A model whose features are the payload after its mark, and which counts its calls."""

    def __init__(
        self,
        name: str = "counting",
        features: str = "f",
        modalities: Collection[Modality] = (Modality.TEXT, Modality.SERIES),
    ) -> None:
        self.ref = ModelRef(name, "1", name)
        self.features, self.modalities, self.lanes = features, modalities, 1
        self.tasks: Mapping[str, Sequence[str]] = {"t": ["a", "b"]}
        self.decoded = self.encoded = 0
        self.fails = False

    def decode(self, sample: Sample) -> bytes | BadSample:
        self.decoded += 1
        if sample.payload == b"bad for " + self.features.encode():
            return BadSample("bad", "CodecError", self.features)
        return sample.payload

    def encode(self, modality: Modality, decoded: Sequence[bytes]) -> list[bytes]:
        self.encoded += len(decoded)
        if self.fails:
            raise RemoteError("server", "gone")
        return [self.features.encode() + each for each in decoded]

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        assert all(
            each.feature.startswith(self.features.encode()) for w in windows for each in w.samples
        )
        return [
            Fusion({"t": {"a": 1.0, "b": 0.0}}, {"text": float(len(w.samples))}) for w in windows
        ]

    def warm(self, max_batch: int) -> None: ...

    def close(self) -> None: ...


def text(payload: bytes = b"x") -> Sample:
    made = one(Modality.TEXT)
    return Sample(**{**{f: getattr(made, f) for f in made.__struct_fields__}, "payload": payload})


@given(parts)
def test_what_is_packed_comes_out_again(given_parts: list[bytes | Gap]) -> None:
    assert unpack(pack(given_parts)) == given_parts


def test_equal_features_are_stored_once() -> None:
    assert len(pack([b"f" * 128, b"f" * 128])) < 128 + 16


@given(st.binary(max_size=40))
def test_other_bytes_are_refused_or_are_parts(blob: bytes) -> None:
    try:
        found = unpack(blob)
    except ValueError:
        return
    assert all(isinstance(each, bytes | Gap) for each in found)


def test_models_of_equal_features_decode_and_encode_once() -> None:
    first, second, other = Counting("a"), Counting("b"), Counting("c", features="g")
    several = Several([first, second, other])
    decoded = several.decode(text())
    assert not isinstance(decoded, BadSample)
    several.encode(Modality.TEXT, [decoded])
    assert (first.encoded + second.encoded, other.encoded) == (1, 1)
    assert (first.decoded + second.decoded, other.decoded) == (1, 1)


def test_each_model_gets_its_own_features_and_only_what_it_takes() -> None:
    narrow = Counting("narrow", features="n", modalities=[Modality.TEXT])
    several = Several([Counting("wide"), narrow])
    encoded = []
    given_samples = [one(Modality.SERIES), text()]
    for each in given_samples:
        decoded = several.decode(each)
        assert not isinstance(decoded, BadSample)
        encoded += several.encode(each.modality, [decoded])
    whole = window(given_samples, encoded)
    own = [several.window_for(number, whole) for number in range(2)]
    assert [len(each.samples) for each in own if each is not None] == [2, 1]
    assert own[1] is not None
    assert own[1].samples[0].feature == b"nx"


def test_what_is_bad_for_one_model_is_bad_for_all() -> None:
    several = Several([Counting("a"), Counting("b", features="g")])
    assert several.decode(text(b"bad for g")) == BadSample("bad", "CodecError", "g")


def test_the_digest_of_features_changes_with_any_of_them() -> None:
    digests = {
        Several([Counting(features=a), Counting(features=b)]).features for a in "fg" for b in "fg"
    }
    assert len(digests) == 4


def test_features_of_something_else_are_refused() -> None:
    several = Several([Counting()])
    with pytest.raises(ModelError, match="rewind the shard"):
        several.window_for(0, window([text()], [b"\x05"]))


def test_a_remote_that_does_not_encode_does_not_keep_the_local_model_from_it() -> None:
    remote, local = Counting("remote", features="r"), Counting("local")
    remote.fails = True
    model = FallbackModel(remote, local)
    decoded = model.decode(text())
    assert not isinstance(decoded, BadSample)
    encoded = model.encode(Modality.TEXT, [decoded])
    (answer,) = model.fuse([window([text()], encoded)])
    assert answer.model == local.ref


def test_a_local_failure_is_not_hidden_by_the_remote() -> None:
    remote, local = Counting("remote", features="r"), Counting("local")
    local.fails = True
    with pytest.raises(RemoteError):
        FallbackModel(remote, local).encode(Modality.TEXT, [[b"x", b"x"]])


class Choosy(Counting):
    """One behind a server that refuses the payload ``no``, and makes NaN of ``nan``."""

    looks = False

    def encode(self, modality: Modality, decoded: Sequence[bytes]) -> list[bytes]:
        self._look(decoded)
        return super().encode(modality, decoded)

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        self._look([sample.feature[1:] for window in windows for sample in window.samples])
        return super().fuse(windows)

    def _look(self, payloads: Sequence[bytes]) -> None:
        if self.looks and b"no" in payloads:
            raise RequestRefused("server", "refused")
        if self.looks and b"nan" in payloads:
            raise NonFiniteError("NaN")


def windows_of(model: FallbackModel, *payloads: bytes) -> list[Window]:
    decoded = [[payload, payload] for payload in payloads]
    return [window([text()], [part]) for part in model.encode(Modality.TEXT, decoded)]


@pytest.mark.parametrize("bad", [b"no", b"nan"])
def test_a_window_that_the_first_cannot_answer_takes_no_other_to_the_fall_back(bad: bytes) -> None:
    choosy = Choosy("choosy")
    model = FallbackModel(choosy, Counting("local", features="g"))
    given = windows_of(model, b"a", bad, b"b")
    choosy.looks = True
    assert [each.model and each.model.name for each in model.fuse(given)] == [None, "local", None]


@pytest.mark.parametrize("bad", [b"no", b"nan"])
def test_a_sample_that_the_first_cannot_encode_takes_no_other_to_the_fall_back(bad: bytes) -> None:
    choosy = Choosy("choosy")
    choosy.looks = True
    model = FallbackModel(choosy, Counting("local", features="g"))
    answers = model.fuse(windows_of(model, b"a", bad, b"b"))
    assert [each.model and each.model.name for each in answers] == [None, "local", None]


# -- a class of one's own -----------------------------------------------------------------------

HERE = f"{__name__}:"


def own(target: str, **options: object) -> Model:
    return open_model(
        ModelSpec.model_validate({"name": "mine", "python": target, "options": options}), WHERE
    )


def test_the_class_that_the_pipeline_file_names_is_called_with_its_options() -> None:
    model = own(HERE + "Counting", name="mine", features="own")
    assert (model.ref.name, model.features) == ("mine", "own")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_package.x:Model", "is its package installed"),
        (HERE + "Nothing", "has no 'Nothing'"),
        (HERE + "Unlike", "it lacks decode, encode"),
    ],
)
def test_a_class_that_is_no_model_is_one_line(target: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        own(target)


def test_options_that_it_does_not_take_are_named() -> None:
    with pytest.raises(ModelError, match=r"does not take these options: .*colour"):
        own(HERE + "Counting", colour="red")


class Unlike:
    """No model."""
