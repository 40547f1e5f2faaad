"""What the README shows runs as it stands there."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_python_example_runs_and_its_patch_changes_the_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    code = re.search(r"```python\n(.*?)```", README, re.S)
    assert code is not None
    names: dict = {}
    exec(compile(code[1], "README.md", "exec"), names)
    before, after = (jax.nn.softmax(names[n].logits) for n in ("before", "after"))
    assert names["before"].captured["dense_1"].shape == (1, 128)
    assert not np.allclose(before, after)


def test_every_file_that_the_readme_points_to_is_there() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", README)
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []
