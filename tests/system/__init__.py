"""Tests of `latentd/system/`."""
