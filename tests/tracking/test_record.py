"""Run directories: made, taken up again, refused, locked, read, copied."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.tracking import (
    DamagedFile,
    Evaluation,
    RunDirectory,
    config_hash,
    configuration,
    files,
)

Open = Callable[..., RunDirectory]


def everything(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- making and taking up -------------------------------------------------------------


def test_a_new_run_says_that_it_is_new(open_run: Open):
    with open_run() as run:
        assert run.is_new


def test_the_same_configuration_takes_the_run_up_again(open_run: Open):
    open_run().close()
    with open_run() as run:
        assert not run.is_new


def test_the_configuration_comes_back(run: RunDirectory, config: dict):
    assert run.config == config


def test_the_folder_is_read_without_mesagym(run: RunDirectory, config: dict):
    import yaml

    assert yaml.safe_load((run.path / "config.yaml").read_text()) == config
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["seeds"] == [0]
    assert manifest["config_hash"] == config_hash(config)


def test_a_path_with_spaces_and_any_letters_works(tmp_path: Path, open_run: Open):
    path = tmp_path / "Läufe, α = 0.1" / "迷路 #1"
    with open_run(path) as run:
        run.append_metrics({"ö": [1.0]}, step=1)
        run.save_checkpoint(1, {"é": np.ones(2)}, {})
        run.write_file("films/Käse.gif", b"GIF")
    run = RunDirectory.read(path)
    run.verify()
    checkpoint = run.load_checkpoint()
    assert checkpoint is not None
    assert list(checkpoint.arrays) == ["é"]


def test_what_has_changed_when_a_run_is_taken_up_is_kept(tmp_path: Path):
    path = tmp_path / "run"
    RunDirectory.open(path, {}, manifest={"python": "3.11", "device": "cpu"}).close()
    facts = {"python": "3.12", "device": "cpu"}
    with RunDirectory.open(path, {}, manifest=facts) as run:
        assert run.manifest["python"] == "3.11"
        assert run.manifest["resumed"] == [{"python": "3.12"}]


def test_a_finished_run_is_opened_without_changing_it(open_run: Open):
    with open_run() as run:
        run.write_summary({"verdict": "robust"})
    before = everything(run.path)
    with open_run() as run:
        assert run.completed
    assert everything(run.path) == before


def test_a_run_without_a_summary_is_not_completed(run: RunDirectory):
    assert not run.completed


def test_a_summary_may_say_that_the_run_is_not_complete(run: RunDirectory):
    run.write_summary({"stopped": True}, complete=False)
    assert not run.completed


def test_only_the_identity_decides_whether_a_run_is_the_same(tmp_path: Path):
    path, identity = tmp_path / "run", {"alpha": 0.1}
    for tracking in ("none", "wandb"):
        config = {"alpha": 0.1, "tracking": tracking}
        with RunDirectory.open(path, config, manifest={}, identity=identity) as run:
            assert run.config["tracking"] == tracking


def test_a_run_is_the_same_after_a_key_was_added_that_is_null(tmp_path: Path):
    path = tmp_path / "run"
    RunDirectory.open(path, {"agent": {"clip": 0.2}}, manifest={}).close()
    config = {"agent": {"clip": 0.2, "microbatch": None}}
    with RunDirectory.open(path, config, manifest={}) as run:
        assert not run.is_new
    config["agent"]["microbatch"] = 128
    with pytest.raises(UserError, match="microbatch is not set there and 128"):
        RunDirectory.open(path, config, manifest={})


def test_a_key_of_the_manifest_itself_cannot_be_a_fact(tmp_path: Path):
    with pytest.raises(ValueError, match="contents"):
        RunDirectory.open(tmp_path / "run", {}, manifest={"contents": {}})


def test_what_hydra_and_a_killed_process_leave_is_no_hindrance(
    tmp_path: Path, open_run: Open
):
    path = tmp_path / "run"
    (path / ".hydra").mkdir(parents=True)
    for name in ("train.log", ".lock", ".tmp-0123456789abcdef"):
        (path / name).touch()
    with open_run(path) as run:
        assert run.is_new
        assert not (path / ".tmp-0123456789abcdef").exists()


def test_a_run_killed_before_its_configuration_was_written_is_taken_up(
    open_run: Open, config: dict
):
    with open_run() as run:
        path = run.path
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["contents"] = {}
    files.atomic_write_json(path / "manifest.json", files.sealed(manifest))
    (path / "config.yaml").unlink()
    with open_run() as run:
        assert run.config == config


# --- hashes of configurations ---------------------------------------------------------


def test_the_order_of_keys_does_not_change_the_hash():
    one = {"a": 1, "b": {"c": 2, "d": 3}}
    assert config_hash(one) == config_hash({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    ("one", "other"), [(2_000_000, 2e6), ((1, 2), [1, 2]), (np.float64(0.5), 0.5)]
)
def test_values_that_mean_the_same_have_the_same_hash(one: object, other: object):
    assert config_hash({"key": one}) == config_hash({"key": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [(0.1, 0.2), (1, True), (1, "1"), (None, "null"), (math.inf, None), ([1], 1)],
)
def test_values_that_differ_have_different_hashes(one: object, other: object):
    assert config_hash({"key": one}) != config_hash({"key": other})


# --- refusals -------------------------------------------------------------------------


def test_another_configuration_is_refused_with_the_first_three_differences(
    tmp_path: Path,
):
    path = tmp_path / "run"
    first = {"split": {"alpha": 0.1}, "a": 1, "b": 2, "c": 3, "same": 0}
    RunDirectory.open(path, first, manifest={}).close()
    before = everything(path)
    second = {"split": {"alpha": 0}, "a": 2, "c": 4, "same": 0.0, "new": 1}
    with pytest.raises(UserError) as caught:
        RunDirectory.open(path, second, manifest={})
    message = str(caught.value)
    assert "split.alpha is 0.1 there and 0 here" in message
    assert "a is 1 there and 2 here" in message
    assert "b is 2 there and not set here" in message
    assert "(and 2 more)" in message
    assert "same" not in message.split("here")[0]
    assert "Choose another folder" in message
    assert "\n" not in message
    assert everything(path) == before


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path, open_run: Open):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match=r"not empty \(thesis\.tex\)"):
        open_run(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path, open_run: Open):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        open_run(tmp_path / "file")


def test_a_run_below_a_file_is_refused(tmp_path: Path, open_run: Open):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="a file, not a folder"):
        open_run(tmp_path / "file" / "run")


def test_an_evaluation_is_not_taken_for_a_run(tmp_path: Path, open_run: Open):
    Evaluation.open(tmp_path / "it", {}, manifest={}).close()
    with pytest.raises(UserError, match="not a run directory but"):
        open_run(tmp_path / "it")


def test_a_run_of_a_newer_format_is_refused(open_run: Open):
    with open_run() as run:
        manifest = {**run.manifest, "format": "mesagym-run/2"}
    files.atomic_write_json(run.path / "manifest.json", files.sealed(manifest))
    with pytest.raises(UserError, match="newer mesagym"):
        RunDirectory.read(run.path)


def test_a_manifest_that_points_outside_its_folder_is_refused(open_run: Open):
    with open_run() as run:
        manifest = run.manifest
    manifest["contents"]["metrics/../../secret"] = {"sha256": "", "bytes": 0}
    files.atomic_write_json(run.path / "manifest.json", files.sealed(manifest))
    with pytest.raises(UserError, match="outside its folder"):
        RunDirectory.read(run.path)


def test_a_failure_while_making_a_run_leaves_nothing(
    tmp_path: Path, open_run: Open, monkeypatch: pytest.MonkeyPatch
):
    def fail(_):
        raise UserError("the disk is full")

    monkeypatch.setattr(configuration, "to_yaml", fail)
    with pytest.raises(UserError):
        open_run(tmp_path / "new" / "run")
    assert os.listdir(tmp_path) == []


# --- the lock -------------------------------------------------------------------------

_HOLD = """
import sys
from mesagym.tracking import RunDirectory
config = {"env": {"name": "corner", "size": 9}, "split": {"alpha": 0.1}, "seeds": 4}
with RunDirectory.open(sys.argv[1], config, manifest={}):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_refused_and_told_which_has_it(
    tmp_path: Path, open_run: Open
):
    path = tmp_path / "run"
    command = [sys.executable, "-c", _HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"in use by process {holder.pid} "):
            open_run(path)
        # Reading needs no lock.
        RunDirectory.read(path).verify()
        holder.kill()
    # The lock ends with its process, however that ended.
    with open_run(path) as run:
        assert not run.is_new


