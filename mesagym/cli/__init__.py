"""The command line: Hydra's configurations in, and the rooms below wired together."""
