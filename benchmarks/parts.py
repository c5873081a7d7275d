"""A benchmark in parts: each a module with ``rows(quick=...)``, run in order, all or some; knows no subject."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Collection, Sequence
from pathlib import Path

from benchmarks.report import Report


def run(
    package: str, title: str, parts: Sequence[str], words: str | None, *, drawing: Collection[str] = ()
) -> int:
    """Run what the command line asks for and print it; the exit code, 1 when a must is missed.

    Args:
        package: Where the parts are, such as ``benchmarks.profile``.
        words: What the command says of itself.
        drawing: Parts that take the folder for drawings, ``rows(quick=..., plots=...)``.
    """
    parser = argparse.ArgumentParser(prog=package, description=words)
    parser.add_argument("--quick", action="store_true", help="smaller samples and fewer rounds")
    parser.add_argument("--only", choices=parts, nargs="+", default=parts, help="these parts only")
    if drawing:
        told = f"folder for drawings (SVG) of: {', '.join(sorted(drawing))}; none are made without it"
        parser.add_argument("--plots", type=Path, default=None, help=told)
    asked = parser.parse_args()
    report = Report(title + (", quick run" if asked.quick else ""))
    for part in asked.only:
        also = {"plots": asked.plots} if part in drawing else {}
        for row in importlib.import_module(f"{package}.{part}").rows(quick=asked.quick, **also):
            report.add(row)
    return report.finish()
