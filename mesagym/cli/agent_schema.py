"""Every key of an agent's configuration: its network, and how it learns by PPO."""

# ruff: noqa: RUF009 (`key` declares a field, as dataclasses.field does)

from dataclasses import dataclass

from omegaconf import MISSING

from mesagym.cli.keys import key

# The room of agents has tables that say the same; those cannot be read without JAX.
ACTIVATIONS = ("relu", "tanh")
MEMORIES = ("gru", "lstm")


@dataclass
class NetworkConfig:
    """The network's own settings."""

    name: str = key("the network", choices=("mlp", "cnn", "impala"), fixed=True)
    memory: str | None = key(
        "what remembers earlier steps of an episode, gru or lstm; null forgets",
        None,
        choices=MEMORIES,
        shown=True,
    )
    memory_size: int | None = key(
        "units of the memory; null is as many as the last of hidden", None, low=1
    )


@dataclass
class MlpConfig(NetworkConfig):
    """A dense network."""

    hidden: list[int] = key("widths of the dense layers", low=1)
    activation: str = key("after each layer", choices=ACTIVATIONS)


@dataclass
class CnnConfig(NetworkConfig):
    """A small convolutional network."""

    channels: list[int] = key("channels of the convolutions", low=1)
    hidden: list[int] = key("widths of the dense layers", low=1)
    activation: str = key("after each layer", choices=ACTIVATIONS)
    largest_side: int = key("a grid with a longer side is halved", low=1)


@dataclass
class ImpalaConfig(NetworkConfig):
    """The residual network of Espeholt et al. 2018; memory=lstm adds its LSTM."""

    channels: list[int] = key("channels of the blocks", low=1)
    units: int = key("residual units of a block", low=1)
    hidden: list[int] = key("widths of the dense layers", low=1)


@dataclass
class AgentConfig:
    """The network and how it learns, by PPO."""

    name: str = key("what runs of this agent are called", fixed=True)
    network: NetworkConfig = MISSING
    num_envs: int = key("environments that run side by side", low=1, shown=True)
    rollout_steps: int = key("steps of each between two updates", low=1)
    epochs: int = key("passes over a rollout", low=1)
    minibatches: int = key("parts of a rollout, a gradient step each", low=1)
    clip_values: bool = key("whether the value's change is clipped, too")
    microbatch: int | None = key(
        "rows of a gradient at once; null is a minibatch", low=1
    )
    bptt: int | None = key(
        "steps that a memory's gradient reaches back at most; null is a rollout",
        None,
        low=1,
    )
    learning_rate: float = key("Adam's, at the first update", low=0, shown=True)
    final_learning_rate: float = key("at the end, as a share of it", low=0, high=1)
    discount: float = key("γ", low=0, high=1, shown=True)
    trace: float = key("λ of the advantages", low=0, high=1)
    clip: float = key("of the probability ratio and the value", low=0)
    entropy: float = key("weight of the entropy bonus", low=0, shown=True)
    value_weight: float = key("weight of the value loss", low=0)
    max_gradient_norm: float = key("gradients are scaled down to it", low=0)
