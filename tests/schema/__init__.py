"""Tests of `latentd/schema/`."""
