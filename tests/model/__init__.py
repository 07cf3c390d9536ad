"""Tests of `latentd/model/`."""
