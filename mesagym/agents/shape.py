"""The sizes that a PPO update is compiled for. Needs no JAX, so it is checked early."""

from dataclasses import dataclass

from mesagym.errors import UserError


@dataclass(frozen=True)
class PPOShape:
    """What a compiled update is built around. Changing any of it compiles anew.

    Raises:
        UserError: a number is below 1, or does not divide what it cuts up.
    """

    num_envs: int = 256
    rollout_steps: int = 32
    epochs: int = 2
    minibatches: int = 4
    clip_values: bool = True
    microbatch: int | None = None  # rows of a gradient at once; None, or more, is all
    bptt: int | None = None  # steps that a memory's gradient reaches back at most

    def __post_init__(self) -> None:
        for name in ("num_envs", "rollout_steps", "epochs", "minibatches"):
            if getattr(self, name) < 1:
                raise UserError(f"agent.{name}: {getattr(self, name)} is below 1")
        if self.steps_per_update % self.minibatches:
            raise UserError(
                f"agent.minibatches: {self.minibatches} does not divide the "
                f"{self.steps_per_update} steps of an update (agent.num_envs × "
                "agent.rollout_steps)"
            )
        if self.microbatch is not None and (
            self.microbatch < 1 or self.minibatch % min(self.microbatch, self.minibatch)
        ):
            raise UserError(
                f"agent.microbatch: {self.microbatch} does not divide a minibatch of "
                f"{self.minibatch} steps; null takes its gradient at once"
            )
        if self.bptt is not None and (self.bptt < 1 or self.rollout_steps % self.bptt):
            raise UserError(
                f"agent.bptt: {self.bptt} does not divide the {self.rollout_steps} "
                "steps of a rollout; null goes through all of them"
            )

    @property
    def segment(self) -> int:
        """Steps that a memory learns from in one piece."""
        return self.bptt or self.rollout_steps

    def rows(self, remembering: bool) -> int:
        """Return how many rows an update's minibatches are drawn from.

        Args:
            remembering: whether the policy has a memory, and so learns from segments
                of one environment in place of single steps.

        Raises:
            UserError: the segments do not go into minibatches of one size.
        """
        if not remembering:
            return self.steps_per_update
        segments = self.steps_per_update // self.segment
        if segments % self.minibatches:
            raise UserError(
                f"agent.minibatches: {self.minibatches} does not divide the {segments} "
                f"segments of {self.segment} steps that an update's memories learn "
                "from (agent.num_envs × agent.rollout_steps / agent.bptt)"
            )
        return segments

    @property
    def steps_per_update(self) -> int:
        """Environment steps that one update takes."""
        return self.num_envs * self.rollout_steps

    @property
    def minibatch(self) -> int:
        """Steps that one gradient step learns from."""
        return self.steps_per_update // self.minibatches
