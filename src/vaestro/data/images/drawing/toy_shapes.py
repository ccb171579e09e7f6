"""Fifty toys: ten animals, people, planes, trucks and cars, each with proportions of its own."""

from collections.abc import Callable

import numpy as np

from vaestro.data.images.drawing.solids import Solid
from vaestro.data.images.drawing.toy_creatures import animal, human
from vaestro.data.images.drawing.toy_vehicles import car, plane, truck
from vaestro.data.images.drawing.traits import Traits
from vaestro.data.images.turntable import CATEGORIES

BUILDERS: dict[str, Callable[[Traits], list[Solid]]] = {
    "animal": animal,
    "human": human,
    "plane": plane,
    "truck": truck,
    "car": car,
}


def toy(category: int, instance: int) -> list[Solid]:
    """The solids of one toy, its middle at the origin, inside the unit ball as it turns."""
    solids = BUILDERS[CATEGORIES[category]](Traits(category, instance))
    corners = np.concatenate([solid.corners for solid in solids])
    middle = 0.5 * (corners.min(0) + corners.max(0))
    size = 1 / np.linalg.norm(corners - middle, axis=1).max()
    return [solid.moved(np.eye(3), -middle, float(size)) for solid in solids]
