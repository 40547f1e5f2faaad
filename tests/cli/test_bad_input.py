"""Whatever is typed wrongly: one line that says what, where and how to mend it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesagym.cli.commands import COMMANDS
from mesagym.cli.compose import Composer, composer
from mesagym.cli.keys import ALIASES
from mesagym.cli.main import main
from mesagym.errors import UserError


@pytest.fixture(scope="module")
def training() -> Iterator[Composer]:
    """Hydra, started once for all the tables of `mesagym train`."""
    with composer("train") as composed_by:
        yield composed_by


def refusal(training: Composer, typed: str) -> str:
    """Return what is said of one word after `mesagym train`."""
    with pytest.raises(UserError) as caught:
        training.settled(training.compose([typed]))
    line = str(caught.value)
    assert "\n" not in line
    return line


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that cannot be, and return its only line."""
    code = main(words)
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("mesagym: ")
    return err.removeprefix("mesagym: ").strip()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("trian.steps=5", ["unknown key 'trian.steps'", "'train.steps'"]),
        ("steps=5", ["unknown key 'steps'", "'train.steps'"]),
        ("env.siz=9", ["unknown key 'env.siz'", "'env.size'"]),
        ("environment=corner", ["unknown key 'environment'", "'env'"]),
        ("zzz=1", ["unknown key 'zzz'", "--help"]),
        ("+extra=1", ["unknown key 'extra'"]),
        ("+env.extra.deep=1", ["unknown key 'env.extra'"]),
        ("train={step:5e6}", ["unknown key 'train.step'", "'train.steps'"]),
        ("hydra.foo=1", ["unknown key 'hydra.foo'"]),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    training: Composer, typed: str, said: list[str]
) -> None:
    line = refusal(training, typed)
    assert [each for each in said if each not in line] == []


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("seed=3", ["seeds", "first_seed"]),
        ("train.seed=3", ["seeds", "first_seed"]),
        ("sede=3", ["seeds", "first_seed"]),
        ("n_seeds=3", ["seeds"]),
        ("lr=1e-3", ["agent.learning_rate"]),
        ("agent.lr=1e-3", ["agent.learning_rate"]),
        ("agent.lerning_rate=1e-3", ["agent.learning_rate"]),
        ("lerning_rate=1e-3", ["agent.learning_rate"]),
        ("gamma=0.9", ["agent.discount"]),
        ("agent.gama=0.9", ["agent.discount"]),
        ("ent_coef=0.01", ["agent.entropy"]),
        ("agent.entropy_coef=0.01", ["agent.entropy"]),
        ("n_envs=8", ["agent.num_envs"]),
        ("num_envs=8", ["agent.num_envs"]),
        ("total_timesteps=1e6", ["train.steps"]),
        ("train.total_timesteps=1e6", ["train.steps"]),
        ("steps=1e6", ["train.steps"]),
        ("alpha=0.1", ["split.alpha"]),
        ("train.alpha=0.1", ["split.alpha"]),
        ("size=9", ["env.size"]),
        ("env.height=9", ["env.size"]),
        ("environment=corner", ["env"]),
        ("epochs=3", ["agent.epochs"]),
        ("batch_size=64", ["agent.minibatches"]),
        ("network=cnn", ["agent"]),
        ("hidden=[32]", ["agent.network.hidden"]),
        ("agent.hidden=[32]", ["agent.network.hidden"]),
        ("levels=200", ["train.levels", "evaluation.levels"]),
        ("evaluation.n_levels=200", ["evaluation.levels"]),
        ("shift=clean", ["shifts"]),
    ],
)
def test_what_a_key_is_called_elsewhere_is_understood(
    training: Composer, typed: str, keys: list[str]
) -> None:
    name = typed.partition("=")[0]
    line = refusal(training, typed)
    said = " or ".join(f"'{key}'" for key in keys)
    assert line == f"unknown key '{name}'. Did you mean {said}?"


