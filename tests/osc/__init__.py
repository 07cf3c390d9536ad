"""Tests of `latentd/osc/`."""
