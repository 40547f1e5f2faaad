"""Published results made again: what was claimed, the test fixed before, the record."""
