"""The customer's face as a camera sees it: drawn, 160 by 120, mouth and brows show the mood."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 160, 120
JPEG_QUALITY = 80

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

#: How far a mood bends the mouth (positive: corners up) and tilts the brows (positive: inner ends
#: down, a frown), in parts of the face's half width.
MOUTH = {"negative": -0.22, "neutral": 0.0, "positive": 0.26}
FROWN = {"negative": 0.16, "neutral": 0.0, "positive": -0.07}

#: cv2 draws with this many fractional bits, so a slowly moving face does not jump by pixels.
_SHIFT = 4
_ONE = 1 << _SHIFT


@dataclass(frozen=True, slots=True)
class Look:
    """What one person and their room look like; colours are BGR."""

    skin: Colour
    hair: Colour
    shirt: Colour
    size: float
    light: float
    room: Picture


@dataclass(frozen=True, slots=True)
class Expression:
    """A face at one moment: bends as in ``MOUTH`` and ``FROWN``; 0 to 1 for the rest."""

    mouth: float
    frown: float
    open_mouth: float
    closed_eyes: float
    shift_x: float
    shift_y: float


def make_look(rng: np.random.Generator) -> Look:
    """A person in front of a wall with a shelf or a window."""
    tone = float(rng.uniform(0.4, 1.0))
    skin = _colour(np.array([150, 180, 225]) * tone + rng.normal(0, 3, 3))
    hair = _colour(np.array([40, 60, 90]) * rng.uniform(0.2, 1.6))
    wall = rng.uniform(90, 210, 3)
    fall = np.linspace(1.1, 0.8, HEIGHT)[:, None, None]
    room = np.clip(np.ones((HEIGHT, WIDTH, 3)) * wall * fall, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(-20, WIDTH)), int(rng.integers(-10, 70))
        w, h = int(rng.integers(15, 60)), int(rng.integers(10, 50))
        cv2.rectangle(room, (x, y), (x + w, y + h), _colour(wall + rng.normal(0, 40, 3)), -1)
    return Look(
        skin=skin,
        hair=hair,
        shirt=_colour(rng.uniform(30, 220, 3)),
        size=float(rng.uniform(30.0, 37.0)),
        light=float(rng.uniform(0.75, 1.15)),
        room=room,
    )


def draw_face(look: Look, face: Expression, rng: np.random.Generator) -> bytes:
    """One frame as JPEG, 160 x 120, with the sensor noise that ``rng`` gives."""
    picture = look.room.copy()
    x, y, half = 80.0 + face.shift_x, 58.0 + face.shift_y, look.size
    dark = _scale(look.skin, 0.55)
    _ellipse(picture, (x, y + 2.15 * half), (1.5 * half, 0.95 * half), look.shirt)
    _ellipse(picture, (x, y + 1.15 * half), (0.36 * half, 0.5 * half), _scale(look.skin, 0.85))
    _ellipse(picture, (x, y - 0.18 * half), (1.06 * half, 1.22 * half), look.hair)
    _ellipse(picture, (x, y + 0.1 * half), (0.92 * half, 1.15 * half), look.skin)
    for side in (-1.0, 1.0):
        _eye(picture, look, face, x + side * 0.38 * half, y - 0.1 * half)
        _brow(picture, look, face, x, y - 0.42 * half, side)
    nose = [(x, y), (x - 0.1 * half, y + 0.34 * half), (x + 0.08 * half, y + 0.36 * half)]
    _line(picture, nose, dark, 1)
    _mouth(picture, look, face, x, y + 0.68 * half)
    noise = rng.integers(-6, 7, (HEIGHT // 2, WIDTH // 2), dtype=np.int16)
    grain = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    lit = cv2.addWeighted(
        picture,
        look.light,
        cv2.cvtColor(grain.astype(np.float32), cv2.COLOR_GRAY2BGR),
        1.0,
        0.0,
        dtype=cv2.CV_8U,
    )
    done, jpeg = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "OpenCV was built without JPEG"
    return jpeg.tobytes()


def _eye(picture: Picture, look: Look, face: Expression, x: float, y: float) -> None:
    half = look.size
    lid = 0.12 * half * (1.0 - face.closed_eyes)
    if lid < 1.0:
        _line(picture, [(x - 0.17 * half, y), (x + 0.17 * half, y)], _scale(look.skin, 0.4), 1)
        return
    _ellipse(picture, (x, y), (0.19 * half, lid), (240, 240, 240))
    _ellipse(picture, (x, y), (0.09 * half, min(lid, 0.09 * half)), (40, 30, 25))


def _brow(picture: Picture, look: Look, face: Expression, x: float, y: float, side: float) -> None:
    half = look.size
    inner = (x + side * 0.2 * half, y + face.frown * half)
    outer = (x + side * 0.58 * half, y - 0.5 * face.frown * half)
    _line(picture, [inner, outer], look.hair, 2)


def _mouth(picture: Picture, look: Look, face: Expression, x: float, y: float) -> None:
    half = look.size
    along = np.linspace(-1.0, 1.0, 13)
    bend = face.mouth * half * (0.7 - 1.6 * along**2)
    width = 0.42 * half
    gap = 0.22 * half * face.open_mouth * (1.0 - along**2)
    upper = [(x + width * a, y + b - g / 2) for a, b, g in zip(along, bend, gap, strict=True)]
    lower = [(x + width * a, y + b + g) for a, b, g in zip(along, bend, gap, strict=True)]
    if face.open_mouth > 0.15:
        outline = np.array([*upper, *lower[::-1]]) * _ONE
        cv2.fillPoly(picture, [outline.astype(np.int32)], (45, 30, 70), cv2.LINE_AA, _SHIFT)
    lips = (70, 60, 150)
    _line(picture, upper, lips, 2)
    _line(picture, lower, lips, 2)


def _ellipse(
    picture: Picture, centre: tuple[float, float], axes: tuple[float, float], colour: Colour
) -> None:
    at = (round(centre[0] * _ONE), round(centre[1] * _ONE))
    size = (round(axes[0] * _ONE), round(axes[1] * _ONE))
    cv2.ellipse(picture, at, size, 0, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)


def _line(
    picture: Picture, points: list[tuple[float, float]], colour: Colour, thickness: int
) -> None:
    path = (np.array(points) * _ONE).astype(np.int32)
    cv2.polylines(picture, [path], False, colour, thickness, cv2.LINE_AA, _SHIFT)


def _colour(values: npt.NDArray[np.float64]) -> Colour:
    blue, green, red = (int(value) for value in np.clip(values, 0, 255))
    return blue, green, red


def _scale(colour: Colour, factor: float) -> Colour:
    return _colour(np.array(colour, dtype=np.float64) * factor)
