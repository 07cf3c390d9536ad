"""What audio sounds like: descriptors, loudness and log-mel pictures."""
