"""Errors a user can act on: each message names the place, the value and the remedy."""

import re

_LONG = re.compile(r"'[^'\n]{160,}'|\"[^\"\n]{160,}\"|\S{240,}")


class TariffModelError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback.

    A value of thousands of characters, such as a whole file in one cell, is shortened in its message.
    """

    def __str__(self) -> str:
        return _LONG.sub(
            lambda found: f"{found[0][:60]}… {len(found[0])} …{found[0][-20:]}", super().__str__()
        )


class DataError(TariffModelError):
    """A table cannot be used: names file, row, column, value and what was expected."""


class PolicyError(TariffModelError):
    """A policy file cannot be used: names file, key and the remedy."""
