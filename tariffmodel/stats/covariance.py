"""How do many series move together, when the days are hardly more than the series?"""

from __future__ import annotations

import numpy as np

__all__ = ["ledoit_wolf"]


def ledoit_wolf(series: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Covariances shrunk towards one variance and no correlation, and the shrinkage in [0, 1].

    Ledoit and Wolf (2004), J. Multivariate Analysis 88, eq. 14 and lemmas 3.2 to 3.4: with S the
    sample covariance (divisor T), m = tr S / n, d² = ‖S − mI‖² and b² = Σ_t ‖x_t x_t' − S‖² / T²
    capped at d², the estimate is (b²/d²) m I + (1 − b²/d²) S. Rows are taken as independent.

    Parameters
    ----------
    series : (..., T, n)
        Of mean zero.
    rows : (...), optional
        Rows that hold data, where others are zero. Default: T.

    Returns
    -------
    (..., n, n) and (...)

    Examples
    --------
    >>> moves = np.random.default_rng(0).normal(0, 0.02, (5, 30, 3))
    >>> covariance, shrinkage = ledoit_wolf(moves)
    >>> covariance.shape, bool(((0 < shrinkage) & (shrinkage <= 1)).all())
    ((5, 3, 3), True)
    """
    count = np.asarray(series.shape[-2] if rows is None else rows, dtype=float)
    names = series.shape[-1]
    sample = np.swapaxes(series, -1, -2) @ series / count[..., None, None]
    target = np.trace(sample, axis1=-2, axis2=-1)[..., None, None] / names * np.eye(names)
    distance = ((sample - target) ** 2).sum(axis=(-2, -1))
    squares = ((series**2).sum(axis=-1) ** 2).sum(axis=-1)
    noise = (squares / count - (sample**2).sum(axis=(-2, -1))) / count
    shrinkage = np.ones_like(distance)
    np.divide(noise, distance, out=shrinkage, where=distance > 0)
    shrinkage = np.clip(shrinkage, 0, 1)
    part = shrinkage[..., None, None]
    return part * target + (1 - part) * sample, shrinkage
