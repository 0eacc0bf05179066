"""``python -m rooms``: what the launcher runs."""

from rooms.cli.main import main

if __name__ == "__main__":
    main()
