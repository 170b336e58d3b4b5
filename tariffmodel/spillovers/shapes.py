"""What do the states look like on a map?"""

from __future__ import annotations

import json
from itertools import chain

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, in_use
from tariffmodel.facts.protected import kept_with_files
from tariffmodel.facts.tables import read

SHAPES, STATES = "spillovers/states-albers-10m.json", "spillovers/states.csv"


@kept_with_files
def states(facts: Facts) -> dict[str, list[np.ndarray]]:
    """Outlines of the states, of each ring of each part.

    Arcs of a topology (Bostock and Metcalf, TopoJSON format specification 1.0, section 2.1.4) are differences
    of whole numbers; a negative one is arc ~i, backwards. Neighbours share arcs, so that borders meet.

    Returns
    -------
    dict of str to list of array
        By the two letters of a state, rings (points, 2) of x to the right and y downwards, on a sheet of
        975 by 610. Alaska and Hawaii stand below the southwest, on scales of their own.

    Raises
    ------
    DataError
        If the file of shapes is missing or lacks a state.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = states(tm.facts.load())
    >>> len(found), found["CO"][0].shape[1], bool((found["CO"][0][0] == found["CO"][0][-1]).all())
    (51, 2, True)
    """
    path = in_use(facts.folder, facts.overlay, SHAPES)
    if not path.is_file():
        raise DataError(f"data/{SHAPES} is missing; restore it or point --data elsewhere")
    topology = json.loads(path.read_text(encoding="utf-8"))
    scale, origin = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    arcs = [np.cumsum(arc, axis=0) * scale + origin for arc in topology["arcs"]]

    def ring(numbers: list[int]) -> np.ndarray:
        lines = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in numbers]
        return np.concatenate([lines[0], *(line[1:] for line in lines[1:])])

    shapes = {one["id"]: one for one in topology["objects"]["states"]["geometries"]}
    found = {}
    for state, fips in read(facts, STATES)[["state", "fips"]].itertuples(index=False):
        if fips not in shapes:
            raise DataError(f"data/{SHAPES} has no shape of {state} (id {fips}); restore the file")
        parts = shapes[fips]["arcs"]
        rings = parts if shapes[fips]["type"] == "Polygon" else chain.from_iterable(parts)
        found[str(state)] = [ring(numbers) for numbers in rings]
    return found
