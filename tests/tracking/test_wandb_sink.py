"""wandb gets what it should, and nothing that fails in it reaches the run."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mesagym.errors import UserError
from mesagym.tracking import RunInfo, WandbSink, wandb_sink

INFO = RunInfo(
    "alpha-0", 1000, (0, 3), ("cheese",), config={"split": {"alpha": 0}}, group="sweep"
)
ROWS = {
    "seed": np.array([0, 3, 0, 3], np.int32),
    "update": np.array([1, 1, 2, 2], np.int32),
    "env_steps": np.array([10, 10, 20, 20], np.int64),
    "return_cheese": np.array([np.nan, np.nan, 0.25, 0.75], np.float32),
    "learning_rate": np.array([1.0, 1.0, 0.5, 0.5], np.float32),
}
OUTCOMES = pa.table({"seed": [0, 3], "outcome": ["proxy", "base"]})


class FakeWandb(SimpleNamespace):
    """A module that remembers what was asked of it, and fails where it should."""

    def __init__(self, fails: str = "", error: BaseException | None = None) -> None:
        super().__init__()
        self.fails = fails
        self.error = error or RuntimeError("something broke\nwith details")
        self.inits: list[dict[str, Any]] = []
        self.points: list[dict[str, Any]] = []
        self.metrics: list[tuple] = []
        self.finished: list[int] = []
        self.logged_in = False
        self.summary = SimpleNamespace(update=self._summary)
        self.told: dict[str, Any] = {}
        self.url = "https://wandb.example/run"
        self.dir = "/run/wandb/offline-run-1/files"

    def _maybe_fail(self, what: str) -> None:
        if what == self.fails:
            raise self.error

    def login(self, *, prompt: bool, verify: bool) -> bool:
        assert prompt is False
        self._maybe_fail("login")
        return self.logged_in

    def Settings(self, **settings: Any) -> dict[str, Any]:
        return settings

    def init(self, **options: Any) -> "FakeWandb":
        self.inits.append(options)
        self._maybe_fail("init")
        self._maybe_fail(f"init {options['mode']}")
        return self

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self._maybe_fail("define_metric")
        self.metrics.append((name, step_metric))

    def log(self, point: dict[str, Any]) -> None:
        self._maybe_fail("log")
        self.points.append(point)

    def Table(self, columns: list, data: list) -> tuple:
        self._maybe_fail("Table")
        return columns, data

    def Video(self, path: str, format: str) -> tuple:
        self._maybe_fail("Video")
        return path, format

    def _summary(self, values: dict[str, Any]) -> None:
        self._maybe_fail("summary")
        self.told.update(values)

    def finish(self, exit_code: int) -> None:
        self.finished.append(exit_code)
        self._maybe_fail("finish")


Use = Callable[..., FakeWandb]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Puts a fake in the place of wandb."""
    monkeypatch.delenv("WANDB_MODE", raising=False)

    def put(*arguments: Any) -> FakeWandb:
        fake = FakeWandb(*arguments)
        monkeypatch.setitem(sys.modules, "wandb", fake)
        return fake

    return put


def go(sink: WandbSink, films: tuple[Path, ...] = ()) -> None:
    sink.start(INFO)
    sink.log(ROWS, step=1)
    sink.log(ROWS, step=2)
    sink.finish({"verdict": {"word": "robust"}}, OUTCOMES, films)
    sink.close()


# --- what it gets ---------------------------------------------------------------------


def test_each_seed_has_keys_of_its_own_beside_the_mean():
    assert wandb_sink.points(ROWS)[1] == {
        "env_steps": 20,
        "update": 2,
        "seed-0/return_cheese": 0.25,
        "seed-3/return_cheese": 0.75,
        "mean/return_cheese": 0.5,
        "seed-0/learning_rate": 0.5,
        "seed-3/learning_rate": 0.5,
        "mean/learning_rate": 0.5,
    }


