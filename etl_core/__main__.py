"""`python -m etl_core` is the `etl` command."""

from etl_core.cli import main

if __name__ == "__main__":
    main()
