"""Errors a user can act on: each message names the place, the value and the remedy."""


class TariffModelError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback."""


class DataError(TariffModelError):
    """A table cannot be used: names file, row, column, value and what was expected."""


class PolicyError(TariffModelError):
    """A policy file cannot be used: names file, key and the remedy."""
