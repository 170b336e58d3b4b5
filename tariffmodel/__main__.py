"""`python -m tariffmodel` is the `tariffmodel` command."""

from tariffmodel.cli import main

main()
