"""Shifts, episodes, outcomes, statistics and the verdict over them."""
