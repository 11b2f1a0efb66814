"""`python -m teahouse.cli`: the same verbs where no console script is on the path."""

from teahouse.cli import main

if __name__ == "__main__":
    main()
