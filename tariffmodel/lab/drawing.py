"""How does an outcome look, in a notebook or in a browser?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from tariffmodel import charts
from tariffmodel.charts import house
from tariffmodel.escapes import html as escape
from tariffmodel.lab.effects import Workbench
from tariffmodel.lab.knobs import Value
from tariffmodel.lab.supply import Supply
from tariffmodel.tariff.comparison import TREASURY

SOURCE = "tariffmodel, from company reports, trade statistics, dated law and estimates in data"
STYLE = """<style>
.policy-lab-box .widget-readout {font-size: 12px}
.policy-lab {color: #222; background: white; font: 13px/1.35 sans-serif; padding-left: 8px; width: 665px}
.policy-lab.old {opacity: 0.35}
.policy-lab h3 {font-size: 15px; margin: 0 0 2px}
.policy-lab p {margin: 0 0 6px}
.policy-lab small, .policy-lab .state {color: #666}
.policy-lab table {border-collapse: collapse; font-size: 11px; margin: 8px 0}
.policy-lab td, .policy-lab th {padding: 1px 4px; text-align: right; font-weight: normal}
.policy-lab td, .policy-lab tbody th {white-space: nowrap}
.policy-lab thead th {vertical-align: bottom; border-bottom: 1px solid #888}
</style>"""
_VISIBLE = 5e5  # USD: smaller changes are not spoken of
_LEFT, _ROW, _HEAD = 115, 21, 18  # pixels
WIDE = 665  # of a chart beside its sliders


def page(
    bench: Workbench,
    name: str,
    frame: pd.DataFrame,
    changed: Mapping[str, Value],
    output: Supply | str = "",
) -> str:
    """HTML of an `outcome`: the finding, a chart, who gains and who loses, and the figures.

    `changed` says of which state, so that figures and sliders cannot be taken for each other's. `output` is
    what makers would build more, or why that is not known.

    >>> import tariffmodel as tm
    >>> from tariffmodel.lab.effects import outcome
    >>> bench = Workbench(tm.case(period="CY2025"))
    >>> frame = outcome(bench, tm.policy.load("flat-25"))
    >>> text = page(bench, "flat 25%", frame, {"additional.flat.rate": 0.25})
    >>> text[:24], "additional.flat.rate = 0.25" in text
    ('<div class="policy-lab">', True)
    """
    return f'<div class="policy-lab">{chart(bench, name, frame, changed)}{details(frame, output)}</div>'


def chart(
    bench: Workbench, name: str, frame: pd.DataFrame, changed: Mapping[str, Value], width: int = WIDE
) -> str:
    """HTML of `bills`: the finding, a chart `width` pixels wide, and who gains and who loses.

    The chart is SVG written from the numbers, which takes a hundredth of the time that a matplotlib
    figure would. Nothing in it needs a style of its own, so that a page may forbid those.

    >>> import tariffmodel as tm
    >>> from tariffmodel.lab.effects import bills
    >>> bench = Workbench(tm.case(period="CY2025"))
    >>> text = chart(bench, "flat 25%", bills(bench, tm.policy.load("flat-25")), {}, width=360)
    >>> 'width="360"' in text, "style=" in text
    (True, False)
    """
    owes = _owing(frame)
    shown, (scale, unit) = frame[owes], house.usd_scale(frame[["bill_usd", "baseline_usd"]])
    finding = headline(frame, name, bench.baseline.label)
    key = " ".join(
        f'<svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" fill="{color}"/></svg>'
        f"\u00a0{charts.ORIGIN_NAME[home]}"
        for home, color in charts.HOME_COLOR.items()
        if home in set(shown["home"])
    )
    state = "; ".join(f"{key} = {value}" for key, value in changed.items())
    notes = [
        f"Shares: the change at a yearly rate, valued with {bench.valuation}, over market value",
        house.PART_NOTE if shown["consolidated_in"].notna().any() else "",
        house.left_out(frame.index[~owes], "no bill"),
        *house.origin_note(SOURCE, bench.case.as_of),
    ]
    return (
        f"<h3>{escape(finding)}</h3>"
        f"<p>Bill, USD {unit}, against {escape(bench.case.against.label)}, "
        f"{house.period_text(str(bench.case.period))}. "
        f"Bars: {escape(name)}, thin lines low to high; black marks: {escape(bench.baseline.label)}. "
        f"{key}</p>"
        f'<p class="state">{escape(state)}</p>'
        f"{_bars(shown, scale, finding, width)}<p>{escape(_summary(frame))}</p>"
        f"<p><small>{escape('. '.join(filter(None, notes)))}</small></p>"
    )


def details(frame: pd.DataFrame, output: Supply | str = "") -> str:
    """HTML of an `outcome` below its chart: what one more vehicle is worth, US output and the figures.

    >>> import tariffmodel as tm
    >>> from tariffmodel.lab.effects import outcome
    >>> bench = Workbench(tm.case(period="CY2025"))
    >>> text = details(outcome(bench, tm.policy.load("flat-25")), "not asked for")
    >>> "US output: not asked for" in text, text.count("<table>")
    (True, 1)
    """
    notes = (
        "One more built or exported: what that takes off the bill. Net of prices: profit lost once prices "
        "and volumes have settled, plants as they are"
    )
    figures = _figures(frame[_owing(frame)])
    return f"{_rewards(frame)}{_output(output)}{figures}<p><small>{notes}</small></p>"


def _owing(frame: pd.DataFrame) -> pd.Series:
    """Makers that owe something under either policy."""
    return (frame[["bill_usd", "baseline_usd"]].abs() >= _VISIBLE).any(axis=1)


def headline(frame: pd.DataFrame, name: str, baseline: str) -> str:
    """Who gains most and who loses most, in a sentence.

    >>> frame = pd.DataFrame({"change_usd": [-2e9, 1.5e9]}, index=["Toyota", "Ford"])
    >>> headline(frame, "a reform", "the law")
    'Toyota gains most, USD 2.0 bn; Ford loses most, USD 1.5 bn: a reform instead of the law'
    """
    change = frame["change_usd"].sort_values(kind="stable")
    moved = [
        (maker, verb, sign * change[maker])
        for maker, verb, sign in ((change.index[0], "gains", -1), (change.index[-1], "loses", 1))
        if sign * change[maker] > _VISIBLE
    ]
    scale, unit = house.usd_scale(pd.Series([min((amount for *_, amount in moved), default=0.0)]))
    said = [
        f"{maker} {verb} most, USD {house.short_number(amount / scale)} {unit}"
        for maker, verb, amount in moved
    ]
    if not said:
        return f"No bill under {name} differs from that under {baseline}"
    return f"{'; '.join(said)}: {name} instead of {baseline}"


def _bars(frame: pd.DataFrame, scale: float, alt: str, width: int) -> str:
    """One row per maker: bar, range, mark of the baseline, bill and change."""
    ends = frame[["bill_low_usd", "bill_high_usd", "baseline_usd"]].to_numpy() / scale
    ticks = MaxNLocator(5 if width >= WIDE else 3).tick_values(ends.min(initial=0.0), ends.max(initial=0.0))
    first, last = (60, 130) if width >= WIDE else (42, 92)  # where the figures beside the plot end
    plot = width - _LEFT - last - 8
    foot, right = _HEAD + _ROW * len(frame), _LEFT + plot
    whole = frame["consolidated_in"].isna()

    def x(value: float) -> float:
        return round(_LEFT + plot * (value - ticks[0]) / (ticks[-1] - ticks[0]), 1)

    def text(where: float, y: float, content: str, anchor: str = "end", fill: str = "#222") -> str:
        return f'<text x="{where}" y="{y}" text-anchor="{anchor}" fill="{fill}">{content}</text>'

    marks = [text(right + at, 12, head, fill="#666") for at, head in ((first, "bill"), (last, "change"))]
    for tick in ticks:
        marks.append(f'<path d="M{x(tick)} {_HEAD}V{foot}" stroke="#ddd"/>')
        marks.append(text(x(tick), foot + 13, house.true_minus(f"{tick:g}"), "middle"))
    for row, (maker, one) in enumerate(frame.iterrows()):
        y, color = _HEAD + _ROW * (row + 0.5), charts.HOME_COLOR.get(one["home"], house.OTHER_COLOR)
        bill, low, high, base = (
            one[f"{c}_usd"] / scale for c in ("bill", "bill_low", "bill_high", "baseline")
        )
        start, end = sorted((x(0), x(bill)))
        marks += [
            text(_LEFT - 6, y + 4, escape(house.marked(str(maker), whole))),
            f'<rect x="{start}" y="{y - 6}" width="{end - start:.1f}" height="12" fill="{color}"/>',
            f'<path d="M{x(low)} {y}H{x(high)}" stroke="#222"/>',
            f'<path d="M{x(base)} {y - 9}v18" stroke="#222" stroke-width="2.5"/>',
            text(right + first, y + 4, f"{bill:,.2f}"),
            text(right + last, y + 4, _signed(one["change_usd"] / scale, 2)),
        ]
    return (
        f'<svg role="img" aria-label="{escape(alt)}" width="{width}" height="{foot + 18}" '
        f'font-family="sans-serif" font-size="11">{"".join(marks)}'
        f'<path d="M{x(0)} {_HEAD}V{foot}" stroke="#222"/></svg>'
    )


def _summary(frame: pd.DataFrame) -> str:
    """Everybody who gains or loses, and the Treasury."""
    share = frame["implied_share_of_market_cap"]
    change = frame["change_usd"].sort_values(kind="stable")

    def each(makers: pd.Index) -> str:
        said = (
            f"{maker} {_signed(change[maker] / 1e6)}"
            + (f" ({_signed(100 * share[maker], 1)}%)" if np.isfinite(share[maker]) else "")
            for maker in makers
        )
        return ", ".join(said) or "nobody"

    revenue = frame.loc[frame["consolidated_in"].isna(), "change_usd"].sum() / 1e6
    return (
        f"Change of the bill, USD m (and of the shares): gainers {each(change.index[change < -_VISIBLE])}; "
        f"losers {each(change.index[change > _VISIBLE][::-1])}; {TREASURY} {_signed(revenue)}."
    )


def _rewards(frame: pd.DataFrame) -> str:
    """Whom one more vehicle helps most."""
    said = [
        f"One more vehicle {what} a year is worth most to {frame[worth].idxmax()}: "
        f"USD {frame[worth].max():,.0f}."
        for worth, what in (("worth_us_built_usd", "built in the US"), ("worth_exported_usd", "exported"))
        if frame[worth].max() >= 0.5
    ]
    return f"<p>{escape(' '.join(said))}</p>" if said else ""


def _output(found: Supply | str) -> str:
    """What makers move to US plants, in a sentence, with its curves over slope and level."""
    if isinstance(found, str):
        return f"<p>US output: {escape(found)}</p>" if found else ""
    total = found.total / 1e3
    if not np.isfinite(total).all():
        return f"<p>US output: makers that ship in from {found.origin} do not settle on what they move</p>"
    most = found.makers["moved_units"].nlargest(3)
    who = ", ".join(f"{maker} {units / 1e3:,.0f}" for maker, units in most[most >= 500].items())
    middle, low, high = (f"{total[f'moved{end}_units']:,.0f}" for end in ("", "_low", "_high"))
    place = charts.ORIGIN_NAME.get(found.origin, found.origin)
    said = (
        f"US output: in the long run, each for itself, makers move {middle} thousand vehicles a year here "
        f"from {place} ({low} to {high} at high and low costs of moving, of which the larger part has no "
        f"source){': ' if who else ''}{who}"
    )
    top = max(found.curves["moved_units"].max() / 1e3, 1.0) if len(found.curves) else 1.0
    curves = (
        _curve(curve.droplevel("knob")["moved_units"] / 1e3, str(knob), getattr(found.relief, str(knob)), top)
        for knob, curve in found.curves.groupby(level="knob", sort=False)
    )
    return f"<p>{escape(said)}</p>{''.join(curves)}"


_CURVE_WIDTH, _CURVE_HEIGHT = 320, 120


def _curve(moved: pd.Series, knob: str, now: float, top: float) -> str:
    """Thousand vehicles that move against one number of the relief, marked where it stands."""
    word = {"base": "level"}.get(knob, knob)
    left, foot, far = 50, _CURVE_HEIGHT - 32, float(moved.index[-1]) or 1.0

    def x(value: float) -> float:
        return round(left + (_CURVE_WIDTH - left - 12) * value / far, 1)

    def y(units: float) -> float:
        return round(foot - (foot - 20) * units / top, 1)

    def text(where: float, down: float, content: str, anchor: str) -> str:
        return f'<text x="{where}" y="{down}" text-anchor="{anchor}">{content}</text>'

    line = "L".join(f"{x(value)} {y(moved[value])}" for value in moved.dropna().index)
    marks = "".join(text(left - 6, y(end) + 4, f"{end:,.0f}", "end") for end in (0.0, top))
    marks += "".join(text(x(end), foot + 14, f"{100 * end:.0f}%", "middle") for end in (0.0, far))
    if np.isfinite(moved[now]):
        marks += f'<circle cx="{x(now)}" cy="{y(moved[now])}" r="4" fill="#222"/>'
    label = f"Thousand vehicles a year moved to the US against the {word}"
    return (
        f'<svg class="supply" role="img" aria-label="{label}" '
        f'width="{_CURVE_WIDTH}" height="{_CURVE_HEIGHT}" font-family="sans-serif" font-size="11">'
        f'<text x="{left}" y="12" fill="#666">Thousand a year moved to the US, by {word}</text>'
        f'<path d="M{left} 20V{foot}H{_CURVE_WIDTH - 12}" fill="none" stroke="#888"/>'
        f'<path d="M{line}" fill="none" stroke="#222" stroke-width="1.5"/>{marks}</svg>'
    )


def _figures(frame: pd.DataFrame) -> str:
    def plain(values: pd.Series, digits: int = 0) -> list[str]:
        return [house.true_minus(f"{v:,.{digits}f}") if np.isfinite(v) else "–" for v in values]

    def signed(values: pd.Series, digits: int = 0) -> list[str]:
        return [_signed(v, digits) for v in values]

    def span(low: list[str], high: list[str]) -> list[str]:
        return [f"{a} to {b}" if a != "–" else "–" for a, b in zip(low, high, strict=True)]

    million, percent = 1e-6 * frame.filter(like="_usd"), 100 * frame.filter(like="implied_share")
    columns = {
        "Rate, %": plain(100 * frame["effective_rate"], 1),
        "before, %": plain(100 * frame["effective_rate_baseline"], 1),
        "Bill, USD m": plain(million["bill_usd"]),
        "low to high": span(plain(million["bill_low_usd"]), plain(million["bill_high_usd"])),
        "Net of prices, USD m": signed(million["net_bill_usd"]),
        "Change, USD m": signed(million["change_usd"]),
        "One more built, USD": signed(frame["worth_us_built_usd"]),
        "One more exported, USD": signed(frame["worth_exported_usd"]),
        "Shares, %": signed(percent["implied_share_of_market_cap"], 1),
        "low to high, %": span(
            *(signed(percent[f"implied_share_of_market_cap_{e}"], 1) for e in ("low", "high"))
        ),
    }
    return table(columns, frame.index)


def table(columns: Mapping[str, Sequence[str]], rows: Iterable[object]) -> str:
    """HTML of a table whose cells are text already, with headings that a screen reader reads out.

    >>> table({"Bill": ["1"]}, ["Ford"]).partition("<tbody>")[2]
    '<tr><th scope="row">Ford</th><td>1</td></tr></tbody></table>'
    """
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for row, *cells in zip(rows, *columns.values(), strict=True)
    )
    return f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _signed(value: float, digits: int = 0) -> str:
    """With its sign and a true minus; zero has no sign, a gap is a dash."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:+,.{digits}f}".replace("-", "\u2212")
    return text if round(value, digits) else text[1:]
