"""Writes models as bundles, with their cards."""
