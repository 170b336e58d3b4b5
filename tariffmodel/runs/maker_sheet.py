"""One page per maker: what is known of it, collected from the wings.

What all makers share is computed once (`shared`); a sheet picks a maker's rows (`sheet`) and `write`
leaves the page as PDF, PNG, HTML and slides with every figure beside it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tariffmodel import charts, columns
from tariffmodel.charts.house import ORIGIN_NAME, day_text, render, true_minus
from tariffmodel.charts.makers import MakerSheet, Part
from tariffmodel.errors import DataError
from tariffmodel.facts import companies, market_value, store
from tariffmodel.runs import maker_parts, maker_slides, slides
from tariffmodel.runs.maker_parts import ENDS, Shared, shared
from tariffmodel.runs.page import TEMPLATES
from tariffmodel.tariff.case import Case
from tariffmodel.watch import calendar

__all__ = ["FORMATS", "POLICIES", "Shared", "figures", "shared", "sheet", "write"]

POLICIES = ("current-law", "flat-25", "japan-flexible-linear-firm")
FORMATS = ("pdf", "png", "html", "pptx")
_PAGED = ("pdf", "png")
_AHEAD, _DATES = 45, 3  # days in which releases are listed, and how many dates


def sheet(common: Shared, maker: str) -> MakerSheet:
    """All that is known of one maker.

    Parameters
    ----------
    common : Shared
        From `shared`.
    maker : str
        By name, alias or ticker.

    Raises
    ------
    DataError
        Nobody is called `maker`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> common = tm.maker_sheet.shared(tm.case(period="CY2025"), prices=False)
    >>> page = tm.maker_sheet.sheet(common, "Porsche AG")
    >>> page.parts["betas"].lacks
    'prices were not asked for'
    """
    case, facts = common.case, common.case.facts
    name = companies.find(facts, maker)
    about = facts.makers.T[name]
    parts = maker_parts.parts(common, name)
    ahead = calendar.upcoming(facts, case.as_of + timedelta(days=1), days=_AHEAD)
    mine = ahead["countries"].str.split("|").map({"US", "ALL", str(about["home"])}.intersection).astype(bool)
    mine &= ahead["first_day"] > pd.Timestamp(case.as_of)
    if mine.any():
        next_ones = ahead.loc[mine, ["first_day", "what", "kind"]].head(_DATES)
        dates = [f"{day_text(day)}: {what}." for day, what in next_ones[["first_day", "what"]].to_numpy()]
        parts["watch"] = Part("What to watch next", next_ones, says=tuple(dates))
    last = f"{facts.prices.index[-1]:%Y-%m-%d}"
    return MakerSheet(
        maker=name,
        name=str(about["name"]),
        line=_line(common, name),
        findings=_findings(common, name, parts),
        parts=parts,
        label=case.label,
        source=(
            f"tariffmodel, data {facts.version}: company reports, trade statistics, dated law and estimates, "
            f"closing prices to {last}, ECB fixings; rows and links in data/*.csv"
        ),
        as_of=case.as_of,
    )


def _line(common: Shared, maker: str) -> str:
    facts, about = common.case.facts, common.case.facts.makers.T[maker]
    worth = market_value(facts, common.case.as_of).T[maker]
    share = f"{about['ticker']} · " if isinstance(about["ticker"], str) else ""
    value = worth["reason"] or (
        f"market value USD {worth['market_cap_usd'] / 1e9:,.0f} bn at the close of {worth['price_date']}"
    )
    home, group = ORIGIN_NAME[about["home"]], about["consolidated_in"]
    inside = f"; inside {group}, whose figures hold its own" if isinstance(group, str) else ""
    return f"{share}{home}, reports in {about['reporting_currency']} · {value}{inside} · {common.case.label}"


# Files --------------------------------------------------------------------------------------------


def figures(one: MakerSheet) -> pd.DataFrame:
    """Every figure of a page in long form, as the functions gave it.

    Returns
    -------
    DataFrame
        `part`, `row`, `column`, `value` (not rounded; days and words as they are) and `unit`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> common = tm.maker_sheet.shared(tm.case(period="CY2025"), prices=False)
    >>> found = figures(tm.maker_sheet.sheet(common, "Suzuki"))
    >>> found.query("part == 'policies' and column == 'bill_usd'")[["row", "value", "unit"]].values.tolist()
    [['law in force', 0.0, 'usd']]
    """
    rows = []
    for name, part in one.parts.items():
        wanted = part.frame
        if part.shown:
            wanted = wanted[[column for names in part.shown for column in names.split("–")]]
        known = columns.described(wanted, part.result)
        for column in wanted:
            unit = known[column].unit if column in known else ""
            rows += [(name, str(row), str(column), value, unit) for row, value in wanted[column].items()]
    return pd.DataFrame(rows, columns=["part", "row", "column", "value", "unit"])


def write(
    one: MakerSheet,
    folder: str | Path,
    formats: Sequence[str] = FORMATS,
    template: str | Path | None = None,
) -> list[Path]:
    """Write the page, and every figure on it as CSV and JSON beside it; returns the files.

    Parameters
    ----------
    formats : sequence of str
        Of `FORMATS`.
    template : path, optional
        A desk's .pptx for the slides, see `slide_template.opened`.

    Raises
    ------
    DataError
        A format that is none of them, or a template that cannot be used.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> page = tm.maker_sheet.sheet(tm.maker_sheet.shared(tm.case(period="CY2025"), prices=False), "Suzuki")
    >>> with TemporaryDirectory() as place:
    ...     [path.name for path in write(page, place, ["html"])]
    ['suzuki.html', 'suzuki.csv', 'suzuki.json']
    """
    if unknown := [kind for kind in formats if kind not in FORMATS]:
        raise DataError(f"{unknown[0]!r} is no format of a sheet; choose from {', '.join(FORMATS)}")
    drawn = charts.maker_page(one) if set(_PAGED) & set(formats) else None
    content = {kind: render(drawn.figure, kind, drawn.alt) for kind in formats if drawn and kind in _PAGED}
    if "html" in formats:
        content["html"] = _html(one)
    if "pptx" in formats:
        content["pptx"] = slides.content(maker_slides.drawn(one, template), one.title, one.as_of)
    content["csv"] = figures(one).to_csv(index=False, lineterminator="\n").encode()
    content["json"] = json.dumps(_stated(one), indent=1, ensure_ascii=False).encode()
    stem = one.maker.lower().replace(" ", "_")
    paths = {Path(folder) / f"{stem}.{kind}": text for kind, text in content.items()}
    for path, text in paths.items():
        store.write_whole(path, text)
    return list(paths)


def _stated(one: MakerSheet) -> dict[str, Any]:
    """The page for programs: what it says, and its tables unrounded."""
    about = {"title": one.title, "maker": one.maker, "question": one.label, "as_of": str(one.as_of)}
    parts = {
        name: {"title": part.title, "says": list(part.says), "lacks": part.lacks, "table": _table(part.frame)}
        for name, part in one.parts.items()
    }
    return about | {"source": one.source, "findings": list(one.findings), "parts": parts}


def _table(frame: pd.DataFrame) -> Any:
    if frame.empty:
        return None
    return json.loads(frame.to_json(orient="split", date_format="iso", double_precision=15))


def _html(one: MakerSheet) -> bytes:
    """The page for a browser or a mail: one file that loads nothing."""
    drawn = {"quarters": charts.maker_quarters, "reactions": charts.maker_reactions}
    about: dict[str, Any] = {"case": one.label, "source": one.source, "as_of": one.as_of}
    pictures = {}
    for name, draw in drawn.items():
        part = one.parts[name]
        if not part.lacks:
            chart = draw(part.frame, one.maker, **about)
            svg = base64.b64encode(render(chart.figure, "svg", chart.alt)).decode()
            pictures[name] = {"alt": chart.alt, "source": f"data:image/svg+xml;base64,{svg}"}
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("maker.html.j2")
    return page.render(one=one, pictures=pictures, minus=true_minus, day=day_text(one.as_of)).encode()


# Words --------------------------------------------------------------------------------------------


def _findings(common: Shared, maker: str, parts: dict[str, Part]) -> tuple[str, ...]:
    """What matters, in three or four sentences."""
    case = common.case
    own = common.policies.xs(case.policy.name, level="policy").T[maker]
    found = [_cost(own, case, maker)]
    if pd.notna(own["net_bill_usd"]) and own["bill_usd"]:
        gain = ", a gain" if own["net_bill_high_usd"] < 0 else ""
        found.append(
            f"Left as lost profit once prices have settled: {_money(own, 'net_bill')}{gain}; once plants "
            f"have moved too: {_money(own, 'net_with_plants')}."
        )
    for one in common.others[:1]:
        other = common.policies.xs(one.policy.name, level="policy").T[maker]
        if other["bill_usd"] != own["bill_usd"]:
            found.append(f"Under {one.policy.label} it would owe {_money(other, 'bill')}.")
    hedge = parts["hedge"].frame
    if len(hedge):
        row = hedge.iloc[0]
        took = f"took {row['out_of_sample']:.0%} ({row['low']:.0%} to {row['high']:.0%}) off its variance."
        found.append(
            f"Hedge chosen for the share: {row['called']}, which {took}"
            if row["helps"]
            else f"The hedge chosen for the share, {row['called']}, does not help: it {took}"
        )
    return tuple(true_minus(text) for text in found)


def _cost(own: pd.Series, case: Case, maker: str) -> str:
    if not own["bill_usd"] and not own["us_import_units"]:
        return f"{maker} imports no cars into the US and owes nothing in {case.period}, {case.policy.label}."
    share = own["share_of_operating_profit"]
    of = f", {share:.0%} of pre-tariff operating profit" if pd.notna(share) else ""
    books = f" and books {_money(own, 'booked')}{of}" if pd.notna(own["booked_usd"]) else ""
    return f"Owes {_money(own, 'bill')} in {case.period} under {case.policy.label}{books}."


def _money(row: pd.Series, what: str) -> str:
    """An amount with its range, in billions, or in millions where that is small."""
    value, low, high = (row[f"{what}{end}_usd"] for end in ENDS)
    scale, unit = (1e9, "bn") if max(abs(low), abs(high), abs(value)) >= 1e9 else (1e6, "m")
    form = ".1f" if unit == "bn" else ",.0f"
    return f"USD {value / scale:{form}} {unit} ({low / scale:{form}} to {high / scale:{form}})"