def test_what_is_not_there_yet_is_left_out():
    point = wandb_sink.points(ROWS)[0]
    assert not any("return_cheese" in key for key in point)


def test_returns_are_left_out_until_episodes_had_time_to_fail():
    rows = {
        "seed": np.array([0, 0]),
        "update": np.array([1, 2]),
        "env_steps": np.array([10, 20]),
        "length": np.array([3.0, 9.0]),
        "return_cheese": np.array([1.0, 0.5]),
        "learning_rate": np.array([0.5, 0.5]),
    }
    info = replace(INFO, episode_env_steps=10)
    first, second = wandb_sink.points(wandb_sink.without_early(rows, info))
    assert [key for key in first if key.startswith("mean/")] == ["mean/learning_rate"]
    assert (second["mean/return_cheese"], second["mean/length"]) == (0.5, 9.0)
    assert wandb_sink.without_early(rows, INFO) is rows


def test_the_mean_is_over_the_seeds_that_have_a_value():
    rows = {**ROWS, "return_cheese": np.array([math.inf, 1.0, 0.0, np.nan])}
    first, second = wandb_sink.points(rows)
    assert first["mean/return_cheese"] == 1.0
    assert second["mean/return_cheese"] == 0.0


def test_one_run_is_made_for_the_configuration(tmp_path: Path, use: Use):
    wandb = use()
    sink = WandbSink(tmp_path, project="maze", mode="offline", run_id="abc")
    go(sink)
    (made,) = wandb.inits
    expected = {
        "project": "maze",
        "group": "sweep",
        "name": "alpha-0",
        "config": {"split": {"alpha": 0}},
        "mode": "offline",
        "id": "abc",
        "resume": "allow",
        "dir": str(tmp_path),
    }
    assert {key: made[key] for key in expected} == expected
    assert ("*", "env_steps") in wandb.metrics
    assert wandb.finished == [0]


def test_the_end_brings_summary_outcomes_and_films(tmp_path: Path, use: Use):
    wandb = use()
    go(WandbSink(tmp_path, mode="offline"), (tmp_path / "seed-0.gif",))
    assert wandb.told == {"verdict/word": "robust"}
    last = wandb.points[-1]
    columns, data = last["outcomes"]
    assert columns == ["seed", "outcome"]
    assert data == [[0, "proxy"], [3, "base"]]
    assert last["films/seed-0"] == (str(tmp_path / "seed-0.gif"), "gif")
    assert last["env_steps"] == 20


def test_a_long_table_is_sent_in_part_evenly_spaced():
    table = pa.table({"level": list(range(1001))})
    some = wandb_sink.spaced(table, 11)["level"].to_pylist()
    assert some == list(range(0, 1001, 100))


def test_a_run_that_did_not_finish_is_ended_as_failed(tmp_path: Path, use: Use):
    wandb = use()
    sink = WandbSink(tmp_path, mode="offline")
    sink.start(INFO)
    sink.close()
    sink.close()
    assert wandb.finished == [1]


def test_disabled_does_not_even_import_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    said: list[str] = []
    go(WandbSink(tmp_path, mode="disabled", say=said.append))
    assert said == []


def test_an_unknown_mode_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="Did you mean 'offline'"):
        WandbSink(tmp_path, mode="ofline")


def test_the_environment_is_left_as_it_was(tmp_path: Path, use: Use):
    use()
    before = dict(os.environ)
    go(WandbSink(tmp_path, mode="offline"))
    assert dict(os.environ) == before


# --- going online ---------------------------------------------------------------------


def test_online_says_where_the_run_can_be_seen(tmp_path: Path, use: Use):
    use().logged_in = True
    said: list[str] = []
    go(WandbSink(tmp_path, say=said.append))
    assert said == ["wandb: https://wandb.example/run"]


