"""``python -m guideway``: the same as the program ``guideway``."""

from guideway.cli import main

if __name__ == "__main__":
    main()
