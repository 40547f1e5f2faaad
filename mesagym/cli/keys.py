"""How a key of a configuration is declared: its type, its bounds and what it means."""

from dataclasses import field, fields, is_dataclass
from typing import Any, NamedTuple

from omegaconf import MISSING


class Rule(NamedTuple):
    """What is known of a key besides its type."""

    doc: str
    low: int | float | None = None
    high: int | float | None = None
    choices: tuple[str | int, ...] = ()
    whole: bool = False  # a whole number, which may be written 2e6
    shown: bool = False  # in --help, with its meaning
    fixed: bool = False  # given by the choice of a file, not by a person


def key(
    doc: str,
    default: Any = MISSING,
    *,
    low: int | float | None = None,
    high: int | float | None = None,
    choices: tuple[str | int, ...] = (),
    whole: bool = False,
    shown: bool = False,
    fixed: bool = False,
) -> Any:
    """Declare a key.

    Args:
        doc: one line that says what it means, with its unit.
        default: its value; left out where a file of `configs/` gives it.
        low: the smallest value allowed.
        high: the largest value allowed.
        choices: the only names allowed.
        whole: a whole number that may be written as ``2e6``, so typed as a float.
        shown: whether ``--help`` says what it means.
        fixed: the choice of a file of a group gives it, so it is not offered.
    """
    rule = Rule(doc, low, high, choices, whole, shown, fixed)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"rule": rule})
    return field(default=default, metadata={"rule": rule})


def _named(*targets: str, of: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(of.split(), targets)


ALIASES: dict[str, tuple[str, ...]] = {
    **_named("seeds", "first_seed", of="seed random_seed rng_seed"),
    **_named("seeds", of="n_seeds num_seeds nseeds"),
    **_named("env", of="environment env_name env_id game task"),
    **_named("env.size", of="size grid_size width height"),
    **_named("env.max_steps", of="horizon time_limit max_episode_steps episode_length"),
    **_named("split.alpha", of="alpha"),
    **_named("agent", of="network arch architecture model net policy algo"),
    **_named(
        "agent.network.hidden", of="hidden hidden_sizes hidden_size layers net_arch"
    ),
    **_named("agent.network.memory", of="recurrent rnn lstm gru"),
    **_named("agent.learning_rate", of="lr"),
    **_named("agent.final_learning_rate", of="final_lr lr_end anneal_lr"),
    **_named("agent.discount", of="gamma discount_factor"),
    **_named("agent.trace", of="gae_lambda lambda lam gae"),
    **_named(
        "agent.entropy",
        of="ent_coef entropy_coef ent_weight entropy_weight entropy_bonus",
    ),
    **_named("agent.value_weight", of="vf_coef value_coef vf_weight"),
    **_named("agent.max_gradient_norm", of="max_grad_norm grad_clip grad_norm"),
    **_named("agent.clip", of="clip_range clip_eps clip_coef clip_epsilon"),
    **_named("agent.num_envs", of="n_envs nenvs envs"),
    **_named("agent.rollout_steps", of="n_steps num_steps rollout_length unroll"),
    **_named("agent.epochs", of="n_epochs num_epochs update_epochs ppo_epochs"),
    **_named(
        "agent.minibatches",
        of="batch_size minibatch_size num_minibatches n_minibatches",
    ),
    **_named(
        "train.steps",
        of="steps total_timesteps timesteps total_steps env_steps num_timesteps",
    ),
    **_named(
        "levels",
        "train.levels",
        "evaluation.levels",
        of="levels n_levels num_levels",
    ),
    **_named("levels", "evaluation.levels", of="eval_levels test_levels"),
    **_named(
        "train.objectives", of="objective objectives reward rewards reward_weights"
    ),
    **_named("train.start_from", of="init_from pretrained finetune resume_from"),
    **_named("train.save_seconds", of="save_every checkpoint_every save_interval"),
    **_named("modes", "evaluation.modes", of="mode greedy deterministic"),
    **_named("shifts", "shift", of="shift shifts test_shifts"),
    **_named("tracking", of="wandb logger logging track"),
    **_named("run", of="runs run_dir log_dir path checkpoint"),
    **_named("out", "run", of="out output output_dir outdir save_dir"),
    **_named("evaluators", of="evaluator"),
    **_named("detectors", of="detector"),
}
"""What keys are called elsewhere, and by which ours are meant: the last part of a key,
and whole keys, those that a command lacks to be left out."""


class Key(NamedTuple):
    """One key of a configuration, with the value it has there."""

    path: str
    rule: Rule
    value: Any
    annotation: Any


def walk(config: Any, prefix: str = "") -> list[Key]:
    """Return the keys of a configuration in the order they were declared."""
    found = []
    for each in fields(config):
        path, value = f"{prefix}{each.name}", getattr(config, each.name)
        if is_dataclass(value):
            found += walk(value, f"{path}.")
        elif "rule" in each.metadata:
            found.append(Key(path, each.metadata["rule"], value, each.type))
    return found
