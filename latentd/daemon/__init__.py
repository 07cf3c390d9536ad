"""What runs: the service loop, the engine, its control interface and the link to the synth."""
