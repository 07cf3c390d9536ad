"""Tests of `latentd/cli/`."""
