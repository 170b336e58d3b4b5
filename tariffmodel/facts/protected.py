"""A table that cannot be edited into silence, and what is computed from it kept with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pandas as pd

from tariffmodel.errors import DataError


class _Keeper(Protocol):
    """What remembers: `Facts`."""

    @property
    def kept(self) -> dict[Any, Any]:
        """What was computed, by the call that asked for it."""
        ...

    @property
    def kept_of_files(self) -> dict[Any, Any]:
        """What was computed from files that no what-if changes; copies share it."""
        ...

    @property
    def folder(self) -> Path:
        """The data folder."""
        ...

    @property
    def overlay(self) -> Path:
        """The snapshot over it."""
        ...

    @property
    def day(self) -> date | None:
        """What was known on this day is in it."""
        ...


K = TypeVar("K", bound=_Keeper)
P = ParamSpec("P")
T = TypeVar("T")


class Protected(pd.DataFrame):
    """A table of loaded facts: reading gives plain frames, editing in place is refused.

    What is selected, joined or copied from it is an ordinary frame.

    >>> table = protected(pd.DataFrame({"units": [1, 2]}))
    >>> {int(found) for found in (table.loc[1, "units"], table.iloc[1, 0], table.at[1, "units"])}
    {2}
    >>> int(table.iat[1, 0])
    2
    >>> table.loc[1, "units"] = 3  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: a table of loaded facts is not edited in place, ...
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise DataError(
            "a table of loaded facts is not edited in place, because results would not follow; "
            "ask facts.with_values(...) for a what-if, or edit a .copy()"
        )

    __setitem__ = __delitem__ = insert = pop = update = _update_inplace = _refuse  # type: ignore[misc]  # pandas has one as final

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("columns", "index"):
            self._refuse()
        super().__setattr__(name, value)

    @property
    def loc(self) -> Any:
        """By label, to read."""
        return _reading(super().loc)

    @property
    def iloc(self) -> Any:
        """By place, to read."""
        return _reading(super().iloc)

    @property
    def at(self) -> Any:
        """One cell by label, to read."""
        return _reading(super().at)

    @property
    def iat(self) -> Any:
        """One cell by place, to read."""
        return _reading(super().iat)


def protected(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame`, protected; it shares its values.

    >>> table = protected(pd.DataFrame({"units": [1, 2]}))
    >>> table["units"] = 3  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: a table of loaded facts is not edited in place, ...
    """
    found = Protected(frame)
    found.attrs = frame.attrs
    return found


def _reading(indexer: Any) -> Any:
    """The indexer, of a kind that only reads."""
    kind = type(indexer)
    if kind not in _READING:
        _READING[kind] = type(kind.__name__, (kind,), {"__setitem__": Protected._refuse})
    indexer.__class__ = _READING[kind]
    return indexer


_READING: dict[type, type] = {}


def kept_with(compute: Callable[Concatenate[K, P], T]) -> Callable[Concatenate[K, P], T]:
    """Keep what a function of facts returns on the facts themselves: it goes when they go.

    >>> from types import SimpleNamespace
    >>> @kept_with
    ... def double(facts, number):
    ...     print("computed")
    ...     return 2 * number
    >>> facts = SimpleNamespace(kept={})
    >>> double(facts, 2), double(facts, 2)
    computed
    (4, 4)
    """

    @wraps(compute)
    def once(facts: K, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (compute.__module__, compute.__qualname__, args, tuple(sorted(kwargs.items())))
        if key not in facts.kept:
            facts.kept[key] = compute(facts, *args, **kwargs)
        found: T = facts.kept[key]
        return found

    return once  # type: ignore[return-value]  # mypy counts the name of the first argument


def kept_with_files(compute: Callable[Concatenate[K, P], T]) -> Callable[Concatenate[K, P], T]:
    """Keep what a function of facts makes of files alone: a what-if of the same files has it too.

    >>> from types import SimpleNamespace
    >>> @kept_with_files
    ... def named(facts):
    ...     print("computed")
    ...     return facts.folder
    >>> facts = SimpleNamespace(folder="data", overlay="data", day=None, kept_of_files={})
    >>> named(facts), named(SimpleNamespace(**vars(facts), kept={}))
    computed
    ('data', 'data')
    """

    @wraps(compute)
    def once(facts: K, *args: P.args, **kwargs: P.kwargs) -> T:
        state = (facts.folder, facts.overlay, facts.day)
        key = (compute.__module__, compute.__qualname__, state, args, tuple(sorted(kwargs.items())))
        if key not in facts.kept_of_files:
            facts.kept_of_files[key] = compute(facts, *args, **kwargs)
        found: T = facts.kept_of_files[key]
        return found

    return once  # type: ignore[return-value]  # as above
