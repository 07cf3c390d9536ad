"""MIDI: bytes to messages, and messages in words."""
