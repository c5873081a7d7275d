"""Places on the earth and how far apart they are; knows no shop and no map service.

Coordinates are WGS-84, as receivers give them. Maps made in mainland China show GCJ-02, which lies 50 to 700 metres off there: such places are
converted first, or a shop would be found on the wrong side of a river.

Source: haversine formula, Sinnott (1984), Virtues of the haversine, Sky and Telescope 68; GCJ-02 as published with open reimplementations of
its polynomial (Krasovsky 1940 ellipsoid). The way back is found by repeating the way there.
"""

from __future__ import annotations

from math import asin, cos, hypot, pi, radians, sin, sqrt
from typing import Final, NamedTuple

EARTH_KM: Final = 6371.0088
# Krasovsky 1940: semi-major axis in metres and squared eccentricity.
_AXIS: Final = 6378245.0
_ECCENTRICITY: Final = 0.00669342162296594323
# Where the offset is applied: a rectangle around mainland China.
_SOUTH, _NORTH, _WEST, _EAST = 0.8293, 55.8271, 72.004, 137.8347
_ROUNDS: Final = 20
_DEGREES: Final = 1e-9


class Place(NamedTuple):
    """Degrees north and east."""

    latitude: float
    longitude: float


def km_between(one: Place, other: Place) -> float:
    """Along the earth's surface."""
    north, south = radians(one.latitude), radians(other.latitude)
    half = sin((north - south) / 2) ** 2
    half += cos(north) * cos(south) * sin(radians(one.longitude - other.longitude) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


def to_gcj02(place: Place) -> Place:
    """From WGS-84; outside mainland China both are the same."""
    if not (_SOUTH <= place.latitude <= _NORTH and _WEST <= place.longitude <= _EAST):
        return place
    north, east = _metres_off(place.longitude - 105.0, place.latitude - 35.0)
    angle = radians(place.latitude)
    flat = 1 - _ECCENTRICITY * sin(angle) ** 2
    latitude = north * 180.0 / (_AXIS * (1 - _ECCENTRICITY) / (flat * sqrt(flat)) * pi)
    longitude = east * 180.0 / (_AXIS / sqrt(flat) * cos(angle) * pi)
    return Place(place.latitude + latitude, place.longitude + longitude)


def from_gcj02(place: Place) -> Place:
    """Back to WGS-84, to a tenth of a millimetre."""
    found = place
    for _ in range(_ROUNDS):
        shown = to_gcj02(found)
        north, east = place.latitude - shown.latitude, place.longitude - shown.longitude
        found = Place(found.latitude + north, found.longitude + east)
        if hypot(north, east) < _DEGREES:
            break
    return found


def _metres_off(x: float, y: float) -> tuple[float, float]:
    """North and east, of degrees east of 105 and north of 35."""
    root = sqrt(abs(x))
    both = (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + both
    north += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + both
    east += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    return north, east
