"""Tests of the offline half; they need torch."""
