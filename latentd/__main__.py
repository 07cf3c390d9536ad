"""`python -m latentd` is the command `latentd`."""

from latentd.cli import main

main()
