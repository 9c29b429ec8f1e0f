"""What a command may fail with: the message is for a person, one line where one line can say it."""

from __future__ import annotations


class CommandError(Exception):
    """`dpp` prints the message and ends with status 1; a traceback would tell a person nothing more."""
