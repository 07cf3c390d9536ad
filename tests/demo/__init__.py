"""Tests of `latentd/demo/`."""
