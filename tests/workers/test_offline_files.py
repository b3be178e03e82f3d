"""A folder of windows: what is in it, that it is the same each time, and whole or not there."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from streams.errors import FeedError
from streams.feed.item import FeedItem
from tests.workers.models import cpu_compute, write_model
from tests.workers.offline import call_items, call_pipeline, spoiled
from workers import offline
from workers.encoders.feature import FEATURE_BYTES
from workers.errors import OfflineError
from workers.offline import canonical, digest, read_index, read_windows
from workers.offline.folder import making
from workers.offline.formats import FormatName, shard_format
from workers.offline.index import Index
from workers.offline.run import OutputOptions, Progress, align_recording
from workers.offline.spool import REFERENCE_BYTES, Spool

FORMATS: list[FormatName] = ["safetensors", "parquet"]
PIPELINE = call_pipeline()
ITEMS = spoiled(call_items())


async def align(
    target: Path, pipeline: Pipeline = PIPELINE, items: list[FeedItem] = ITEMS, **options: Any
) -> Index:
    return await align_recording(iter(items), pipeline, target, output=OutputOptions(**options))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("format", FORMATS)
async def test_what_was_written_is_read_back(format: FormatName, tmp_path: Path) -> None:
    index = await align(tmp_path / "w", format=format, shard_windows=5)
    windows = list(read_windows(tmp_path / "w"))
    assert len(windows) == index.windows == sum(shard.windows for shard in index.shards)
    assert digest(windows) == index.content_sha256


async def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    for format in FORMATS:
        await align(tmp_path / format, format=format)
    first, second = (list(read_windows(tmp_path / format)) for format in FORMATS)
    assert first == second


@pytest.mark.parametrize("format", FORMATS)
async def test_the_same_recording_gives_the_same_bytes(format: FormatName, tmp_path: Path) -> None:
    for name in ("one", "two"):
        await align(tmp_path / name, format=format, shard_windows=5)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


async def test_the_content_does_not_depend_on_the_shards(tmp_path: Path) -> None:
    few = await align(tmp_path / "few")
    many = await align(tmp_path / "many", shard_windows=1)
    bytewise = await align(tmp_path / "bytes", shard_bytes=500_000)
    assert (len(few.shards), len(many.shards)) == (1, many.windows)
    assert 1 < len(bytewise.shards) < many.windows
    assert few.content_sha256 == many.content_sha256 == bytewise.content_sha256


async def test_raw_samples_are_the_payloads_with_their_content_type(tmp_path: Path) -> None:
    await align(tmp_path / "w")
    fed = {(i.session, i.sensor, i.content_type, i.payload) for i in ITEMS}
    found = {
        (window.session, sample.sensor, sample.content_type, sample.feature)
        for window in read_windows(tmp_path / "w")
        for sample in window.samples
    }
    assert found
    assert found <= fed


async def test_a_sample_of_many_windows_is_stored_once(tmp_path: Path) -> None:
    sliding = call_pipeline({"kind": "sliding", "size": "4s", "every": "500ms"})
    index = await align(tmp_path / "w", sliding, call_items(1, 8))
    payloads = sum(len(item.payload) for item in call_items(1, 8))
    in_windows = sum(len(s.feature) for w in read_windows(tmp_path / "w") for s in w.samples)
    assert in_windows > 5 * payloads
    assert sum(shard.bytes for shard in index.shards) < 1.2 * payloads


async def test_encoded_samples_are_features_of_the_models_encoder(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    pipeline = PIPELINE.model_copy(
        update={"model": PIPELINE.model.model_copy(update={"name": str(tmp_path / "model")})}
    )
    compute = cpu_compute(pipeline)
    try:
        index = await align_recording(iter(ITEMS), pipeline, tmp_path / "w", compute=compute)
        windows = list(read_windows(tmp_path / "w"))
        answers = await compute.fuse(windows)
    finally:
        compute.close()
    assert index.model == compute.model
    assert {len(s.feature) for w in windows for s in w.samples} == {FEATURE_BYTES}
    assert len(answers) == len(windows)


async def test_raw_and_encoded_windows_have_the_same_samples_and_tallies(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    tree = call_pipeline(audio={"overload": "drop_oldest"}).model_dump(mode="json")
    tree["model"]["name"] = str(tmp_path / "model")
    # So little room that samples are shed: by the size of features, not of payloads.
    tree["limits"]["max_window_bytes"] = 5_000
    pipeline = Pipeline.model_validate(tree)
    compute = cpu_compute(pipeline)
    try:
        await align_recording(iter(ITEMS), pipeline, tmp_path / "encoded", compute=compute)
    finally:
        compute.close()
    await align(tmp_path / "raw", pipeline)
    seen = []
    for name in ("raw", "encoded"):
        windows = list(read_windows(tmp_path / name))
        seen.append(
            [(w.session, w.start_us, [s.offset for s in w.samples], w.tallies) for w in windows]
        )
    assert seen[0] == seen[1]
    assert any(tally.dropped for _, _, _, tallies in seen[0] for tally in tallies.values())


def test_a_reference_is_as_long_as_a_feature() -> None:
    assert REFERENCE_BYTES == FEATURE_BYTES


async def test_bad_and_late_samples_are_counted_and_listed(tmp_path: Path) -> None:
    index = await align_recording(iter(ITEMS), PIPELINE, tmp_path / "w", replay="live")
    diverted = index.diverted
    assert diverted.invalid
    assert diverted.late
    lines = [json.loads(line) for line in (tmp_path / "w" / diverted.file).read_text().splitlines()]
    for kind, counts in (("invalid", diverted.invalid), ("late", diverted.late)):
        listed = [line["reason"] for line in lines if line["kind"] == kind]
        assert {reason: listed.count(reason) for reason in listed} == counts
    assert sum(each.invalid for each in index.sensors) == sum(diverted.invalid.values())
    assert sum(each.late for each in index.sensors) == sum(diverted.late.values())


async def test_every_sample_is_in_a_window_or_accounted_for(tmp_path: Path) -> None:
    index = await align_recording(iter(ITEMS), PIPELINE, tmp_path / "w", replay="live")
    for each in index.sensors:
        assert each.samples == each.in_windows + each.invalid + each.late


async def test_invalid_samples_are_in_the_tallies_of_their_windows(tmp_path: Path) -> None:
    index = await align(tmp_path / "w")
    told = sum(t.invalid for w in read_windows(tmp_path / "w") for t in w.tallies.values())
    assert told == sum(index.diverted.invalid.values())


async def test_the_index_says_what_made_the_windows(tmp_path: Path) -> None:
    index = await align(tmp_path / "w")
    assert index == read_index(tmp_path / "w")
    assert (index.pipeline, index.features, index.model) == ("call", "raw", None)
    assert index.spec["size_us"] == PIPELINE.window.size_us
    assert index.sessions == sorted({item.session for item in ITEMS})
    assert index.inputs == {"audio": "audio", "transcript": "text", "video": "video"}


async def test_a_record_without_a_session_makes_no_session(tmp_path: Path) -> None:
    keyless = replace(ITEMS[0], session="")
    index = await align(tmp_path / "w", items=[keyless, *ITEMS])
    assert index.diverted.invalid["missing_session"] == 1
    assert index.sessions == sorted({item.session for item in ITEMS})


async def test_another_pipeline_has_another_digest(tmp_path: Path) -> None:
    first = await align(tmp_path / "one")
    second = await align(tmp_path / "two", call_pipeline(audio={"lateness": "301ms"}))
    assert first.pipeline_sha256 != second.pipeline_sha256


async def test_progress_reaches_the_whole_recording(tmp_path: Path) -> None:
    seen: list[Progress] = []
    await align_recording(iter(ITEMS), PIPELINE, tmp_path / "w", on_progress=seen.append)
    assert seen[-1].samples == len(ITEMS)
    assert seen[-1].bytes == sum(len(item.payload) for item in ITEMS)


# -- whole or not there ----------------------------------------------------------------------


async def test_a_recording_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[FeedItem]:
        yield from ITEMS[:50]
        raise FeedError("the file is cut short")

    with pytest.raises(FeedError, match="cut short"):
        await align_recording(broken(), PIPELINE, tmp_path / "w")
    assert contents(tmp_path) == {}


async def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OfflineError, match="expected an empty folder"):
        await align(tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_place_where_no_folder_can_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    place = making(tmp_path / "file" / "windows", force=False)
    with pytest.raises(OfflineError, match="expected a place where a folder can be made"), place:
        pass


async def test_force_does_not_replace_what_is_no_folder_of_windows(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine.txt").write_text("mine")
    with pytest.raises(OfflineError, match=r"got one without index\.json"):
        await align(tmp_path / "w", force=True)


async def test_force_replaces_windows(tmp_path: Path) -> None:
    await align(tmp_path / "w", shard_windows=1)
    index = await align(tmp_path / "w", force=True)
    assert {*contents(tmp_path / "w")} == {
        "index.json",
        "diverted.jsonl",
        *(shard.file for shard in index.shards),
    }
    assert os.listdir(tmp_path) == ["w"]


async def test_windows_that_cannot_be_replaced_stay(tmp_path: Path) -> None:
    await align(tmp_path / "w")
    before = contents(tmp_path / "w")

    def broken() -> Iterator[FeedItem]:
        yield ITEMS[0]
        raise FeedError("gone")

    with pytest.raises(FeedError):
        await align_recording(broken(), PIPELINE, tmp_path / "w", output=OutputOptions(force=True))
    assert contents(tmp_path / "w") == before


async def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    assert (await align(tmp_path / "w")).windows


@pytest.mark.parametrize("format", FORMATS)
async def test_files_are_as_readable_as_others(format: FormatName, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    index = await align(tmp_path / "w", format=format)
    modes = {
        stat.S_IMODE(os.stat(path).st_mode)
        for path in (tmp_path / "plain", tmp_path / "w" / index.shards[0].file)
    }
    assert len(modes) == 1


# -- reading what is not right ---------------------------------------------------------------


async def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    index = await align(tmp_path / "w")
    shard = tmp_path / "w" / index.shards[0].file
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(OfflineError, match="expected sha256"):
        list(read_windows(tmp_path / "w"))


async def test_a_missing_shard_is_refused(tmp_path: Path) -> None:
    index = await align(tmp_path / "w")
    (tmp_path / "w" / index.shards[0].file).unlink()
    with pytest.raises(OfflineError, match="copy the whole folder"):
        list(read_windows(tmp_path / "w"))


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OfflineError, match="expected a folder of aligned windows"):
        read_index(tmp_path)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_is_no_shard_is_refused(format: FormatName, tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.write_bytes(b"nothing of the kind" * 10)
    with pytest.raises(OfflineError, match="expected a shard of windows"):
        list(shard_format(format).read(path))


def test_without_pyarrow_the_format_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "workers.offline.parquet_shards", raising=False)
    monkeypatch.delattr(offline, "parquet_shards", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(OfflineError, match=r"pip install 'sensorium\[parquet\]'"):
        shard_format("parquet")


# -- parts -----------------------------------------------------------------------------------


async def test_canonical_bytes_tell_windows_apart(tmp_path: Path) -> None:
    await align(tmp_path / "w")
    windows = list(read_windows(tmp_path / "w"))
    assert len({canonical(window) for window in windows}) == len(windows)


def test_a_spool_gives_back_what_was_put_and_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with Spool(path) as spool:
        references = [spool.put("text/plain", b"one"), spool.put("image/png", b"two" * 10_000)]
        assert {len(each) for each in references} == {REFERENCE_BYTES}
        assert spool.get(references[1]) == ("image/png", b"two" * 10_000)
        assert spool.get(references[0]) == ("text/plain", b"one")
    assert not path.exists()
