"""``python -m colang.cli``: the command line without the installed script."""

from colang.cli import main

if __name__ == "__main__":
    main()
