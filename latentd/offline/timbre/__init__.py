"""The description of sounds: timbral descriptors, loudness and log-mel spectrograms."""