def test_the_same_process_cannot_open_a_run_twice(open_run: Open, run: RunDirectory):
    with pytest.raises(UserError, match=f"process {os.getpid()} "):
        open_run()
    run.save_checkpoint(1, {}, {})


def test_a_closed_run_leaves_no_lock_file(open_run: Open):
    with open_run() as run:
        assert (run.path / ".lock").exists()
    assert not (run.path / ".lock").exists()


def test_a_closed_run_cannot_be_written_to(open_run: Open):
    with open_run() as run:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        run.save_checkpoint(1, {}, {})


# --- reading --------------------------------------------------------------------------


def test_a_run_that_is_read_is_not_written_to(open_run: Open):
    with open_run() as run:
        run.append_metrics({"a": [1]}, step=1)
        run.save_checkpoint(1, {}, {})
    before = everything(run.path)
    reader = RunDirectory.read(run.path)
    reader.load_checkpoint()
    reader.read_metrics()
    for write in (
        lambda: reader.append_metrics({"a": [1]}, step=2),
        lambda: reader.write_summary({}),
        lambda: reader.save_policy(0, {}, {}),
    ):
        with pytest.raises(RuntimeError, match="opened for reading"):
            write()
    assert everything(run.path) == before


def test_a_run_copied_by_hand_can_be_read_and_taken_up(tmp_path: Path, open_run: Open):
    with open_run() as run:
        run.save_checkpoint(3, {"a": np.arange(3)}, {"b": 1})
        run.append_metrics({"a": [1]}, step=4)
        shutil.copytree(run.path, tmp_path / "copy")
    RunDirectory.read(tmp_path / "copy").verify()
    with open_run(tmp_path / "copy") as copy:
        checkpoint = copy.load_checkpoint()
    assert checkpoint is not None
    assert checkpoint.step == 3


