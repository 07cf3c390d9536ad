"""A trained model as a bundle with its card."""
