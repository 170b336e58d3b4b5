"""How does a notebook stay a page of a note: open the question, then show, table, say and conclude?

One line each, so that what a cell computes is what a reader sees::

    note = tm.notebook.open("02", "current-law", "before-april-2025", "FY2026-03")
    bills = tm.exposure.table(note.case)
    note.show(tm.charts.bill_bars, bills, name="bill")
    note.table(bills, "bill", title="Duty bill by maker")
    note.say(f"Together they owe {money(bills['bill_usd'].sum())}.")
    note.conclude(bills, "bill_usd")

A note knows its number, its question, its day and where its charts and tables go; without a folder
nothing is written, so that a notebook runs anywhere. Below it stand the few words that notes share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from inspect import cleandoc, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tariffmodel import charts, columns, escapes
from tariffmodel.runs import changes
from tariffmodel.tariff.case import case as ask

if TYPE_CHECKING:
    from tariffmodel.facts import Facts
    from tariffmodel.tariff.case import Case
    from tariffmodel.tariff.entries import Policy

SOURCE = "tariffmodel, from company reports, trade statistics, dated law and estimates in data"


@dataclass
class Note:
    """A page of a note: its question, and what becomes of what it finds.

    Parameters
    ----------
    number : str
        Two digits, as in the file's name; charts and tables are named with it.
    case : Case
        The question.
    output : Path, optional
        Where charts, tables and conclusions go.
    source : str
        Where the numbers come from, for the last line of every chart.
    label : str
        The question in a few words, for the subtitle of every chart.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> note = tm.notebook.open("02", "flat-25", "none", "CY2025")
    >>> note.policy.name, note.against.name, note.facts.as_of == note.as_of
    ('flat-25', 'none', True)
    >>> note.label
    'flat 25% against free trade, CY2025'
    """

    number: str
    case: Case
    output: Path | None
    source: str
    label: str

    @property
    def facts(self) -> Facts:
        """Those of the case."""
        return self.case.facts

    @property
    def policy(self) -> Policy:
        """That of the case."""
        return self.case.policy

    @property
    def against(self) -> Policy:
        """The counterfactual of the case."""
        return self.case.against

    @property
    def as_of(self) -> date:
        """The day of the case."""
        return self.case.as_of

    def show(
        self,
        draw: Callable[..., charts.Chart] | charts.Chart,
        *args: Any,
        name: str = "",
        data: pd.DataFrame | None = None,
        **options: Any,
    ) -> None:
        """Draw a chart, display it and export it with the data behind it.

        Parameters
        ----------
        draw : callable or Chart
            A function of `charts`. It is passed `source`, `as_of`, the width of a page and, as `case`, the
            label of the note, unless `options` have them.
        *args, **options
            What it draws.
        name : str, optional
            Of the files, without the number of the note. Default: that of the function.
        data : DataFrame, optional
            What goes beside the picture. Default: what the chart says, else the first table of `args`.

        Examples
        --------
        >>> import tariffmodel as tm
        >>> note = tm.notebook.open("02", "flat-25", "none", "CY2025")
        >>> path = pd.DataFrame({"JP": [0.275, 0.15]}, index=pd.to_datetime(["2025-04-03", "2025-09-16"]))
        >>> note.show(tm.charts.rate_path, path, policy="a law", until=date(2025, 12, 31))
        <IPython.core.display.Image object>
        """
        chart = draw if isinstance(draw, charts.Chart) else draw(*args, **self._look(draw) | options)
        behind = next((frame for frame in (data, chart.data, *args) if isinstance(frame, pd.DataFrame)), None)
        name = name or getattr(draw, "__name__", "")
        if behind is None or not name:
            raise TypeError(f"chart {name!r}: give the table behind it as data, and a drawn one its name")
        charts.show(chart, f"{self.number}_{name}")
        charts.export(chart, f"{self.number}_{name}", behind, self.output)

    def table(
        self,
        frame: pd.DataFrame,
        name: str = "",
        *,
        title: str = "",
        show: Sequence[str] | None = None,
        data: pd.DataFrame | None = None,
        result: str | None = None,
        of: str | None = None,
        index: bool = True,
        empty: str = "",
        red: pd.Series | None = None,
    ) -> None:
        """Display a frame as the table of result columns has it, and export it if it has a name.

        Parameters
        ----------
        name, title : str
            Of the file, without the number of the note, and what stands over it.
        show : sequence of str, optional
            The columns that are displayed. Default: all.
        data : DataFrame, optional
            What is exported, where that is not `frame`.
        result, of : str, optional
            Which result it is, and what columns named for something else hold: see `columns.described`.
        index : bool
            Whether the index is displayed.
        empty : str, optional
            What is said where there is no row.
        red : Series of bool, optional
            Rows in red, in the order of `frame`: only for what does not help.

        Examples
        --------
        >>> import tariffmodel as tm
        >>> note = tm.notebook.open("02", "flat-25", "none", "CY2025")
        >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=["Toyota"])
        >>> note.table(bills, "bill", title="Bills")  # doctest: +ELLIPSIS
        <pandas.io.formats.style.Styler object at ...>
        """
        seen = frame[list(show)] if show is not None else frame
        if empty and seen.empty:
            self.say(empty)
            return
        styler = columns.shown(seen, result, of=of, index=index)
        if red is not None:
            shade = np.where(np.asarray(red, dtype=bool)[:, None], f"color: {charts.RED}", "")
            styler = styler.apply(lambda cells: np.broadcast_to(shade, cells.shape), axis=None)
        _display(styler)
        if any(row.format == "mark" for row in columns.described(seen, result, of=of).values()):
            marks = ", ".join(f"{mark} {quality}" for quality, mark in columns.MARKS.items())
            self.say(f"Worst input: {marks}.")
        if name:
            self.export(frame if data is None else data, name, title=title, result=result, of=of)

    def export(
        self, frame: pd.DataFrame, name: str, *, title: str, result: str | None = None, of: str | None = None
    ) -> None:
        """Write a table that is not displayed; parameters as in `table`.

        >>> from tempfile import TemporaryDirectory
        >>> import tariffmodel as tm
        >>> with TemporaryDirectory() as place:
        ...     note = tm.notebook.open("02", "flat-25", "none", "CY2025", output=place)
        ...     note.export(pd.DataFrame({"bill_usd": [6.3e9]}, index=["Toyota"]), "bill", title="Bills")
        ...     sorted(path.name for path in (Path(place) / "tables").iterdir())
        ['02_bill.csv', '02_bill.json']
        """
        charts.export_table(
            frame, f"{self.number}_{name}", self.output, title=title, as_of=self.as_of, result=result, of=of
        )

    def say(self, text: str) -> None:
        """Display Markdown, in which nothing from outside can be more than text, see `escapes`.

        >>> import tariffmodel as tm
        >>> tm.notebook.open("02", "flat-25", "none", "CY2025").say("Together they owe much.")
        <IPython.core.display.Markdown object>
        """
        from IPython.display import Markdown

        _display(Markdown(escapes.markdown_said(cleandoc(text))))

    def conclude(self, found: pd.Series | pd.DataFrame, *quantities: str, unit: str | None = None) -> None:
        """Record what the note concludes, so that runs can be compared.

        Parameters
        ----------
        found : Series or DataFrame
            Values as `runs.changes.conclude` takes them, for one quantity; or a result with a column for
            each quantity, whose range is then taken from it too, where it has one.
        *quantities : str
            What is stated.
        unit : str, optional
            Default: as the table of result columns has it.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> import tariffmodel as tm
        >>> with TemporaryDirectory() as place:
        ...     note = tm.notebook.open("02", "flat-25", "none", "CY2025", output=place)
        ...     note.conclude(pd.Series({"Toyota": 6.3e9}), "bill_usd")
        ...     (Path(place) / "conclusions.csv").read_text(encoding="utf-8").split()[1]
        '02,bill_usd,Toyota,6300000000,,,,usd,'
        """
        for quantity in quantities:
            stated = found
            if isinstance(found, pd.DataFrame) and quantity in found:
                low, high = (_end(quantity, end) for end in ("low", "high"))
                names = {quantity: "value", low: "low", high: "high"}
                stated = found[[name for name in names if name in found]].rename(columns=names)
            counted = unit or columns.unit(quantity)
            changes.conclude(self.number, quantity, stated, self.output, unit=counted)

    def _look(self, draw: Callable[..., charts.Chart]) -> dict[str, Any]:
        look = {"source": self.source, "as_of": self.as_of, "width_cm": charts.PAGE_CM, "case": self.label}
        return {name: value for name, value in look.items() if name in signature(draw).parameters}


def open(  # noqa: A001  read as `notebook.open`
    number: str,
    policy: str = "current-law",
    against: str = "before-april-2025",
    period: str = "FY2026-03",
    as_of: str | date = "",
    output: str | Path = "",
    *,
    source: str = SOURCE,
    label: str = "{policy} against {against}, {period}",
) -> Note:
    """Open a page of a note.

    Parameters
    ----------
    number : str
        Two digits, as in the file's name.
    policy, against, period : str
        The question; policies by name or file.
    as_of : str or date, optional
        The day on which the question is asked, see `tariff.case.case`. Default: the last fixing.
    output : str or Path, optional
        Folder for charts, tables and conclusions. Default: nothing is written.
    source : str
        Where the numbers come from; ``{prices}`` in it stands for the day of the last price. The version of
        the data is added.
    label : str
        Of the question, for charts; ``{policy}``, ``{against}`` and ``{period}`` in it stand for theirs.

    Raises
    ------
    TariffModelError
        If a policy, the period or the day cannot be read.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> note = tm.notebook.open("02", "flat-25", "none", "CY2025")
    >>> note.label, note.output
    ('flat 25% against free trade, CY2025', None)
    """
    asked = ask(policy, against, period, as_of or None)
    last = f"{asked.facts.prices.index[-1]:%Y-%m-%d}"
    return Note(
        number=number,
        case=asked,
        output=Path(output) if output else None,
        source=f"{source.format(prices=last)}; data {asked.facts.version}",
        label=label.format(policy=asked.policy.label, against=asked.against.label, period=asked.period),
    )


# Words --------------------------------------------------------------------------------------------


def money(usd: float, *bounds: float) -> str:
    """Amount, and its low and high if given, in billions or for small ones in millions.

    >>> money(6.3e9, 5.2e9, 7.6e9), money(42e6)
    ('USD 6.3 bn (5.2 to 7.6)', 'USD 42.0 m')
    """
    scale, unit = (1e9, "bn") if abs(usd) >= 1e8 else (1e6, "m")
    around = " (" + " to ".join(f"{bound / scale:,.1f}" for bound in bounds) + ")" if bounds else ""
    return f"USD {usd / scale:,.1f} {unit}{around}"


def amount(value: float) -> str:
    """Three digits that matter, without an exponent.

    >>> amount(0.51234), amount(1234.5)
    ('0.512', '1,234')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def listing(names: Iterable[object], none: str = "none") -> str:
    """Names after one another.

    >>> listing(["Toyota", "Honda"]), listing([])
    ('Toyota, Honda', 'none')
    """
    return ", ".join(map(str, names)) or none


