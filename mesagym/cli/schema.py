"""Every key of trainings and of what reads them: type, bounds and meaning."""

# ruff: noqa: RUF009 (`key` declares a field, as dataclasses.field does)

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from mesagym.cli.agent_schema import AgentConfig
from mesagym.cli.keys import key

# The rooms below have tables that say the same; those cannot be read without JAX.
SMALLEST, LARGEST = 5, 64
DEVICES = ("auto", "cpu", "gpu", "tpu")
MODES = ("sampled", "greedy")
SCALES = ("smoke", "laptop", "paper")
ZOO = ("list", "load", "film")


# --- groups ---------------------------------------------------------------------------


@dataclass
class EnvConfig:
    """Which environment."""

    name: str = key("the environment", fixed=True)


@dataclass
class SplitConfig:
    """How far the objectives agree in training."""

    alpha: float = key(
        "probability that an episode's level is from the shifted distribution",
        low=0,
        high=1,
        shown=True,
    )


@dataclass
class CurriculumConfig:
    """Which levels training draws, and when."""

    name: str = key("the curriculum", choices=("dr",), fixed=True)


@dataclass
class ShiftsConfig:
    """The changes of distribution that an evaluation goes through."""

    names: list[str] = key("shifts, in the order of the table")


@dataclass
class TrackingConfig:
    """Where numbers go besides the run directory."""

    name: str = key("what takes the numbers", choices=("files", "wandb"), fixed=True)


@dataclass
class WandbConfig(TrackingConfig):
    """Weights & Biases, beside the run directory."""

    mode: str = key("where the run goes", choices=("online", "offline"))
    project: str = key("wandb's project")
    entity: str | None = key("wandb's user or team; null is its default")


# --- commands -------------------------------------------------------------------------


@dataclass
class TrainSettings:
    """How long, and on what."""

    steps: float = key(
        "environment steps of each seed", 2e6, low=1, whole=True, shown=True
    )
    levels: float | None = key(
        "levels in all, the same throughout; null draws fresh ones for ever",
        None,
        low=1,
        whole=True,
        shown=True,
    )
    objectives: Any = key(
        "weights in the reward, {cheese: 1, corner: 0.5}; null is the base one alone",
        None,
        shown=True,
    )
    chunk: int | None = key(
        "updates between two draws of levels, and two chances to stop; null makes "
        "chunks of about 65,000 steps",
        None,
        low=1,
    )
    save_seconds: float = key("time between checkpoints", 15.0, low=0)
    snapshots: int = key(
        "how often the policies are kept on the way, start and end included; 0 is "
        "never, else 2 or more, spaced by a constant factor",
        0,
        low=0,
        shown=True,
    )
    start_from: str | None = key(
        "a run directory whose policies are trained on; null starts fresh ones",
        None,
        shown=True,
    )
    start_seed: int | None = key(
        "the seed of that run that all start from; null is each seed its own",
        None,
        low=0,
    )


@dataclass
class EvaluationSettings:
    """How policies are tested."""

    levels: int = key("levels of each shift", 512, low=1, shown=True)
    seed: int = key("of the levels and of sampled actions", 1_000_000, low=0)
    modes: list[str] = key("how actions are chosen", ["sampled"], choices=MODES)
    evaluators: list[str] = key(
        "who is asked which objective was learned: names and suites (quick, all), as "
        "`mesagym evaluators` lists them; [] asks nobody",
        ["quick"],
    )


@dataclass
class TrainConfig:
    """`mesagym train`."""

    env: EnvConfig = MISSING
    split: SplitConfig = MISSING
    agent: AgentConfig = MISSING
    curriculum: CurriculumConfig = MISSING
    shifts: ShiftsConfig = MISSING
    tracking: TrackingConfig = MISSING
    seeds: Any = key("how many training seeds, or a list of them", 4, shown=True)
    first_seed: int = key(
        "the first one, where seeds is a number", 0, low=0, shown=True
    )
    train: TrainSettings = field(default_factory=TrainSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    run: str | None = key(
        "run directory; null is runs/<env>-alpha-<α>-<agent>-...-<hash>",
        None,
        shown=True,
    )
    name: str | None = key("what the run is called; null is its directory's name", None)
    group: str | None = key("what the sweep is called; null makes a name", None)
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)


@dataclass
class DemoConfig(TrainConfig):
    """`mesagym demo`: two trainings that differ by α, compared."""

    alphas: list[float] = key("a run each; split.alpha is not used", shown=True)


