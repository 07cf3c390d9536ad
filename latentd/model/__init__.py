"""What a trained model plays with: its bundle, its decoder and the sounds of its pad."""
