"""Tests of `latentd/inputs/`."""
