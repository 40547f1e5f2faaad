"""A reproduction in a folder of a test's own, and figures that need no training."""

from pathlib import Path
from typing import Any

import yaml

CLAIM: dict[str, Any] = {
    "id": "R99",
    "title": "Larger is more",
    "kind": "published",
    "claim": "More | of it.",
    "sources": [{"text": "Nobody 2020", "url": "https://example.org/paper"}],
    "published": [{"what": "share", "value": 0.89, "sure": "secondary"}],
    "smaller": "Everything.",
    "test": "The mean is above .5.",
    "explored": "Seeds 1000 and 1001.",
    "overrides": ["env=corner"],
    "conditions": {"one": ["split.alpha=0"]},
    "scales": {
        "smoke": {"overrides": ["seeds=2"]},
        "laptop": {"overrides": ["seeds=10"]},
        "paper": {"conditions": {"two": ["env.size=15"]}, "note": "Larger."},
    },
}

PROTOCOL = '''"""A test of one number."""

import numpy as np

from mesagym.evals.statistics import mean_interval
from mesagym.reproductions.judging import above, conclude


def measure(run):
    return {"values": [0.0]}


def judge(figures):
    values = np.array(figures["one"]["values"], dtype=np.float64)
    return conclude([above("the mean is above .5", mean_interval(values), 0.5)])
'''

FIGURE = '''"""A drawing of one number."""

from mesagym.report import style


def draw(figures):
    with style.applied():
        figure = style.new_figure(100, 100)
        figure.add_subplot().plot(figures["one"]["values"])
    return figure
'''


def written(folder: Path, **changed: Any) -> Path:
    """Write a reproduction into a folder, some keys of its claim changed."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = {**CLAIM, **changed}
    claim = {key: value for key, value in claim.items() if value is not None}
    (folder / "claim.yaml").write_text(
        yaml.safe_dump(claim, allow_unicode=True, sort_keys=False)
    )
    (folder / "protocol.py").write_text(PROTOCOL)
    (folder / "figure.py").write_text(FIGURE)
    return folder


def facts(values: list[float]) -> dict[str, Any]:
    """Return what is recorded beside a judgement."""
    return {
        "scale": "laptop",
        "command": "mesagym reproduce larger scale=laptop",
        "device": "cpu",
        "cpu_count": 2,
        "packages": {"jax": "0"},
        "protocol_commit": None,
        "seconds": 61.0,
        "conditions": {
            "one": {
                "overrides": ["env=corner", "seeds=10", "split.alpha=0"],
                "environment": "Corner-v0",
                "dynamics_version": 1,
                "seeds": [500, 501],
                "git": None,
                "figures": {"values": values},
            }
        },
    }
