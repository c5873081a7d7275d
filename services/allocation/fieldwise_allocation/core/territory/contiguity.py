"""How far each rep's accounts hang together on the map; knows nothing of rules, costs or solvers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.territory.problem import Floats

Indices = npt.NDArray[np.int64]

# A cell is a point of the neighbour graph: so many per rep show his shape, and a matrix of the most fits a cache.
CELLS_PER_REP = 10
MOST_CELLS = 2000
FEWEST_CELLS = 200
# A cell's neighbours are the nearest in each of so many directions, so that empty land between towns is bridged.
DIRECTIONS = 8
FINEST_DEGREES = 1e-4


@dataclass(frozen=True)
class Map:
    """Cells of places and who borders whom.

    Args:
        cell: The cell of each account, -1 without a place, shape (n,).
        neighbours: Up to DIRECTIONS cells beside each, -1 for none, shape (c, DIRECTIONS).
    """

    cell: Indices
    neighbours: Indices


@dataclass(frozen=True)
class Connected:
    """Hours in each rep's largest connected part, and in all, those without a place left out; shape (r,) each."""

    largest: Floats
    total: Floats
    inside: npt.NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Part of all hours that lies in the largest part of its rep; 1 without hours."""
        total = float(self.total.sum())
        return float(self.largest.sum()) / total if total > 0 else 1.0


def drawn(degrees: Floats, reps: int) -> Map:
    """The map of accounts at ``degrees`` (latitude, longitude; NaN without), shape (n, 2)."""
    known = np.flatnonzero(~np.isnan(degrees[:, 0]))
    flat = _flattened(degrees[known])
    most = min(max(CELLS_PER_REP * reps, FEWEST_CELLS), MOST_CELLS)
    cells, centres = _cells(flat, most)
    cell = np.full(len(degrees), -1, dtype=np.int64)
    cell[known] = cells
    return Map(cell, _neighbours(centres))


def connected(chart: Map, hours: Floats, rep_of: npt.NDArray[np.integer], reps: int) -> Connected:
    """What of each rep's hours hangs together: cells of his that border each other are one part."""
    here = np.flatnonzero((chart.cell >= 0) & (rep_of >= 0))
    nodes, node_of = np.unique(chart.cell[here] * reps + rep_of[here], return_inverse=True)
    label = _parts(nodes, chart.neighbours, reps)
    weight = np.bincount(label[node_of], hours[here], len(nodes))
    rep = nodes % reps
    largest, total = np.zeros(reps), np.zeros(reps)
    np.maximum.at(largest, rep, weight)
    np.add.at(total, rep, weight)
    best = np.full(reps, -1, dtype=np.int64)
    # Of equal parts the first counts as the largest: written from the back, so that it stands.
    order = np.flatnonzero(weight >= largest[rep])[::-1]
    best[rep[order]] = order
    inside = np.ones(len(rep_of), dtype=np.bool_)
    inside[here] = label[node_of] == best[rep[node_of]]
    return Connected(largest, total, inside)


def _flattened(degrees: Floats) -> Floats:
    """Plane coordinates in degrees of latitude: good enough to tell which cells border each other."""
    latitude, longitude = degrees.T
    if not len(degrees):
        return degrees
    # Accounts on both sides of the date line lie beside each other.
    middle = np.degrees(np.angle(np.exp(1j * np.radians(longitude)).mean()))
    east = (longitude - middle + 180.0) % 360.0 - 180.0
    return np.stack([latitude, east * np.cos(np.radians(latitude))], axis=1)


def _cells(flat: Floats, most: int) -> tuple[Indices, Floats]:
    """Squares as small as gives at most ``most`` of them, and the middle of the places in each."""
    width = FINEST_DEGREES
    while True:
        square = np.round(flat / width).astype(np.int64)
        code = square[:, 0] * 10_000_000 + square[:, 1]
        _, cell = np.unique(code, return_inverse=True)
        count = int(cell.max(initial=-1)) + 1
        if count <= most:
            break
        width *= 1.5
    members = np.maximum(np.bincount(cell, minlength=count), 1)
    centres = np.stack([np.bincount(cell, each, count) / members for each in flat.T], axis=1)
    return cell, centres


def _neighbours(centres: Floats) -> Indices:
    count = len(centres)
    found = np.full((count, DIRECTIONS), -1, dtype=np.int64)
    if count < 2:
        return found
    north = (centres[:, None, 0] - centres[None, :, 0]).astype(np.float32)
    east = (centres[:, None, 1] - centres[None, :, 1]).astype(np.float32)
    apart = north**2 + east**2
    np.fill_diagonal(apart, np.inf)
    steep = np.abs(north) > np.abs(east)
    # In bytes: half of the time goes into reading this eight times.
    octant = np.int8(4) * (north > 0) + np.int8(2) * (east > 0) + steep
    for direction in range(DIRECTIONS):
        within = np.where(octant == direction, apart, np.float32(np.inf))
        nearest = np.argmin(within, axis=1)
        there = np.isfinite(within[np.arange(count), nearest])
        found[there, direction] = nearest[there]
    return found


def _parts(nodes: Indices, neighbours: Indices, reps: int) -> Indices:
    """A label per node, equal for nodes that hang together: the smallest index among them spreads."""
    label = np.arange(len(nodes))
    cell, rep = np.divmod(nodes, reps)
    beside = neighbours[cell]
    wanted = (beside * reps + rep[:, None]).ravel()
    place = np.minimum(np.searchsorted(nodes, wanted), len(nodes) - 1) if len(nodes) else wanted
    real = (beside.ravel() >= 0) & (nodes[place] == wanted) if len(nodes) else place.astype(np.bool_)
    a, b = np.repeat(label, neighbours.shape[1])[real], place[real]
    while True:
        before = label.copy()
        least = np.minimum(label[a], label[b])
        np.minimum.at(label, a, least)
        np.minimum.at(label, b, least)
        label = label[label]
        if (label == before).all():
            return label
