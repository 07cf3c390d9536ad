"""Tests of `latentd/outputs/`."""
