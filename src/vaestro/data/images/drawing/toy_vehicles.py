"""Toy planes, lorries and cars.

The toy's axes: x ahead, y to its left, z up; it stands on z = 0. Lengths are relative.
"""

from vaestro.data.images.drawing.building import (
    Section,
    block,
    box,
    capsule,
    cylinder,
    ellipsoid,
    wheel,
)
from vaestro.data.images.drawing.solids import Solid
from vaestro.data.images.drawing.traits import Traits

RUBBER, GLASS = 0.12, 0.2
STEM = 0.012
"""Half the thickness of what is nearly a sheet."""


def plane(traits: Traits) -> list[Solid]:
    """An aeroplane: fuselage, swept wings, tail; jets under the wings or a propeller in front."""
    tone = traits.between(0.6, 0.9)
    length, girth = traits.between(0.85, 1.1), traits.between(0.12, 0.19)
    span, chord = traits.between(0.7, 1.15), traits.between(0.24, 0.42)
    sweep, height = traits.between(0.0, 0.5), traits.between(-0.7, 0.7)
    fin, tail = traits.between(0.25, 0.45), traits.between(0.28, 0.45)
    axis = 0.32 + girth
    solids = [
        ellipsoid((0, 0, axis), (length, girth, girth), tone),
        capsule((-0.55 * length, 0, axis), (0.6 * length, 0, axis), 0.9 * girth, tone),
        ellipsoid((0.55 * length, 0, axis + 0.55 * girth), (0.2, 0.6 * girth, 0.6 * girth), GLASS),
        block(
            Section(-0.98 * length, -0.98 * length + 0.34, STEM),
            axis,
            Section(-1.08 * length, -1.08 * length + 0.18, STEM),
            axis + 0.6 * girth + fin,
            tone,
        ),
    ]
    for side in (-1, 1):
        root, tip = (
            Section(-0.4 * chord, 0.6 * chord, 0.04),
            Section(-0.3 * chord - sweep, 0.15 * chord - sweep, 0.02),
        )
        at = (0.12, 0.0, axis + height * girth)
        solids.append(block(root, 0.0, tip, span, 0.9 * tone, at, 90 * side))
        root, tip = Section(-0.13, 0.13, 0.022), Section(-0.22, -0.08, STEM)
        at = (-0.82 * length, 0.0, axis + 0.2 * girth)
        solids.append(block(root, 0.0, tip, tail, 0.9 * tone, at, 90 * side))
        solids += _undercarriage(-0.05, 0.22 * side, axis)
    solids += _undercarriage(0.62 * length, 0.0, axis)
    if traits.one_in_two():
        for side in (-1, 1):
            y, z = 0.45 * span * side, axis + height * girth - 0.09
            x = 0.12 + 0.3 * chord - 0.45 * sweep
            solids.append(cylinder((x - 0.22, y, z), (x + 0.12, y, z), 0.085, 0.45))
    else:
        nose = length + 0.02
        solids.append(capsule((nose - 0.1, 0, axis), (nose + 0.05, 0, axis), 0.05, 0.4))
        solids.append(box((nose, -0.4, axis - 0.045), (nose + 0.03, 0.4, axis + 0.045), 0.35))
    return solids


def _undercarriage(x: float, y: float, axis: float) -> list[Solid]:
    return [
        cylinder((x, y, 0.08), (x, y * 0.5, axis), 0.025, 0.5),
        wheel(x, y, 0.1, 0.07, RUBBER),
    ]


