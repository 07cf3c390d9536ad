"""The parts of `timbre.describe`: a module for each descriptor, and for each analysis that several share."""
