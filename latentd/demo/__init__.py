"""What `latentd demo` starts, plays and shows. The daemon knows nothing of it."""
