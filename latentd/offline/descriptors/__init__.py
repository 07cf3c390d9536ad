"""The parts of `latentd.offline.timbre`: one module a descriptor, and one for each thing that several share."""
