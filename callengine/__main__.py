"""The program `callengine`: makes the standard library cooperative, then runs the command line."""

from gevent import monkey

monkey.patch_all()

from callengine.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
