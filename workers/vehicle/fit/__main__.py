"""`python -m workers.vehicle.fit`: the shipped tracker's parameters, made anew from KITTI."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workers.errors import WorkerError

#: KITTI is CC BY-NC-SA; what is kept of it are these few dozen numbers.
NOTE = (
    "Fitted on the 7 train sequences of KITTI tracking (CC BY-NC-SA 3.0; split of AB3DMOT), "
    "detections of PointRCNN (lidar) and RRC (camera). Radar values are not fitted."
)


def main(
    data: Annotated[Path, typer.Option(help="Folder with label_02/, det_*/ and sequence maps.")],
    out: Annotated[Path, typer.Option(help="Folder for model.json and parameters.json.")],
    passes: Annotated[int, typer.Option(min=0, max=9, help="Passes of the search.")] = 1,
    seqmap: Annotated[str, typer.Option(help="Sequence map to fit on.")] = "train",
) -> None:
    """Fit the tracker's parameters on the train sequences: about 25 trackings of them, 3 minutes.

    Curves of scores and noise come from single detections, the odds of being seen again from
    tracks, gates and thresholds from a search by HOTA and MOTA.

    Example: python -m workers.vehicle.fit --data kitti_tracking --out workers/models/drive
    """
    from workers.vehicle.fit.fitting import fit
    from workers.vehicle.fit.saving import save

    def note(text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    try:
        parameters, figures = fit(data, seqmap, passes=passes, note=note)
        save(out, parameters.model_copy(update={"note": NOTE}), figures)
    except (WorkerError, OSError) as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    typer.run(main)