def truck(traits: Traits) -> list[Solid]:
    """A lorry: cab with windscreen, six wheels, and a box or a tank behind."""
    cab, load = traits.between(0.5, 0.9), traits.between(0.5, 0.9)
    length, side = traits.between(0.85, 1.35), traits.between(0.28, 0.38)
    high, tall = traits.between(0.45, 0.62), traits.between(0.35, 0.75)
    bonnet, radius = traits.between(0.0, 0.35), traits.between(0.14, 0.19)
    floor = 1.35 * radius
    cab_back, cab_front = 0.55 * length, 0.55 * length + 0.42
    front = cab_front + bonnet
    upper = Section(cab_back, cab_front - 0.08, 0.93 * side)
    solids = [
        box((-0.6 * length, -0.6 * side, floor - 0.09), (front, 0.6 * side, floor + 0.03), 0.25),
        block(Section(cab_back, cab_front, side), floor, upper, floor + high, cab),
        block(
            Section(cab_back + 0.1, cab_front + 0.02, 0.86 * side),
            floor + 0.52 * high,
            Section(cab_back + 0.1, cab_front - 0.055, 0.8 * side),
            floor + 0.9 * high,
            GLASS,
        ),
        box(
            (cab_back + 0.1, -1.01 * side, floor + 0.55 * high),
            (cab_front - 0.12, 1.01 * side, floor + 0.86 * high),
            GLASS,
        ),
        box((front - 0.04, -side, floor - 0.06), (front + 0.06, side, floor + 0.07), 0.3),
    ]
    if bonnet > 0.1:
        nose = Section(cab_front - 0.02, front, 0.85 * side)
        solids.append(
            block(nose, floor, nose._replace(front=front - 0.05), floor + 0.48 * high, cab)
        )
    for x in (-0.42 * length, -0.42 * length + 2.2 * radius, cab_front - 0.18 + 0.6 * bonnet):
        for y in (-side + 0.05, side - 0.05):
            solids.append(wheel(x, y, radius, 0.13, RUBBER))
            solids.append(wheel_cap(x, y + 0.05 if y > 0 else y - 0.05, radius))
    back, end = -0.6 * length, cab_back - 0.06
    if traits.one_in_two():
        girth = min(0.5 * tall + 0.05, 1.05 * side)
        solids.append(cylinder((back, 0, floor + girth), (end, 0, floor + girth), girth, load))
    else:
        solids.append(
            box((back, -1.05 * side, floor + 0.03), (end, 1.05 * side, floor + tall), load)
        )
    return solids


def wheel_cap(x: float, y: float, radius: float) -> Solid:
    """The bright middle of a wheel."""
    return cylinder((x, y - 0.03, radius), (x, y + 0.03, radius), 0.5 * radius, 0.6)


def car(traits: Traits) -> list[Solid]:
    """A car: low body, tapered cabin with windows under a roof, four wheels; some have a wing."""
    tone = traits.between(0.5, 0.9)
    length, side = traits.between(0.8, 1.05), traits.between(0.36, 0.44)
    body, cabin = traits.between(0.2, 0.3), traits.between(0.2, 0.34)
    radius, back = traits.between(0.14, 0.19), traits.between(-0.95, -0.5) * length
    front, slope = traits.between(0.15, 0.45) * length, traits.between(0.12, 0.3)
    floor, belt = 0.7 * radius, 0.7 * radius + body
    lower = Section(back, front, 0.92 * side)
    roof = Section(back + 0.6 * slope, front - slope, 0.74 * side)
    rim = Section(roof.back - 0.02, roof.front + 0.02, roof.side + 0.02)
    solids = [
        block(
            Section(-0.97 * length, 0.97 * length, side),
            floor,
            Section(-length, length, side),
            floor + 0.55 * body,
            tone,
        ),
        block(
            Section(-length, length, side),
            floor + 0.54 * body,
            Section(-0.96 * length, 0.9 * length, 0.9 * side),
            belt,
            tone,
        ),
        block(lower, belt - 0.02, roof, belt + cabin, GLASS),
        block(rim, belt + cabin - 0.02, roof, belt + cabin + 0.04, tone),
        box((0.94 * length, -0.9 * side, floor), (1.04 * length, 0.9 * side, floor + 0.08), 0.3),
    ]
    for y in (-1, 1):
        for x in (-0.62 * length, 0.62 * length):
            solids.append(wheel(x, (side - 0.03) * y, radius, 0.14, RUBBER))
            solids.append(wheel_cap(x, (side + 0.02) * y, radius))
        lamp = (0.95 * length, 0.65 * side * y, floor + 0.6 * body)
        solids.append(ellipsoid(lamp, (0.06, 0.08, 0.06), 1.0))
        solids += _pillars(lower, roof, belt, cabin, tone, y)
    if traits.one_in_two():
        solids.append(
            box((-length, -0.9 * side, belt + 0.12), (-0.8 * length, 0.9 * side, belt + 0.16), tone)
        )
        solids.append(
            box((-0.95 * length, -0.05, belt - 0.02), (-0.85 * length, 0.05, belt + 0.13), tone)
        )
    return solids


def _pillars(
    lower: Section, roof: Section, belt: float, cabin: float, tone: float, y: int
) -> list[Solid]:
    """The posts on one side that carry the roof: behind, in the middle, in front."""
    middle = 0.5 * (lower.back + lower.front)
    ends = ((lower.back, roof.back), (middle, middle), (lower.front, roof.front))
    return [
        capsule((foot, lower.side * y, belt - 0.02), (top, roof.side * y, belt + cabin), 0.03, tone)
        for foot, top in ends
    ]
