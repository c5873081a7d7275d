"""Makes sales_data.csv: two years of one invented shop, day by day. README.md beside it states the rule.

Run it to make the same file again: python examples/make_sales_data.py
"""

from __future__ import annotations

import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path

FILE = Path(__file__).parent / "sales_data.csv"
SEED = 42
FIRST, DAYS = date(2022, 1, 3), 728
WEEKDAYS = (0.85, 0.8, 0.85, 0.95, 1.2, 1.4, 0.95)
WEATHER = {"sun": 1.1, "cloud": 1.0, "rain": 0.85}


def main() -> None:
    rng = random.Random(SEED)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("date", "price", "promotion", "advertising", "weather", "sales"))
        for number in range(DAYS):
            writer.writerow(row(rng, number))


def row(rng: random.Random, number: int) -> tuple[str, str, int, str, str, str]:
    day = FIRST + timedelta(days=number)
    promotion = int(rng.random() < 0.15)
    price = round(rng.uniform(9.0, 11.0) - 1.5 * promotion, 2)
    advertising = round(rng.gammavariate(2.0, 50.0), 0)
    weather = rng.choices(tuple(WEATHER), weights=(4, 4, 2))[0]
    season = 1 + 0.15 * math.sin(2 * math.pi * day.timetuple().tm_yday / 365.25)
    level = (200 + 0.15 * number + 0.2 * advertising) * season * WEEKDAYS[day.weekday()] * WEATHER[weather]
    sales = level * (1 + 0.3 * promotion) * (10 / price) ** 1.5 * math.exp(rng.gauss(0, 0.06))
    return day.isoformat(), f"{price:.2f}", promotion, f"{advertising:.0f}", weather, f"{sales:.0f}"


if __name__ == "__main__":
    main()
