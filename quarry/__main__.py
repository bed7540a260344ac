"""`python -m quarry` is `quarry`."""

from quarry.cli import main

main()
