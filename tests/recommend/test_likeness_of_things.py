"""Likeness of things bought: EASE against ridge regressions solved one by one."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_recommend.core.next_purchase.likeness import ease


def test_ease_foretells_a_column_without_itself_as_ridge_regression_does() -> None:
    rng = np.random.default_rng(5)
    bought = (rng.random((200, 8)) < 0.3).astype(np.float32)
    weights = ease(bought, 10.0)
    for column in range(8):
        others = np.delete(np.arange(8), column)
        left = bought[:, others].astype(float)
        expected = np.linalg.solve(left.T @ left + 10 * np.eye(7), left.T @ bought[:, column])
        assert weights[others, column] == pytest.approx(expected, abs=1e-4)
        assert weights[column, column] == 0