def counted(names: Collection[object]) -> str:
    """How many, and which.

    >>> counted(["Toyota", "Honda"]), counted([])
    ('2 (Toyota, Honda)', 'none')
    """
    return f"{len(names)} ({listing(names)})" if len(names) else "none"


def verbatim(text: object) -> str:
    """What somebody else wrote, such as the title of a policy, as text of a sentence in Markdown.

    >>> verbatim("25% *flat*")
    '25% &#42;flat&#42;'
    """
    return escapes.markdown(text)


def red(text: str) -> str:
    """Only for what does not help.

    >>> red("It does not help.")
    '<span style="color:#B2182B">It does not help.</span>'
    """
    return f'<span style="color:{charts.RED}">{text}</span>'


def p_text(p: float) -> str:
    """A p-value.

    >>> p_text(0.0423), p_text(1e-9)
    ('0.042', '<0.001')
    """
    return "–" if bool(pd.isna(p)) else "<0.001" if p < 0.001 else f"{p:.2g}"


def day_text(day: date) -> str:
    """A day in words.

    >>> day_text(date(2026, 3, 1))
    '1 March 2026'
    """
    return f"{day.day} {day:%B %Y}"


def _end(quantity: str, end: str) -> str:
    """The name of one end of the range of a quantity: ``bill_low_usd`` of ``bill_usd``."""
    stem = quantity.removesuffix("_usd")
    return f"{stem}_{end}_usd" if stem != quantity else f"{quantity}_{end}"


def _display(shown: object) -> None:
    from IPython.display import display

    display(shown)
