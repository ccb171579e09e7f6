"""`python -m vaestro`."""

from vaestro.cli.main import main

main()
