"""Tests of `latentd/instrument/`."""
