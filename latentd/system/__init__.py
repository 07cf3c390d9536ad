"""The machine: its processes, resources, terminal and ALSA."""
