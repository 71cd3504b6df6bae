"""`python -m celerycheck`."""

from celerycheck.cli import main

main()