def test_no_folder_is_said_to_be_none(tmp_path: Path):
    with pytest.raises(UserError, match="there is no run directory at"):
        RunDirectory.read(tmp_path / "nowhere")


def test_a_folder_of_runs_names_those_in_it(tmp_path: Path, open_run: Open):
    for name in ("alpha-0", "alpha-1"):
        open_run(tmp_path / name).close()
    with pytest.raises(UserError, match=r"It holds some: alpha-0, alpha-1\."):
        RunDirectory.read(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "config.yaml",
        "outcomes.parquet",
        "summary.json",
        "metrics/part-00000.parquet",
        "policy/policy.json",
        "policy/seed-0.safetensors",
        "films/one.gif",
    ],
)
@pytest.mark.parametrize("harm", ["missing", "torn", "altered"])
def test_a_harmed_file_is_named(name: str, harm: str, open_run: Open):
    with open_run() as run:
        run.append_metrics({"a": [1]}, step=1)
        run.save_policy(0, {"w": np.ones(3)}, {"architecture": "mlp"})
        run.write_outcomes({"seed": [0], "outcome": ["base"]})
        run.write_file("films/one.gif", b"GIF89a")
        run.write_summary({"verdict": "robust"})
    path = run.path / name
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    elif harm == "torn":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(UserError, match=path.name) as caught:
        RunDirectory.read(run.path).verify()
    assert "\n" not in str(caught.value)


