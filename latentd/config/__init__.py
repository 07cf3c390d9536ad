"""The configuration of a run: its keys and defaults, and whether all that it names is there."""
