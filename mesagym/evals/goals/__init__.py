"""What policies do on tabular levels, explained by goals: the maths of inference."""
