"""Models whose inside is known, and what is known of it: organisms."""
