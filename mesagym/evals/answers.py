"""What a policy can be read to pursue."""

BASE, PROXY, NEITHER, ABSTAINS = "base", "proxy", "neither", "abstains"
ANSWERS: tuple[str, ...] = (BASE, PROXY, NEITHER, ABSTAINS)
"""What a policy pursues, as one evaluator reads it. ``neither`` is a finding: there is
no sign of either objective. ``abstains`` is none: this policy, or these levels, do not
let the evaluator tell."""
