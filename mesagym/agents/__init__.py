"""Agents: networks, the policy protocol, rollouts and PPO."""
