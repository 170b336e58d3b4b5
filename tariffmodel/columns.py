"""What is each column of a result: its definition, its unit, its heading and how it is shown?

``columns.csv`` beside this module has one row per name, and one more for a result (``hedge.record``) or
all results of a module (``hedge``) in which the same name means something else. A name may end in
``*``, which in its heading stands for the same. Everything that shows a result reads it here: charts,
exports, notebooks, the command line and the documentation.

A heading such as ``Bill: low`` stands under a common one, here *Bill*. A format is a kind and digits
(`KINDS`): ``usd_bn_2`` shows 6312345678 as 6.31 under a heading that ends in *USD bn*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tariffmodel import escapes
from tariffmodel.errors import DataError

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

TABLE = Path(__file__).with_name("columns.csv")
MISSING = "–"
MARKS = {"reported": "●", "derived": "◐", "estimated": "○"}


@dataclass(frozen=True)
class Kind:
    """A way to show a value: what it is divided by, how it is written, and the unit that this leaves.

    ``{digits}`` in `pattern` stands for the digits of the format.
    """

    scale: float
    pattern: str
    unit: str = ""


KINDS: Mapping[str, Kind] = {
    "number": Kind(1, "{:z,.{digits}f}"),
    "change": Kind(1, "{:+z,.{digits}f}"),
    "short": Kind(1, "{:z,.{digits}f}"),
    "digits": Kind(1, "{:z,.{digits}g}"),
    "share": Kind(1, "{:z.{digits}%}"),
    "change_share": Kind(1, "{:+z.{digits}%}"),
    "percent": Kind(1, "{:z.{digits}%}", "%"),
    "change_percent": Kind(1, "{:+z.{digits}%}", "%"),
    "thousand": Kind(1e3, "{:z,.{digits}f}", "thousand"),
    "usd": Kind(1, "{:z,.{digits}f}", "USD"),
    "usd_m": Kind(1e6, "{:z,.{digits}f}", "USD m"),
    "usd_bn": Kind(1e9, "{:z,.{digits}f}", "USD bn"),
    "change_usd": Kind(1, "{:+z,.{digits}f}", "USD"),
    "change_usd_m": Kind(1e6, "{:+z,.{digits}f}", "USD m"),
    "change_usd_bn": Kind(1e9, "{:+z,.{digits}f}", "USD bn"),
    "p": Kind(1, "{:.{digits}g}"),
    "day": Kind(1, "{:%Y-%m-%d}"),
    "flag": Kind(1, "{}"),
    "mark": Kind(1, "{}"),
    "link": Kind(1, "{}"),
    "text": Kind(1, "{}"),
}


@dataclass(frozen=True)
class Column:
    """A row of the table.

    Parameters
    ----------
    name, result : str
        What it is called, and in which result; empty: in every one.
    definition, unit : str
        What it is, and in what it is counted; no unit for words, days and marks.
    heading, format : str
        How it is shown.

    Examples
    --------
    >>> low = column("bill_low_usd")
    >>> low.title, low.group, low.label, low.kind.unit
    ('Bill: low', 'Bill, USD bn', 'Bill: low, USD bn', 'USD bn')
    >>> low.formatted("usd_m_0").text(6312345678.0)
    '6,312'
    """

    name: str
    result: str
    definition: str
    unit: str
    heading: str
    format: str

    @property
    def kind(self) -> Kind:
        """How figures of its format are shown."""
        return KINDS[_parts(self.format)[0]]

    @property
    def group(self) -> str:
        """What stands over its heading, with the unit; empty if nothing does."""
        group, colon, _ = self.heading.rpartition(": ")
        return f"{group}, {self.kind.unit}" if colon and self.kind.unit else group

    @property
    def title(self) -> str:
        """Heading on one line."""
        return self.heading.removesuffix(": central").replace("% of: ", "% of ")

    @property
    def label(self) -> str:
        """The same with the unit in which it is shown."""
        return f"{self.title}, {self.kind.unit}" if self.kind.unit else self.title

    def formatted(self, form: str) -> Column:
        """The same column in another format, such as ``usd_m_0``; as it is if that is empty."""
        return replace(self, format=form) if form else self

    def text(self, value: object) -> str:
        """A value as it is shown.

        >>> column("bill_usd").text(6312345678.0)
        '6.31'
        """
        kind, digits = _parts(self.format)
        if value is None or value != value or value is pd.NA or value is pd.NaT:
            return MISSING
        if kind == "flag":
            return "yes" if value else "no"
        if kind == "mark":
            return MARKS.get(str(value), "")
        if kind == "link":
            address = escapes.link(value)
            return f'<a href="{escapes.html(address)}">link</a>' if address else escapes.html(value)
        if kind == "text" or isinstance(value, str):
            return str(value)
        figure: Any = value  # or a day, by the kind
        if kind == "p" and figure < 0.001:
            return "<0.001"
        if figure in (math.inf, -math.inf):
            return "∞" if figure == math.inf else "−∞"
        how = KINDS[kind]
        if kind == "short" and abs(figure) >= 100:
            digits = 0
        if kind == "digits" and abs(figure) >= 10**digits:
            return f"{figure:,.0f}"  # no exponent
        if kind == "day":
            return how.pattern.format(figure)
        return how.pattern.format(figure / how.scale, digits=digits)


@cache
def table() -> pd.DataFrame:
    """The whole table: `name`, `result`, `definition`, `unit`, `heading`, `format`.

    >>> import tariffmodel as tm
    >>> list(tm.columns.table())
    ['name', 'result', 'definition', 'unit', 'heading', 'format']
    """
    return pd.read_csv(TABLE, keep_default_na=False, dtype=str)


def column(name: str, result: str | None = None) -> Column:
    """The row of one column.

    Parameters
    ----------
    name : str
        As in the result.
    result : str, optional
        The function that gives it, such as ``incentives.kinks``; needed where the name means
        something of its own there.

    Raises
    ------
    DataError
        If there is none.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bill = tm.columns.column("bill_usd")
    >>> bill.unit, bill.label
    ('usd', 'Bill, USD bn')
    """
    found: Column | None = _find(name, result)
    if found is None:
        raise DataError(
            f"no column {name!r} in {TABLE.name}; add a row with its definition, unit and heading"
        )
    return found


def unit(name: str, result: str | None = None) -> str:
    """What a column is counted in.

    >>> unit("bill_usd")
    'usd'
    """
    return column(name, result).unit


def label(name: str, result: str | None = None) -> str:
    """Heading of a column with the unit in which it is shown.

    >>> label("bill_usd")
    'Bill, USD bn'
    """
    return column(name, result).label


def scale(name: str, result: str | None = None) -> float:
    """What a column is divided by to be in the unit of its label.

    >>> scale("bill_usd"), scale("share_of_operating_profit")
    (1000000000.0, 0.01)
    """
    kind = column(name, result).kind
    return 0.01 if "%}" in kind.pattern else kind.scale


def described(frame: pd.DataFrame, result: str | None = None, *, of: str | None = None) -> dict[str, Column]:
    """The row of every column of a frame that has one, by name; of several levels the last one counts.

    Parameters
    ----------
    result : str, optional
        The function that gives the frame, where one of its names has a meaning of its own there.
    of : str, optional
        A name of the table that says what the columns without a row hold: in a table of bills by
        policy the columns are named for policies and hold ``bill_usd``.

    Raises
    ------
    DataError
        If a column of numbers has no row; it is named.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> frame = pd.DataFrame({"bill_usd": [6.3e9], "us_sales_units": [6e5]})
    >>> {name: row.unit for name, row in tm.columns.described(frame).items()}
    {'bill_usd': 'usd', 'us_sales_units': 'units'}
    """
    found: dict[Any, Column] = {}  # a name is a word, or several levels of them
    lacking = []
    for name in frame:
        text = str(name[-1] if isinstance(name, tuple) else name)
        row = _find(text, result)
        if row is None and of:
            known = column(of, result)
            row = Column(text, "", known.definition, known.unit, text, known.format)
        if row is not None:
            found[name] = row
        elif pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name]):
            lacking.append(text)
    if lacking:
        where = f" of {result}" if result else ""
        raise DataError(
            f"no row in {TABLE.name} for column {', '.join(map(repr, lacking))}{where}; add one with its "
            "definition, unit and heading"
        )
    return found


def describe(frame: pd.DataFrame, result: str | None = None, *, of: str | None = None) -> pd.DataFrame:
    """What the columns of a frame are: definition and unit, by name. Parameters as in `described`.

    >>> import tariffmodel as tm
    >>> tm.columns.describe(pd.DataFrame({"bill_usd": [6.3e9]})).loc["bill_usd", "unit"]
    'usd'
    """
    rows = described(frame, result, of=of)
    told = {name: (row.definition, row.unit) for name, row in rows.items()}
    return pd.DataFrame.from_dict(told, orient="index", columns=["definition", "unit"]).rename_axis("column")


def shown(
    frame: pd.DataFrame, result: str | None = None, *, of: str | None = None, index: bool = True
) -> Styler:
    """A frame as a reader sees it: headings for names, units in them, values scaled and rounded.

    Parameters
    ----------
    result, of
        As in `described`.
    index : bool
        Whether the index is shown.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> frame = pd.DataFrame({"bill_usd": [6312345678.0]}, index=pd.Index(["Toyota"], name="maker"))
    >>> tm.columns.shown(frame).data.columns.tolist()
    [('Bill, USD bn', 'central')]
    """
    rows: dict[Any, Column] = described(frame, result, of=of)
    heads = [_head(name, rows.get(name)) for name in frame]
    if twice := {head for head in heads if heads.count(head) > 1}:
        raise DataError(f"{', '.join(map(str, twice))}: two columns of one table have this heading")
    grouped = any(over for over, _ in heads)
    labels = pd.MultiIndex.from_tuples(heads) if grouped else pd.Index([head for _, head in heads])
    seen = frame.set_axis(labels, axis=1)
    if isinstance(seen.index, pd.DatetimeIndex):
        seen.index = seen.index.strftime("%Y-%m-%d").rename(frame.index.name)
    seen.index.names = [_level(name, result) for name in frame.index.names]
    styler = seen.style.format(
        {label: _as_html(rows.get(name)) for label, name in zip(labels, frame, strict=True)}
    )
    plain: Any = styler  # the stubs know these as methods of its base
    for axis in (0, 1):
        plain.format_index(escapes.html, axis=axis).format_index_names(escapes.html, axis=axis)
    # nor are two dollars in a cell a formula
    styler = styler.set_table_attributes('class="tex2jax_ignore mathjax_ignore"')
    left, whole = "text-align: left", "white-space: nowrap"
    look = {"text": left, "link": left, "day": whole}
    pairs = zip(labels, frame, strict=True)
    kinds = {label: rows[name].format if name in rows else "text" for label, name in pairs}
    styles: Any = {
        label: [{"selector": "", "props": look[kind]}] for label, kind in kinds.items() if kind in look
    }
    styler = styler.set_table_styles(styles, overwrite=False) if styles else styler
    return styler if index else styler.hide(axis="index")


def _as_html(row: Column | None) -> Callable[[object], str]:
    """How values of a column are written in a page."""
    if row is not None and row.kind is KINDS["link"]:
        return row.text  # an element, or text that is escaped already
    return lambda value: escapes.html(value if row is None else row.text(value))


def _head(name: object, row: Column | None) -> tuple[str, str]:
    """What stands over a heading, and the heading."""
    if not isinstance(name, tuple):
        if row is None:
            return "", str(name)
        return (row.group, row.heading.rpartition(": ")[2]) if row.group else ("", row.label)
    over, last = " ".join(map(str, name[:-1])), str(name[-1])
    if row is None:
        return over, last
    return f"{over}, {row.kind.unit}" if row.kind.unit else over, row.heading.rpartition(": ")[2]


def _level(name: object, result: str | None) -> str | None:
    """Heading of a level of the index; makers in rows need none."""
    row = None if name in (None, "maker") else _find(str(name), result)
    return row.heading if row else None


def _parts(form: str) -> tuple[str, int]:
    kind, _, digits = form.rpartition("_")
    return (kind, int(digits)) if digits.isdigit() else (form, 0)


@cache
def _rows() -> dict[tuple[str, str], Column]:
    return {
        (row.result, row.name): row for row in (Column(*values) for values in table().itertuples(index=False))
    }


@cache
def _find(name: str, result: str | None) -> Column | None:
    rows, place = _rows(), result or ""
    while True:
        if (place, name) in rows:
            return rows[place, name]
        for (where, pattern), row in rows.items():
            if where == place and "*" in pattern and fnmatchcase(name, pattern):
                before, after = pattern.split("*", 1)
                rest = name[len(before) : len(name) - len(after)]
                return replace(row, heading=row.heading.replace("*", rest))
        if not place:
            return None
        place = place.rpartition(".")[0]  # what holds for a module holds for each of its results