def test_nobody_logged_in_means_offline_and_no_question(tmp_path: Path, use: Use):
    wandb = use()
    said: list[str] = []
    go(WandbSink(tmp_path, say=said.append))
    assert [made["mode"] for made in wandb.inits] == ["offline"]
    assert "nobody is logged in" in said[0]


def test_no_network_means_offline(tmp_path: Path, use: Use):
    wandb = use("init online")
    wandb.logged_in = True
    said: list[str] = []
    go(WandbSink(tmp_path, say=said.append))
    assert [made["mode"] for made in wandb.inits] == ["online", "offline"]
    assert said[0].endswith("kept offline: something broke")
    assert len(wandb.points) == 5


def test_the_variable_of_wandb_overrules_online(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch
):
    wandb = use()
    wandb.logged_in = True
    monkeypatch.setenv("WANDB_MODE", "offline")
    go(WandbSink(tmp_path, say=[].append))
    assert [made["mode"] for made in wandb.inits] == ["offline"]


# --- failures -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, SystemExit(1), ImportError("broken")])
@pytest.mark.parametrize(
    "fails",
    ["init", "define_metric", "log", "summary", "Table", "Video", "finish"],
)
def test_a_failure_is_said_once_and_goes_no_further(
    fails: str, error: BaseException | None, tmp_path: Path, use: Use
):
    wandb = use(fails, error)
    said: list[str] = []
    go(WandbSink(tmp_path, mode="offline", say=said.append), (tmp_path / "a.gif",))
    failures = [line for line in said if "failed and is left out" in line]
    assert len(failures) == 1
    assert "\n" not in failures[0]
    assert str(tmp_path) in failures[0]
    if fails != "init":
        assert len(wandb.finished) == 1


def test_a_missing_wandb_is_said_once_and_goes_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    said: list[str] = []
    go(WandbSink(tmp_path, mode="offline", say=said.append))
    (line,) = said
    assert "wandb failed" in line


def test_an_interrupt_in_wandb_stops_the_run(tmp_path: Path, use: Use):
    use("log", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        go(WandbSink(tmp_path, mode="offline"))


# --- the real one ---------------------------------------------------------------------

_REAL = """
import json, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
from PIL import Image
from mesagym.tracking import RunInfo, WandbSink

folder = Path(sys.argv[1])
film = folder / "seed-0.gif"
frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 255)]
frames[0].save(film, save_all=True, append_images=frames[1:])
rows = {
    "seed": np.array([0, 1]), "update": np.array([1, 1]),
    "env_steps": np.array([10, 10]), "return_cheese": np.array([0.5, np.nan]),
}
said = []
sink = WandbSink(folder, mode=sys.argv[2], run_id="abcdef", say=said.append)
sink.start(RunInfo("run", 10, (0, 1), ("cheese",), config={"a": 1}, group="g"))
sink.log(rows, step=1)
sink.finish({"verdict": "robust"}, pa.table({"seed": [0]}), [film])
sink.close()
print(json.dumps({"said": said, "moviepy": "moviepy" in sys.modules}))
"""


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_the_real_wandb_keeps_a_run_offline(mode: str, tmp_path: Path):
    folder, home = tmp_path / "ein Lauf", tmp_path / "home"
    for each in (folder, home):
        each.mkdir()
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("WANDB")
    }
    # Nobody is logged in there: online has to do without, and must not ask.
    environment |= {"HOME": str(home), "NETRC": str(home / "netrc")}
    done = subprocess.run(
        [sys.executable, "-c", _REAL, str(folder), mode],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert not any("failed" in line for line in result["said"])
    assert "wandb sync" in result["said"][-1]
    assert result["moviepy"] is False
    (made,) = (folder / "wandb").glob("offline-run-*-abcdef")
    assert (made / "run-abcdef.wandb").stat().st_size > 0
    assert list(made.glob("files/media/videos/films/*.gif"))
    assert list(made.glob("files/media/table/outcomes*.json"))
    # Nothing was written into the home directory.
    assert not [path for path in home.rglob("*") if path.is_file()]
