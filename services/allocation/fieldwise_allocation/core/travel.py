"""Distances over the earth without a road network; knows nothing of accounts or reps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
# Roads are longer than the great circle; 1.3 is the factor in common use where no road matrix is at hand.
DETOUR = 1.3


def road_km(
    from_degrees: npt.NDArray[np.float64], to_degrees: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Kilometres from each origin to each destination, one way.

    Args:
        from_degrees: Latitude and longitude, shape (n, 2).
        to_degrees: Latitude and longitude, shape (m, 2).
    Returns:
        Great circle x 1.3, shape (n, m); NaN where a place is NaN.
    """
    a, b = np.radians(from_degrees), np.radians(to_degrees)
    half = np.sin((a[:, None, 0] - b[None, :, 0]) / 2) ** 2
    half += np.cos(a[:, None, 0]) * np.cos(b[None, :, 0]) * np.sin((a[:, None, 1] - b[None, :, 1]) / 2) ** 2
    # Rounding may push opposite points a hair over 1.
    return np.asarray(2 * DETOUR * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))))
