"""A training on a table as a drawing: the learners' errors, and the served one beside what was. Knows no call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldwise.forecast.v1.table_service_pb2 import TableReport

SUFFIXES = (".png", ".svg", ".pdf")
# Those that systems bring; without any of them a Chinese title would be a row of boxes.
CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
    "WenQuanYi Zen Hei",
)


class CannotDraw(Exception):
    """The drawing cannot be made; the message says what to do."""


def demand_drawing(file: Path) -> None:
    """Say so before anything is trained when the drawing could not be made afterwards.

    Raises:
        CannotDraw: The file's suffix is unknown, its folder is missing, or matplotlib is not installed.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise CannotDraw(f"--plot: got {file.name!r}; give a file that ends in {', '.join(SUFFIXES)}")
    if not file.absolute().parent.is_dir():
        raise CannotDraw(f"--plot: folder {str(file.parent)!r} does not exist; make it first")
    try:
        import matplotlib  # noqa: F401  # only whether it is there
    except ModuleNotFoundError:
        raise CannotDraw(
            "--plot needs matplotlib; run: pip install 'fieldwise-client[plot]', or leave --plot out"
        ) from None


def draw(report: TableReport, file: Path) -> None:
    """Write the drawing; its format is that of the file's suffix."""
    from matplotlib import font_manager, rc_context
    from matplotlib.figure import Figure

    there = {font.name for font in font_manager.fontManager.ttflist}
    chinese = [name for name in CHINESE_FONTS if name in there]
    title = report.target if report.target.isascii() or chinese else "target"
    with rc_context({"font.family": ["DejaVu Sans", *chinese]}):
        figure: Any = Figure(figsize=(11, 4.5), layout="constrained")
        board, course = figure.subplots(1, 2, width_ratios=(1, 2))
        draw_board(board, report)
        draw_course(course, report)
        course.set_title(f"{title}, rows that were not learnt from")
        figure.savefig(file)


def draw_board(axes: Any, report: TableReport) -> None:
    """A bar of WAPE per learner, the served one dark."""
    scores = list(reversed(report.version.leaderboard))
    names = [score.learner for score in scores]
    colors = ["tab:blue" if name == report.version.learner else "lightgray" for name in names]
    bars = axes.barh(names, [100 * score.metrics["wape"] for score in scores], color=colors)
    axes.bar_label(bars, fmt="%.1f", padding=2)
    # Room for the label of the longest bar.
    axes.margins(x=0.12)
    axes.set_title("WAPE on the test rows, %")


def draw_course(axes: Any, report: TableReport) -> None:
    """What was and what was said, by time; without dates one against the other."""
    actual = [point.actual for point in report.points]
    predicted = [point.predicted for point in report.points]
    if report.split_by_time:
        times = [point.date.ToDatetime() for point in report.points]
        axes.plot(times, actual, color="gray", label="actual")
        axes.plot(times, predicted, color="tab:blue", label=report.version.learner)
        axes.tick_params(axis="x", rotation=30)
        axes.legend()
    else:
        axes.scatter(actual, predicted, s=8, color="tab:blue")
        axes.axline((actual[0], actual[0]), slope=1, color="gray")
        axes.set_xlabel("actual")
        axes.set_ylabel(report.version.learner)
