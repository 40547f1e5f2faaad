"""Blocked timings, what they ran on, and how they are shown and written."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax


class Timing(NamedTuple):
    """Things done per second, over the repeats."""

    name: str
    median: float
    low: float
    high: float
    compile_seconds: float
    limit: float | None = None  # per second, if nothing but the bottleneck ran
    note: str = ""


def measure(name: str, count: int, repeats: int, function: Any, *given: Any) -> Timing:
    """Time a compiled function that does ``count`` things a call.

    The first call, which compiles, is timed apart. Every call waits for its results.
    """
    begin = time.perf_counter()
    jax.block_until_ready(function(*given))
    first = time.perf_counter() - begin
    rates = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function(*given))
        rates.append(count / (time.perf_counter() - begin))
    return Timing(name, statistics.median(rates), min(rates), max(rates), first)


def matrix_peak(size: int = 2048, repeats: int = 9) -> float:
    """Return float32 multiply-adds, counted as two, a second of a large product."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    product = jax.jit(lambda a: a @ a)
    return measure("peak", 2 * size**3, repeats, product, a).high


def facts(timings: list[Timing], settings: dict[str, Any], peer: str | None) -> dict:
    """Return a record: figures, beside another system's if given, and provenance."""
    others = json.loads(Path(peer).read_text()) if peer else {"figures": {}}
    figures = {}
    for timing in timings:
        row = {k: v for k, v in timing._asdict().items() if k != "name" and v}
        if timing.limit:
            row["share_of_limit"] = timing.median / timing.limit
        if timing.name in others["figures"]:
            row["peer"] = others["figures"][timing.name]
            row["ratio_to_peer"] = timing.median / row["peer"]
        figures[timing.name] = row
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    names = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "figures": figures,
        "unit": "per second",
        "device": jax.devices()[0].device_kind,
        "platform": jax.devices()[0].platform,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
        "revision": revision,
        "command": " ".join(["python", *sys.argv]),
        "settings": settings,
        "peer": {k: v for k, v in others.items() if k != "figures"} or None,
        "utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def show(record: dict) -> None:
    """Print a record as a table."""
    print(
        f"{record['device']} ({record['platform']}), {record['cores']} cores, "
        f"load {record['load_average']:.1f}, jax {record['versions']['jax']}"
    )
    head = f"{'':32}{'median/s':>12}{'min':>12}{'max':>12}{'limit':>12}{'share':>7}"
    print(head + f"{'x peer':>8}{'compile':>9}")
    for name, row in record["figures"].items():
        line = f"{name:32}" + "".join(
            f"{row[k]:12,.0f}" if k in row else f"{'':12}"
            for k in ("median", "low", "high", "limit")
        )
        share, ratio = row.get("share_of_limit"), row.get("ratio_to_peer")
        line += f"{share:7.2f}" if share else " " * 7
        line += f"{ratio:8.1f}" if ratio else " " * 8
        print(line + f"{row['compile_seconds']:8.1f}s " + row.get("note", ""))


def write(record: dict, out: str | None) -> None:
    """Write a record as JSON where a path is given."""
    if out:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        print(f"written to {out}")