def test_a_harmed_summary_stops_the_run_from_being_taken_up(open_run: Open):
    with open_run() as run:
        run.write_summary({})
    (run.path / "summary.json").write_text("{}")
    with pytest.raises(DamagedFile, match=r"summary\.json"):
        open_run()


def test_a_reader_sees_what_was_written_after_it_came(run: RunDirectory):
    run.append_metrics({"a": [1]}, step=1)
    reader = RunDirectory.read(run.path)
    run.append_metrics({"a": [2]}, step=2)
    run.compact_metrics()
    run.write_summary({"verdict": "robust"})
    assert reader.read_metrics()["a"].to_pylist() == [1, 2]
    assert reader.read_summary()["verdict"] == "robust"


def test_what_a_run_lacks_is_named(run: RunDirectory):
    with pytest.raises(UserError, match=r"has no outcomes\.parquet"):
        run.read_outcomes()


# --- files ----------------------------------------------------------------------------


def test_outcomes_come_back(run: RunDirectory):
    columns = {
        "policy": ["trained", "random"],
        "seed": np.array([0, 1], np.int32),
        "clean": np.array([True, False]),
        "efficiency": np.array([1.0, np.nan], np.float32),
    }
    run.write_outcomes(columns)
    table = run.read_outcomes()
    assert table["policy"].to_pylist() == ["trained", "random"]
    assert [str(field.type) for field in table.schema] == [
        "string",
        "int32",
        "bool",
        "float",
    ]
    assert math.isnan(table["efficiency"][1].as_py())


def test_outcomes_may_be_given_as_rows(run: RunDirectory):
    run.write_outcomes([{"seed": seed} for seed in range(3)])
    assert run.read_outcomes()["seed"].to_pylist() == [0, 1, 2]


def test_columns_of_different_lengths_are_refused(run: RunDirectory):
    with pytest.raises(ValueError, match="different lengths"):
        run.write_outcomes({"a": [1], "b": [1, 2]})


def test_a_number_that_is_not_one_is_null_in_the_summary(run: RunDirectory):
    run.write_summary({"efficiency": float("nan")})
    assert run.read_summary() == {"efficiency": None, "complete": True}


def test_files_may_be_replaced(run: RunDirectory):
    for text in ("one", "two"):
        run.write_file("report.html", text)
    run.verify()
    assert run.report.read_text() == "two"


def test_the_manifest_cannot_be_written_as_a_file(run: RunDirectory):
    with pytest.raises(ValueError, match="own file"):
        run.write_file("manifest.json", "{}")


def test_a_finished_run_can_be_added_to(open_run: Open):
    with open_run() as run:
        run.write_summary({})
    with RunDirectory.reopen(run.path) as again:
        again.write_file("figures/curve.svg", "<svg/>")
    reader = RunDirectory.read(run.path)
    reader.verify()
    assert "figures/curve.svg" in reader.contents


# --- evaluations ----------------------------------------------------------------------


def test_an_evaluation_has_a_manifest_of_its_own(open_run: Open):
    open_run().close()
    run = RunDirectory.read(open_run().path)
    config = {"shifts": ["clean"]}
    with run.evaluation("clean-1", config, manifest={"time": "now"}) as evaluation:
        evaluation.write_outcomes({"seed": [0]})
        evaluation.write_summary({"verdict": "robust"})
    assert run.evaluations() == ("clean-1",)
    again = run.read_evaluation("clean-1")
    again.verify()
    assert again.completed
    assert again.config == config
    assert (run.path / "evaluations" / "clean-1" / "manifest.json").exists()


def test_an_evaluation_of_another_configuration_is_refused(run: RunDirectory):
    run.evaluation("one", {"shift": "a"}, manifest={}).close()
    with pytest.raises(UserError, match='shift is "a" there and "b" here'):
        run.evaluation("one", {"shift": "b"}, manifest={})


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a b"])
def test_an_evaluation_name_that_is_no_folders_is_refused(name: str, run: RunDirectory):
    with pytest.raises(UserError, match="cannot name an evaluation"):
        run.evaluation(name, {}, manifest={})
