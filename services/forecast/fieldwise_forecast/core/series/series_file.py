"""A fitted engine as bytes: a header in JSON, then arrays and forecasters one after another; knows no file system."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import Any

import numpy as np

from ..features import Floats
from .backtests import Backtest
from .engine import FittedSeries
from .panel import Frequency
from .pool import POOL
from .standings import Choice, Standing

# Changes when a file of before can no longer be read.
FORM = 1
_LENGTH = struct.Struct("<I")


def to_bytes(fitted: FittedSeries) -> bytes:
    """Equal engines give equal bytes. The backtest is kept in single precision."""
    test = fitted.backtest
    packed = {name: fitted.forecasters[name].packed() for name in sorted(fitted.forecasters)}
    header = {
        "form": FORM,
        "frequency": fitted.frequency.value,
        "inputs": fitted.inputs,
        "end": fitted.end,
        "horizon": fitted.horizon,
        "seed": fitted.seed,
        "choices": {level: asdict(choice) for level, choice in fitted.choices.items()},
        "leaderboard": [asdict(one) for one in fitted.leaderboard],
        "origins": test.origins,
        "shape": test.actual.shape,
        "forecasters": {name: len(raw) for name, raw in packed.items()},
    }
    plain = json.dumps(header, sort_keys=True).encode()
    arrays = b"".join(array.astype("<f4").tobytes() for array in (test.actual, test.forecast))
    return _LENGTH.pack(len(plain)) + plain + arrays + b"".join(packed.values())


def from_bytes(raw: bytes) -> FittedSeries:
    """The engine that was packed so. Raises ValueError for another form of file."""
    (length,) = _LENGTH.unpack_from(raw)
    header: dict[str, Any] = json.loads(raw[_LENGTH.size : _LENGTH.size + length])
    if header["form"] != FORM:
        raise ValueError(f"a file of series in form {header['form']}, this version reads {FORM}; train again")
    shape = tuple(header["shape"])
    size = 4 * int(np.prod(shape))
    begin = _LENGTH.size + length
    actual, forecast = (array_of(raw[begin + i * size : begin + (i + 1) * size], shape) for i in range(2))
    begin += 2 * size
    forecasters = {}
    for name, count in header["forecasters"].items():
        forecasters[name] = POOL[name].opened(raw[begin : begin + count])
        begin += count
    return FittedSeries(
        frequency=Frequency(header["frequency"]),
        inputs=tuple(header["inputs"]),
        end=header["end"],
        horizon=header["horizon"],
        seed=header["seed"],
        choices={level: Choice(**choice) for level, choice in header["choices"].items()},
        forecasters=forecasters,
        backtest=Backtest(tuple(header["origins"]), actual, forecast),
        leaderboard=tuple(Standing(**one) for one in header["leaderboard"]),
    )


def array_of(raw: bytes, shape: tuple[int, ...]) -> Floats:
    return np.frombuffer(raw, dtype="<f4").astype(np.float64).reshape(shape)