@dataclass
class EvaluateConfig:
    """`mesagym evaluate`."""

    shifts: ShiftsConfig = MISSING
    run: str = key("the run directory whose policies are tested", shown=True)
    seeds: Any = key("which of its seeds, a list; null is all", None, shown=True)
    levels: int = key("levels of each shift", 512, low=1, shown=True)
    seed: int = key(
        "of the levels and of sampled actions", 1_000_000, low=0, shown=True
    )
    modes: list[str] = key(
        "how actions are chosen", ["sampled"], choices=MODES, shown=True
    )
    evaluators: Any = key(
        "who says which objective was learned: names, quick, all or none",
        ["quick"],
        shown=True,
    )
    baseline: str | None = key(
        "a run matched with this one, for the evaluator 'stability'", None
    )
    outward: str | None = key(
        "the run that this one comes back from, for the same", None
    )
    name: str | None = key(
        "its folder under evaluations/; null makes one", None, shown=True
    )
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)


@dataclass
class EvaluatorsConfig:
    """`mesagym evaluators`."""

    environment: str | None = key(
        "one environment, with reasons; null is every one", None, shown=True
    )


@dataclass
class ExportConfig:
    """`mesagym export`."""

    run: str = key("the run directory", shown=True)
    table: str = key(
        "which table",
        "outcomes",
        choices=("outcomes", "metrics", "findings"),
        shown=True,
    )
    evaluation: str | None = key(
        "its folder under evaluations/; null: the run's tests, or the newest findings",
        None,
        shown=True,
    )
    out: str | None = key(
        "the file, .csv or .parquet; null prints CSV", None, shown=True
    )


@dataclass
class ReproduceConfig:
    """`mesagym reproduce`."""

    name: str | None = key(
        "which result, by name or number; all is every one", None, shown=True
    )
    scale: str = key("how large", "laptop", choices=SCALES, shown=True)
    list: bool = key("list the results with what is recorded of each", False)
    page: bool = key("write one page of all that is recorded", False)
    out: str | None = key(
        "with --page: the page, an .html; null is reproductions.html, here",
        None,
        shown=True,
    )
    record: bool = key(
        "put the result into the folder of the reproduction, in place of what is "
        "recorded there",
        False,
        shown=True,
    )
    first_updates: int | None = key(
        "only so many updates of one seed of each compiled program, to see that it "
        "runs; nothing is judged",
        None,
        low=1,
        shown=True,
    )
    run: str | None = key(
        "the folder of its runs; null is runs/reproductions/<name>/<scale>",
        None,
        shown=True,
    )
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)


@dataclass
class ZooConfig:
    """`mesagym zoo`."""

    action: str = key(
        "list all, load one into a folder, or film one", "list", choices=ZOO, shown=True
    )
    name: str | None = key(
        "which, such as corner/alpha-0; list: of one result, by name or number",
        None,
        shown=True,
    )
    out: str | None = key(
        "load: the folder, null is zoo/<name>; film: the GIF, null is "
        "film-<name>-seed-<policy_seed>.gif, here",
        None,
        shown=True,
    )
    run: str | None = key(
        "load: the run directory where policies that are not kept were made again",
        None,
    )
    shift: str | None = key(
        "film: levels of this shift; null draws them by alpha", None, shown=True
    )
    alpha: float = key(
        "film: share of levels from the shifted distribution", 1.0, low=0, high=1
    )
    policy_seed: int | None = key(
        "film: the training seed whose policy is filmed; null is the one that stands "
        "for all",
        None,
        low=0,
        shown=True,
    )
    seed: int = key(
        "film: what levels and sampled actions are drawn with; no training seed",
        0,
        low=0,
        shown=True,
    )
    n: int = key("film: episodes, each on a level of its own", 4, low=1, high=16)
    greedy: bool = key("film: whether the policy takes its likeliest action", False)
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)


@dataclass
class ReportConfig:
    """`mesagym report`."""

    run: Any = key("a run directory, or a list of them", shown=True)
    out: str | None = key(
        "the page; null is report.html in the run directory", None, shown=True
    )
    device: str = key("where policies are run for figures", "auto", choices=DEVICES)


@dataclass
class DoctorConfig:
    """`mesagym doctor`."""

    matrix: int = key(
        "side of the matrices that are multiplied", 2048, low=16, shown=True
    )
    repeats: int = key("products that are timed", 9, low=1, shown=True)
    device: str = key("where it runs", "auto", choices=DEVICES, shown=True)
