"""Results of a long work that is done in parts, kept on disk until all are there; knows no work."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Any


class Kept:
    """A folder of finished parts. Give each work a folder of its own, named by everything its results depend on.

    The parts are pickled: the folder must lie where only this installation writes, such as below its data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __contains__(self, index: int) -> bool:
        return self._place(index).exists()

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("*.part"))

    def __getitem__(self, index: int) -> Any:
        return pickle.loads(self._place(index).read_bytes())  # noqa: S301  # written by `keep`, see the class

    def keep(self, index: int, result: object) -> None:
        """Keep a part, whole or not at all."""
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            pickle.dump(result, file, pickle.HIGHEST_PROTOCOL)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._place(index))

    def forget(self) -> None:
        """Remove the folder: the work is done."""
        for file in self._folder.iterdir():
            file.unlink()
        self._folder.rmdir()

    def _place(self, index: int) -> Path:
        return self._folder / f"{index}.part"