def test_every_key_that_is_meant_by_another_name_is_there() -> None:
    known: set[str] = set()
    for command in COMMANDS:
        with composer(command) as composed_by:
            known |= composed_by.known_keys([]).keys()
    targets = {key for keys in ALIASES.values() for key in keys}
    assert targets - known == set()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("env=cornr", ["env: unknown 'cornr'", "'corner'"]),
        ("agent=nlp", ["agent: unknown 'nlp'", "'mlp'", "impala"]),
        ("tracking=wandbb", ["tracking: unknown 'wandbb'", "'wandb'"]),
        ("curriculum=plr", ["curriculum: unknown 'plr'", "dr"]),
        ("experiment=demmo", ["experiment: unknown 'demmo'", "'demo'"]),
        ("hydra/launcher=joblob", ["hydra/launcher: unknown 'joblob'", "basic"]),
        ("env.layout=block", ["env.layout: unknown 'block'", "'blocks'"]),
        ("device=gpuu", ["device: unknown 'gpuu'", "'gpu'"]),
        ("evaluation.modes=[gredy]", ["evaluation.modes: unknown 'gredy'", "'greedy'"]),
        ("env=3", ["env: '3' is not the name"]),
        ("agent=[mlp,cnn]", ["agent: takes one file"]),
    ],
)
def test_an_unknown_name_is_said_with_the_allowed_ones(
    training: Composer, typed: str, said: list[str]
) -> None:
    line = refusal(training, typed)
    assert [each for each in said if each not in line] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("train.steps=many", ["train.steps: 'many' is not a number"]),
        ("train.steps=65536.5", ["train.steps: 65536.5 is not a whole number"]),
        ("train.steps=nan", ["train.steps: nan"]),
        ("train.levels=0", ["train.levels: 0 is below 1"]),
        ("train.steps.x=5", ["train.steps: takes a number", "'train.steps.x'"]),
        ("train=5", ["train: '5' is no section", "train.steps"]),
        ("split.alpha=2", ["split.alpha: 2 is outside [0, 1]"]),
        ("split.alpha=-0.1", ["split.alpha: -0.1 is outside [0, 1]"]),
        ("split.alpha=null", ["split.alpha: 'null' is not a number"]),
        ("split.alpha=", ["split.alpha: '' is not a number"]),
        ("env.size=4", ["env.size: 4 is outside 5 to 64"]),
        ("env.size=[9,65]", ["env.size: [9, 65] is outside 5 to 64"]),
        ("env.size=[9,9,9]", ["env.size: [9, 9, 9] is neither"]),
        ("env.size=big", ["env.size: big is neither a number nor [height, width]"]),
        ("env.region=12", ["env.region: 12 does not fit a 13x13 grid; use 1 to 11"]),
        (
            "env.cheese_region=12",
            ["env.cheese_region: 12 does not fit a 13x13 grid; use 0 to 11"],
        ),
        ("env.region=1.5", ["env.region: '1.5' is not a whole number"]),
        ("env.crop_radius=0", ["env.crop_radius: 0 is below 1"]),
        ("env.max_steps=0", ["env.max_steps: 0 is below 1"]),
        ("env.time_penalty=1.5", ["env.time_penalty: 1.5 is outside [0, 1]"]),
        ("agent.clip_values=maybe", ["'maybe' is not true or false"]),
        ("agent.learning_rate=-1", ["agent.learning_rate: -1 is below 0"]),
        ("agent.minibatches=7", ["agent.minibatches: 7 does not divide the 8192"]),
        ("agent.num_envs=null", ["agent.num_envs: 'null' is not a whole number"]),
        ("seeds=0", ["seeds: 0 is no seed"]),
        ("seeds=[]", ["seeds: [] is no seed"]),
        ("seeds=[3,3]", ["seeds: 3 is there twice"]),
        ("seeds=[-1]", ["seeds: [-1] is not a list of whole numbers"]),
        ("seeds=two", ["seeds: 'two' is neither"]),
        ("first_seed=-1", ["first_seed: -1 is below 0"]),
        ("run=", ["run: is empty"]),
        ("run=${nowhere}", ["run: Interpolation key 'nowhere' not found"]),
        ("evaluation.modes=greedy", ["evaluation.modes: 'greedy' is not a list"]),
        ("shifts=[]", ["shifts.names: is empty"]),
        ("train.objectives=cheese", ["train.objectives: 'cheese' is not a weight"]),
        ("train.objectives={corner:x}", ["train.objectives.corner: x"]),
        ("train.objectives={cheese:0}", ["all are 0"]),
        ("~split.alpha", ["split.alpha: a key cannot be taken away"]),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_key(
    training: Composer, typed: str, said: list[str]
) -> None:
    line = refusal(training, typed)
    assert [each for each in said if each not in line] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("steps", ["'steps' is not key=value", "'train.steps=...'"]),
        ("train.steps=[", ["'train.steps=['"]),
        ("=3", ["a key is missing"]),
        ("split.alpha=0,1", ["split.alpha: '0,1' is several values", "-m", "[0,1]"]),
        ("split.alpha=range(0,1)", ["split.alpha", "-m"]),
    ],
)
def test_words_that_are_no_key_and_value_are_said(
    training: Composer, typed: str, said: list[str]
) -> None:
    line = refusal(training, typed)
    assert [each for each in said if each not in line] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], ["unknown command 'trian'", "'train'"]),
        (["train", "agent=nlp"], ["agent: unknown 'nlp'", "'mlp'"]),
        (["train", "--multirunn"], ["unknown flag '--multirunn'", "'--multirun'"]),
        (["train", "--cfg=jbo"], ["'jbo'", "job"]),
        (["train", "-cd", "nowhere"], ["there is no folder 'nowhere'"]),
        (["evaluate"], ["run: give a value"]),
        (["report"], ["run: give a value"]),
        (["evaluate", "run=[a,b]"], ["run: '[a,b]' is not text"]),
        (["evaluate", "run=a", "level=3"], ["'level'", "'levels'"]),
        (["evaluate", "run=a", "mode=greedy"], ["Did you mean 'modes'?"]),
        (["report", "runs=a"], ["Did you mean 'run'?"]),
        (["report", "seed=3"], ["`mesagym report --help` lists the keys"]),
        (["report", "run=[]"], ["run: '[]' is neither"]),
        (["demo", "alphas=[0,2]"], ["alphas: 2 is outside [0, 1]"]),
        (["demo", "alphas=[1,1]"], ["alphas: 1 is there twice"]),
        (["demo", "split.alpha=1"], ["split.alpha", "alphas=[0,1]"]),
        (["evaluate", "run=nowhere"], ["there is no run directory at 'nowhere'"]),
        (["report", "run=nowhere"], ["there is no run directory at 'nowhere'"]),
        (
            ["train", "split=corner_langosco", "env=dish"],
            ["env: 'dish'", "split=corner_langosco", "of 'corner'", "leave env out"],
        ),
        (
            ["show", "env=corner", "split=dish_published"],
            ["env: 'corner'", "split=dish_published", "of 'dish'"],
        ),
        (
            ["train", "-m", "split=dish_published,default", "env=corner"],
            ["job 1 of 2", "env: 'corner'", "of 'dish'"],
        ),
        (["doctor", "matrix=0"], ["matrix: 0 is below 16"]),
        (["-sc", "install=csh"], ["unknown shell 'csh'", "bash"]),
        (["-sc", "instal=bash"], ["install="]),
    ],
)
def test_every_command_says_what_it_cannot_do(
    capsys: pytest.CaptureFixture[str], words: list[str], said: list[str]
) -> None:
    line = complaint(capsys, *words)
    assert [each for each in said if each not in line] == []


