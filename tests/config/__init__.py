"""Tests of `latentd/config/`."""
