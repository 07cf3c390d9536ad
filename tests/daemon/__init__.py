"""Tests of `latentd/daemon/`."""
