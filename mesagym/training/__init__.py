"""Training: one pure chunk, the host loop around it, and where it runs."""
