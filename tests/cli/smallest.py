"""The smallest training that goes through everything, its environment apart."""

SMALLEST = (
    "env.max_steps=16",
    "agent.num_envs=8",
    "agent.rollout_steps=8",
    "agent.minibatches=2",
    "agent.network.hidden=[8]",
    "train.chunk=2",
    "train.steps=512",
    "evaluation.levels=8",
    "evaluation.evaluators=[]",
    "shifts=quick",
    "seeds=2",
)
