"""Shards as Parquet: a window a row, with its samples and tallies as lists of structs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from streams.align.types import Window
from workers.errors import OfflineError
from workers.offline.columns import TALLY_NUMBERS, Columns, StoredSample, tally_of, window_of

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    raise OfflineError(
        "format 'parquet': expected the package pyarrow, found none; "
        "pip install 'sensorium[parquet]', or use the format safetensors"
    ) from None

SUFFIX = ".parquet"
#: Windows read at a time.
_BATCH = 64


def write(path: Path, columns: Columns) -> None:
    """Write one shard; equal columns give equal bytes. Raises ``OSError``."""
    pyarrow.parquet.write_table(
        pyarrow.table(
            {
                "session": _strings(columns, "session", "window.session"),
                "start_us": columns.arrays["window.start_us"],
                "end_us": columns.arrays["window.end_us"],
                "samples": _lists(columns, "window.first_sample", _samples(columns)),
                "tallies": _lists(columns, "window.first_tally", _tallies(columns)),
            }
        ),
        path,
        compression="zstd",
        compression_level=1,
        # Statistics of payloads help nobody who searches, and cost a comparison of each.
        write_statistics=["session", "start_us", "end_us"],
        use_dictionary=["session", *(f"samples.list.element.{name}" for name in _REPEATED)],
    )


#: Columns of samples that have few values.
_REPEATED = ("sensor", "input", "content_type")


def _strings(columns: Columns, kind: str, name: str) -> Any:
    return pyarrow.array(columns.names[kind], pyarrow.string()).take(
        pyarrow.array(columns.arrays[name])
    )


def _lists(columns: Columns, first: str, rows: Any) -> Any:
    offsets = pyarrow.array(columns.arrays[first].astype(np.int32))
    return pyarrow.ListArray.from_arrays(offsets, rows)


def _samples(columns: Columns) -> Any:
    a = columns.arrays
    types = _strings(columns, "content_type", "content.type")
    contents = pyarrow.LargeBinaryArray.from_buffers(
        pyarrow.large_binary(),
        len(a["content.type"]),
        [None, pyarrow.py_buffer(a["content.first_byte"]), pyarrow.py_buffer(a["content.bytes"])],
    )
    which = pyarrow.array(a["sample.content"])
    fields = {
        "sensor": _strings(columns, "sensor", "sample.sensor"),
        "input": _strings(columns, "input", "sample.input"),
        "offset": pyarrow.array(a["sample.offset"]),
        "start_us": pyarrow.array(a["sample.start_us"]),
        "end_us": pyarrow.array(a["sample.end_us"]),
        "content_type": types.take(which),
        "feature": contents.take(which),
    }
    return pyarrow.StructArray.from_arrays(list(fields.values()), list(fields))


def _tallies(columns: Columns) -> Any:
    fields = {
        "sensor": _strings(columns, "sensor", "tally.sensor"),
        "input": _strings(columns, "input", "tally.input"),
        **{name: pyarrow.array(columns.arrays[f"tally.{name}"]) for name in TALLY_NUMBERS},
    }
    return pyarrow.StructArray.from_arrays(list(fields.values()), list(fields))


def read(path: Path) -> Iterator[Window]:
    """The shard's windows in order. Raises ``OfflineError`` for a file that is not a shard."""
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    yield _window(row)
    except (pyarrow.ArrowException, KeyError) as error:
        raise OfflineError(
            f"{path}: expected a shard of windows, got {type(error).__name__} ({error}); align "
            "the recording again"
        ) from None


def _window(row: dict[str, Any]) -> Window:
    samples = [
        StoredSample(
            each["sensor"],
            each["input"],
            each["offset"],
            each["start_us"],
            each["end_us"],
            each["feature"],
            each["content_type"],
        )
        for each in row["samples"]
    ]
    tallies = {
        each["sensor"]: tally_of(each["input"], [each[name] for name in TALLY_NUMBERS])
        for each in row["tallies"]
    }
    return window_of(row["session"], row["start_us"], row["end_us"], samples, tallies)
