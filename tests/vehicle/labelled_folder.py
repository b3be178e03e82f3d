"""A made-up KITTI tracking folder: one car ahead that both sensors see, with known errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SHIFT_PX, WIDTH_PX = 4.0, 100.0


def write_folder(root: Path, *, frames: int = 40, sequences: tuple[str, ...] = ("0000",)) -> Path:
    """The camera's left edge is ``SHIFT_PX`` too far right; the lidar also has clutter with low
    scores, in every second frame.
    """
    for name in sequences:
        truth, lidar, camera = [], [], []
        for at in range(frames):
            x1 = 300 + 2 * at
            box = f"{x1} 100 {x1 + WIDTH_PX:g} 160"
            truth.append(f"{at} 1 Car 0 0 0 {box} 1.5 1.8 4.0 1.0 1.6 {20 + at * 0.1} -1.57")
            image = f"{x1},100,{x1 + WIDTH_PX:g},160"
            lidar.append(f"{at},2,{image},8.0,1.5,1.8,4.0,1.0,1.6,{20 + at * 0.1},-1.57,0")
            if at % 2:
                lidar.append(f"{at},2,800,100,860,160,-0.5,1.5,1.8,4.0,9.0,1.6,25,-1.57,0")
            camera.append(f"{at},{x1 + SHIFT_PX:g},100,{x1 + WIDTH_PX:g},160,0.99")
        for path, lines in (
            (f"label_02/{name}.txt", truth),
            (f"det_lidar3d_pointrcnn/Car/{name}.txt", lidar),
            (f"det_camera2d_rrc/Car/{name}.txt", camera),
        ):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("\n".join(lines) + "\n")
    seqmap = "".join(f"{name} empty 000000 {frames:06d}\n" for name in sequences)
    (root / "evaluate_tracking.seqmap.train").write_text(seqmap)
    return root


def boxes(n: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Boxes in space (n, 7)."""
    return np.random.default_rng(seed).uniform(-3, 3, (n, 7))
