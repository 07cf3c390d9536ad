"""The parts of `timbre.describe`: one module for each descriptor, and one for each thing that several share."""
