"""From bank files to the presets that a model learns."""
