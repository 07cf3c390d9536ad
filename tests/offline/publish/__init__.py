"""Tests of `latentd/offline/publish/`."""
