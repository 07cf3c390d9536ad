"""`latentd demo`: what it starts, plays and shows. To the daemon it is a client like any other."""
