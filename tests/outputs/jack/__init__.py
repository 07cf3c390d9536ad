"""Tests of `latentd/outputs/jack/`."""
