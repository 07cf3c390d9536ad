"""What tests share: private servers and synths, a running daemon, listeners."""