@pytest.mark.parametrize("words", [("env=corner",), ("env=dish", "split=default")])
def test_a_split_goes_with_its_own_environment(
    training: Composer, words: tuple[str, ...]
) -> None:
    split = [] if "split=default" in words else ["split=corner_langosco"]
    env = training.settled(training.compose([*words, *split])).env
    assert words[0] == f"env={env.name}"


def test_a_run_that_is_not_there_is_refused_before_jax_is_imported() -> None:
    code = (
        "import sys; from mesagym.cli.main import main; "
        "code = main(['evaluate', 'run=/nope']); "
        "print(code, 'jax' in sys.modules)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n"


def test_less_than_a_chunk_is_refused_with_the_smallest_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = complaint(capsys, "train", "train.steps=8192", "train.chunk=2")
    assert "train.steps: 8192 is less than one chunk; give 16384 or more" in line


@pytest.mark.parametrize("mode", [[], ["-m"]])
def test_bad_input_writes_nothing(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    complaint(capsys, "train", *mode, "split.alpha=2")
    assert list(tmp_path.iterdir()) == []


def test_a_persons_own_file_with_an_unknown_key_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "mine.yaml").write_text(
        "defaults: [mlp, _self_]\nlerning_rate: 1e-3\n"
    )
    line = complaint(capsys, "train", "-cd", str(tmp_path), "agent=mine")
    assert "'agent/mine'" in line
    assert "lerning_rate" in line


def test_a_persons_own_file_that_is_no_yaml_is_named_with_the_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "mine.yaml").write_text("name: mine\nclip: [0.1\n")
    line = complaint(capsys, "train", "-cd", str(tmp_path), "agent=mine")
    assert "mine.yaml', line 3" in line


def test_full_errors_are_raised_when_hydras_variable_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(OSError, match="cornr"):
        main(["train", "env=cornr"])
