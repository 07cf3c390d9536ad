"""latentd: play a synth's whole sound from one point on a pad."""

__version__ = "0.1.0"
