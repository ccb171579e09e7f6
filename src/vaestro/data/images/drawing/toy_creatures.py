"""Toy animals and toy people.

The toy's axes: x ahead, y to its left, z up; it stands on z = 0. Lengths are relative.
"""

import numpy as np

from vaestro.data.images.drawing.building import capsule, cylinder, ellipsoid
from vaestro.data.images.drawing.solids import Solid
from vaestro.data.images.drawing.traits import Traits

RUBBER = 0.12


def animal(traits: Traits) -> list[Solid]:
    """A four-legged animal: body, neck, head with snout and ears, tail; some have horns."""
    tone = traits.between(0.55, 0.85)
    length, girth = traits.between(0.45, 0.75), traits.between(0.2, 0.34)
    leg, limb = traits.between(0.32, 0.62), traits.between(0.065, 0.105)
    neck, raised = traits.between(0.15, 0.65), np.radians(traits.between(25, 75))
    head, snout = traits.between(0.15, 0.22), traits.between(0.12, 0.3)
    ear, tail = traits.between(0.07, 0.17), traits.between(0.2, 0.5)
    hip = leg + 0.75 * girth
    chest = (0.8 * length, 0.0, hip + 0.25 * girth)
    nape = (chest[0] + neck * np.cos(raised), 0.0, chest[2] + neck * np.sin(raised))
    solids = [
        ellipsoid((0, 0, hip), (length, 0.85 * girth, girth), tone),
        ellipsoid((0.5 * length, 0, hip + 0.04), (0.5 * length, 0.88 * girth, 1.02 * girth), tone),
        capsule(chest, nape, 0.55 * girth, tone),
        ellipsoid((nape[0] + 0.05, 0, nape[2] + 0.03), (1.15 * head, 0.85 * head, head), tone),
        capsule(
            (nape[0] + 0.1, 0, nape[2]),
            (nape[0] + 0.6 * head + snout, 0, nape[2] - 0.4 * snout),
            0.5 * head,
            0.8 * tone,
        ),
        capsule(
            (-0.9 * length, 0, hip + 0.3 * girth),
            (-length - 0.6 * tail, 0, hip + 0.3 * girth - 0.7 * tail),
            0.045,
            0.8 * tone,
        ),
    ]
    for side in (-1, 1):
        for x in (-0.7 * length, 0.7 * length):
            y = 0.55 * girth * side
            solids.append(capsule((x, y, hip), (x, y, limb), limb, tone))
        top = nape[2] + 0.8 * head
        at = (nape[0] - 0.05, 0.75 * head * side, top)
        solids.append(ellipsoid(at, (0.045, 0.6 * ear, ear), 0.7 * tone))
    if traits.one_in_two():
        for side in (-1, 1):
            root = (nape[0] + 0.03, 0.4 * head * side, nape[2] + 0.8 * head)
            tip = (root[0] + 0.08, root[1] + 0.14 * side, root[2] + 0.28)
            solids.append(capsule(root, tip, 0.035, 0.95))
    return solids


def human(traits: Traits) -> list[Solid]:
    """A standing figure: legs with shoes, trunk, two bent arms, head; some wear a hat."""
    cloth, skin = traits.between(0.4, 0.8), traits.between(0.6, 0.9)
    leg, apart = traits.between(0.75, 1.0), traits.between(0.11, 0.24)
    trunk, shoulder = traits.between(0.5, 0.68), traits.between(0.24, 0.36)
    waist, thick = traits.between(0.55, 0.95), traits.between(0.13, 0.2)
    head, stride = traits.between(0.14, 0.2), traits.between(-0.2, 0.3)
    top = leg + trunk
    chin = top + 0.12
    solids = [
        ellipsoid((0, 0, leg + 0.56 * trunk), (1.05 * thick, shoulder, 0.56 * trunk), cloth),
        ellipsoid((0, 0, leg + 0.05), (thick, waist * shoulder, 0.2), 0.6 * cloth),
        cylinder((0, 0, top - 0.08), (0, 0, chin + 0.1), 0.075, skin),
        ellipsoid((0.02, 0, chin + head), (head, 0.85 * head, 1.15 * head), skin),
        ellipsoid((0.02 + head, 0, chin + 0.9 * head), (0.05, 0.035, 0.045), skin),
        ellipsoid((-0.03, 0, chin + 1.2 * head), (head, 0.92 * head, 1.05 * head), 0.25),
    ]
    for side in (-1, 1):
        foot = (stride * side, apart * side, 0.09)
        solids.append(capsule((0, 0.1 * side, leg), foot, 0.11, 0.6 * cloth))
        heel, toe = (foot[0] - 0.04, foot[1], 0.075), (foot[0] + 0.17, foot[1], 0.075)
        solids.append(capsule(heel, toe, 0.075, RUBBER))
        solids += _arm(traits, side, shoulder, top, cloth, skin)
    if traits.one_in_two():
        brim = chin + 1.65 * head
        solids.append(cylinder((0, 0, brim), (0, 0, brim + 0.03), 1.55 * head, 0.3))
        solids.append(cylinder((0, 0, brim), (0, 0, brim + 0.2), 0.9 * head, 0.3))
    return solids


def _arm(
    traits: Traits, side: int, shoulder: float, top: float, cloth: float, skin: float
) -> list[Solid]:
    """Upper arm, forearm and hand; each arm is raised by an angle of its own."""
    out, bend = np.radians(traits.between(12, 75)), np.radians(traits.between(10, 100))
    root = np.array([0, side * shoulder * 0.95, top - 0.1])
    elbow = root + 0.34 * np.array([0.1, side * np.sin(out), -np.cos(out)])
    hand = elbow + 0.32 * np.array(
        [np.sin(bend), 0.5 * side * np.sin(out), -np.cos(bend) * np.cos(0.5 * out)]
    )
    joints = [tuple(float(number) for number in point) for point in (root, elbow, hand)]
    return [
        capsule(joints[0], joints[1], 0.085, cloth),  # type: ignore[arg-type]
        capsule(joints[1], joints[2], 0.07, cloth),  # type: ignore[arg-type]
        ellipsoid(joints[2], (0.085, 0.085, 0.085), skin),  # type: ignore[arg-type]
    ]
