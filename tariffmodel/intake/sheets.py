"""The cells of a file as they stand, whatever kind of file it was."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tariffmodel.intake import texts

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import


@dataclass(frozen=True)
class Sheet:
    """Cells as they stand: text, or numbers and dates where the file has types; "" where empty.

    `held` is an array (rows, columns) of objects, or, of a large text, the columns as Arrow has them; its
    row 0 is row 1 of the file. `found` says how the file was read: encoding and delimiter, or the name of
    the sheet.

    >>> Sheet("mine.csv", np.array([["Date", "GM"]], dtype=object), {"delimiter": ";"}).about
    {'file': 'mine.csv', 'delimiter': ';'}
    """

    file: str
    held: np.ndarray | pa.Table
    found: dict[str, str]

    @property
    def about(self) -> dict[Hashable, Any]:
        """The file and how it was read, for the `attrs` of its rows."""
        return dict([("file", self.file), *self.found.items()])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns.

        >>> Sheet("mine.csv", np.array([["Date", "GM"]], dtype=object), {}).shape
        (1, 2)
        """
        rows, columns = self.held.shape
        return rows, columns

    @cached_property
    def cells(self) -> np.ndarray:
        """All cells as an array of objects (rows, columns): of a large text much more than the file.

        >>> Sheet("mine.csv", np.array([["Date", "GM"]], dtype=object), {}).cells
        array([['Date', 'GM']], dtype=object)
        """
        return self.held if isinstance(self.held, np.ndarray) else texts.objects(self.held)

    def top(self, count: int) -> Sheet:
        """The first rows, their cells as objects.

        >>> Sheet("mine.csv", np.array([["Date", "GM"], ["2026-01-05", "80"]]), {}).top(1).shape
        (1, 2)
        """
        first = self.held[:count]
        return Sheet(self.file, first if isinstance(first, np.ndarray) else texts.objects(first), self.found)

    def filled(self, at: int) -> np.ndarray:
        """Which rows have something in a column, counted from 0.

        >>> Sheet("mine.csv", np.array([["Date", ""], ["2026-01-05", "80"]]), {}).filled(1).tolist()
        [False, True]
        """
        if isinstance(self.held, np.ndarray):
            return np.asarray(self.held[:, at] != "", dtype=bool)
        return texts.filled(self.held.column(at))

    def column(self, at: int, rows: np.ndarray) -> pd.Series:
        """Cells of a column: texts, or objects of any kind; the index is the row of the file, from 1.

        >>> cells = np.array([["Date", "GM"], ["2026-01-05", "80"]], dtype=object)
        >>> Sheet("mine.csv", cells, {}).column(1, np.array([1])).to_dict()
        {2: '80'}
        """
        return self.stacked([at], rows).set_axis(rows + 1)

    def stacked(self, columns: Sequence[int | None], rows: np.ndarray) -> pd.Series:
        """Cells of some rows (counted from 0, rising), column below column, missing where one is None.

        >>> cells = np.array([["Date", "GM"], ["2026-01-05", "80"]], dtype=object)
        >>> Sheet("mine.csv", cells, {}).stacked([1, None, 0], np.array([1])).tolist()
        ['80', nan, '2026-01-05']
        """
        if not isinstance(self.held, np.ndarray):
            return texts.stacked(self.held, columns, rows)
        blank = np.full(len(rows), np.nan, dtype=object)
        parts = [blank if at is None else self.held[rows, at] for at in columns]
        return pd.Series(np.concatenate(parts), dtype=object)

    def worded(self) -> list[str]:
        """Texts that begin with no number, each once.

        >>> cells = np.array([["Date", ""], ["2026-01-05", "n/a"]], dtype=object)
        >>> Sheet("mine.csv", cells, {}).worded()
        ['Date', 'n/a']
        """
        if not isinstance(self.held, np.ndarray):
            return texts.worded(self.held)
        words = (cell for cell in self.held.flat if isinstance(cell, str) and cell)
        return list(dict.fromkeys(cell for cell in words if not cell[0].isdigit()))

    def places(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each cell that is one of some texts, counted from 0, row by row; and which.

        >>> cells = np.array([["Date", ""], ["2026-01-05", "n/a"]])
        >>> where, which = Sheet("mine.csv", cells, {}).places(["n/a"])
        >>> where.tolist(), which.tolist()
        ([[1, 1]], [0])
        """
        if not isinstance(self.held, np.ndarray):
            return texts.places(self.held, words)
        number = {word: at for at, word in enumerate(words)}
        told = [number.get(cell, -1) if isinstance(cell, str) else -1 for cell in self.held.flat]
        which = np.reshape(told, self.shape)
        return np.argwhere(which >= 0), which[which >= 0]

    def without(self, places: np.ndarray) -> Sheet:
        """The sheet with nothing in some cells (row and column, counted from 0) and for missing values.

        >>> Sheet("mine.csv", np.array([["Date", "GM"]], dtype=object), {}).without(np.array([[0, 1]])).cells
        array([['Date', '']], dtype=object)
        """
        if not isinstance(self.held, np.ndarray):
            return Sheet(self.file, texts.without(self.held, places), self.found)
        plain = self.held.copy()
        plain[tuple(places.T)] = ""
        plain[pd.isna(plain)] = ""
        return Sheet(self.file, plain, self.found)
