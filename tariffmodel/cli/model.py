"""Commands that compute: contribution, bills, incentives, comparison, response."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tariffmodel.cli.options import (
    BEFORE,
    LAW,
    YEAR,
    Against,
    AsOf,
    Data,
    Format,
    Horizon,
    Makers,
    Output,
    PeriodLabel,
    PolicyName,
    Response,
    ask,
    called,
    columns_table,
    complete_policies,
    makers_named,
    number_text,
    one_of,
    parse_response,
    print_table,
    write_frame,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change a value of the policy, kind.id.field=value; the id may go where one entry is of "
        "the kind: --set relief.slope=0.15",
    ),
]


@app.command()
def exposure(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    response: Response = None,
    horizon: Horizon = None,
    settings: Settings = None,
    makers: Makers = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What each maker owes under a policy, with its range, what it books, and what of it is left."""
    from tariffmodel.markets import valuation
    from tariffmodel.response import net_bill
    from tariffmodel.tariff import booked
    from tariffmodel.tariff.case import Valuation

    at = parse_response(response, horizon)
    asked, names = ask(policy, against, period, as_of=as_of, data=data, settings=settings, makers=makers)
    law, other, day, period = asked.policy, asked.against, asked.as_of, str(asked.period)
    bills = booked.table(asked, Valuation(tax_rate=valuation.central(asked.facts).tax_rate))
    bills = bills[bills.index.isin(names)]
    net = net_bill.table(asked, horizon=at) if at else None
    net = net[net.index.isin(names)] if net is not None else None
    if format.bare:
        about = {
            "policy": law.name,
            "against": other.name,
            "period": period,
            "as_of": str(day),
            "settings": settings or [],
        }
        if net is not None:
            bills = bills.join(net.drop(columns=bills.columns.intersection(net.columns)))
            about["horizon"] = str(at)
        write_frame(bills, format, about)
        return
    inside = bills["consolidated_in"].dropna()
    rows = [f"{maker} (in {inside[maker]})" if maker in inside else str(maker) for maker in bills.index]
    table = columns_table(
        bills.assign(parts_net_usd=bills["parts_duty_usd"] - bills["offset_usd"]),
        {
            "bill_usd": "usd_m_0",
            "bill_low_usd–bill_high_usd": "usd_m_0",
            "vehicle_duty_usd": "usd_m_0",
            "parts_net_usd": "usd_m_0",
            "effective_rate": "",
            "effective_rate_against": "",
            "bill_per_us_sale_usd": "",
            "quality": "",
        },
        title=f"{law.title}{_changed(settings)}\nagainst {other.label}, {period}, as of {day}, "
        "gross of mitigation. The bill is duty owed",
        result="exposure.burden",
        caption="range: all estimated inputs at their low and high, combined by root-sum-square; "
        "(in X): consolidated in X",
        rows=rows,
    )
    print_table(table, format=format)
    print_table(
        columns_table(
            bills,
            {
                "booked_usd": "usd_m_0",
                "booked_low_usd–booked_high_usd": "usd_m_0",
                "reporting_currency": "",
                "booked_reporting_bn": "number_2",
                "share_of_operating_profit": "share_0",
                "booked_per_share": "",
                "booked_per_share_low–booked_per_share_high": "",
            },
            title=f"What profit bears of it: booked, {period}",
            result="booked.table",
            caption="range: that of the inputs, widened until it would have held four statements of other "
            "makers in five; operating profit: last fiscal year before the tariff, scaled to the period; per "
            "share: after the maker's own tax, nothing passed on",
            rows=rows,
        ),
        format=format,
    )
    if net is not None:
        shown = ["bill_usd", "net_bill_usd", "net_bill_low_usd–net_bill_high_usd", "net_share"]
        print_table(
            columns_table(
                net,
                dict.fromkeys([*shown, "rivals_gain_usd"], ""),
                title=f"What is left of the bill: {_LEFT[str(at)]}, {period}",
                result="net_bill.table",
                caption="net bill: operating profit lost; below zero the maker gains. Makers inside another "
                "are in its row",
                rows=[str(maker) for maker in net.index],
            ),
            format=format,
        )
    if as_of and (hidden := asked.facts.hidden(day)):
        typer.echo(hidden)
    for basis, words in _ASSUMED.items():
        if count := int((bills["imports_basis"] == basis).sum()):
            typer.echo(f"imports of {count} maker{'s' * (count > 1)}: {words}")


_LEFT = {
    "posted": "prices stand",
    "short": "prices have settled, US plants sell what they did and what is idle of them",
    "equilibrium": "prices and volumes have settled, plants as they were",
    "long": "prices, volumes and plants have moved, at central costs of moving",
}
_ASSUMED = {
    "mean": "official months of a year in the period are not all out; it has the mean pace of earlier years",
    "projected": "a year in the period is known in part; the rest is a nowcast, with the range of one",
    "carried": "a year in the period is not known; it has the imports of the nearest one, at the mean "
    "pace of earlier years, with the range of what a year may change",
}


@app.command()
def contribution(
    period: PeriodLabel = "CY2024",
    level: Annotated[str, typer.Option(help="firm, or country for the makers of a home pooled.")] = "firm",
    makers: Makers = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What each maker, or each country's makers together, contribute to the US auto sector."""
    from tariffmodel import columns, facts
    from tariffmodel.tariff import contribution as model

    one_of(level, ("firm", "country"), "--level")
    if makers and level == "country":
        raise typer.BadParameter("goes with --level firm", param_hint="--maker")
    known = facts.load(data)
    names = makers_named(known, makers)
    period = facts.companies.own_period(known, period, names)
    metrics = model.metrics(known, period, level)  # type: ignore[arg-type]
    metrics = metrics[metrics.index.isin(names)] if makers else metrics
    if format.bare:
        write_frame(metrics, format, {"period": period, "level": level})
        return
    table = Table(
        title=f"Contribution, {period}",
        caption="low–high in brackets; a dash: an input is missing or nothing is sold",
    )
    table.add_column("")
    read = {name: columns.column(name) for name in model.METRICS}
    for column in read.values():
        table.add_column(column.label, justify="right")
    for maker, row in metrics.iterrows():
        cells = []
        for name, column in read.items():
            value, low, high = (column.text(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
            cells.append(value if low == high else f"{value} ({low}–{high})")
        table.add_row(str(maker), *cells)
    print_table(table, format=format)


@app.command()
def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Policies, the first of them the baseline.",
            metavar="POLICY...",
            autocompletion=complete_policies,
        ),
    ],
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    worth: Annotated[
        str | None,
        typer.Option(help="In place of bills, what one more us_built, exported, job or usd_invested saves."),
    ] = None,
    rank: Annotated[
        bool,
        typer.Option(
            "--rank", help="Two policies: makers by gain or loss, with the relief per US-built vehicle."
        ),
    ] = False,
    response: Response = None,
    horizon: Horizon = None,
    makers: Makers = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Bills of all makers under several policies, and who gains or loses against the first."""
    from tariffmodel import columns
    from tariffmodel.response import net_bill
    from tariffmodel.tariff import comparison
    from tariffmodel.tariff import incentives as model

    at = parse_response(response, horizon)
    if worth:
        one_of(worth, model.UNITS.values(), "--worth")
    if rank and (len(names) != 2 or worth):
        raise typer.BadParameter("needs two policies, and no --worth", param_hint="--rank")
    asked, chosen = ask(names[0], against, period, data=data, makers=makers)
    others, floor, period = [asked.beside(name) for name in names[1:]], asked.against.label, str(asked.period)
    shown = {one.name: called(name, one) for name, one in zip(names, [asked.policy, *others], strict=True)}
    about = {"policies": list(shown), "against": asked.against.name, "period": period, "worth": worth}
    if at:
        about["horizon"] = at
    if rank:
        other = others[0]
        found = net_bill.ranked(asked, other, horizon=at) if at else comparison.ranked(asked, other)
        _ranked(found[found.index.isin(chosen)], list(shown.values()), floor, about, format)
        return
    if at and worth:
        raise typer.BadParameter("is of bills, not of --worth", param_hint="--response, --horizon")
    if worth:
        found = model.by_policy(asked, others, worth)
        asks = columns.column(f"worth_{worth}_usd")
        title = f"{asks.definition[0].upper()}{asks.definition[1:]} of {period}, {asks.unit}"
        caption = "imports and sales held; negative: the bill rises (a vehicle brings imported parts with it)"
    else:
        found = comparison.bills(asked, others)
        label = columns.column("bill_usd", "comparison.ranked").label
        title = f"{label}, by policy, against {floor}, {period}"
        said = [f"in brackets: change against {shown[asked.policy.name]}"] if others else []
        caption = "; ".join([*said, *([] if makers else ["makers inside another are in no sum"])])
    found = found[found.index.isin([*chosen, *([] if makers else [comparison.TREASURY])])]
    net = None
    if at:
        net = net_bill.changes(asked, [asked.policy, *others], horizon=at)["net_bill_usd"].unstack("policy")
        net = net.reindex(index=found.index.intersection(net.index), columns=found.columns)
    if format.bare:
        found = found.add_suffix("_usd")
        if net is not None:
            found = found.join(net.add_suffix("_net_usd"))
        write_frame(found, format, about | {"unit": "usd"})
        return
    if worth:
        cells = found.map(lambda value: number_text(value, "{:,.0f}" if abs(value) >= 10 else "{:.3g}"))
        _by_policy(cells, shown, title, caption, format)
        return
    _by_policy(_beside_the_first(found), shown, title, caption, format)
    if net is not None:
        _by_policy(_beside_the_first(net), shown, f"Net of it: {_LEFT[str(at)]}", caption, format)


def _beside_the_first(found: pd.DataFrame) -> pd.DataFrame:
    """Cells of bills: the first policy's, and the others' with their change in brackets."""
    from tariffmodel import columns

    bill, change = (columns.column(name, "comparison.ranked") for name in ("bill_usd", "change_usd"))
    less = found.sub(found.iloc[:, 0], axis=0)
    cells = found.map(bill.text)
    cells.iloc[:, 1:] += " (" + less.iloc[:, 1:].map(change.text) + ")"
    return cells


def _by_policy(
    cells: pd.DataFrame, called: Mapping[str, str], title: str, caption: str, format: Format
) -> None:
    """Print them, makers × policies; with a rule above the treasury's row, if it is there."""
    from tariffmodel.tariff import comparison

    total = cells.index[-1] == comparison.TREASURY
    table = Table(title=title, caption=caption)
    table.add_column("", no_wrap=True)
    for name in cells:
        table.add_column(fill(called[str(name)], 18), justify="right", no_wrap=True)
    for maker, row in cells.iterrows():
        table.add_row(str(maker), *row, end_section=total and maker == cells.index[-2])
    print_table(table, format=format)


def _ranked(
    found: pd.DataFrame, names: list[str], floor: str, about: Mapping[str, object], format: Format
) -> None:
    if format.bare:
        result = "net_bill.ranked" if "horizon" in about else "comparison.ranked"
        write_frame(found, format, {**about, "unit": "usd"}, result)
        return
    baseline, policy = names
    wanted = dict.fromkeys(
        [
            "bill_usd",
            "change_usd",
            *(
                ["net_bill_usd", "net_change_usd", "net_change_low_usd–net_change_high_usd"]
                if "horizon" in about
                else []
            ),
            "change_share_of_operating_profit",
            "relief_per_us_built_usd",
            "rate",
            "rate_baseline",
        ],
        "",
    )
    table = columns_table(
        found,
        wanted,
        result="net_bill.ranked" if "horizon" in about else "comparison.ranked",
        title=f"Who gains and who loses under {policy}, beside {baseline}, {about['period']}"
        + (f"\nNet: {_LEFT[str(about['horizon'])]}" if "horizon" in about else ", gross"),
        caption=f"bills against {floor}; relief per vehicle that the maker builds in the US",
    )
    print_table(table, format=format)


@app.command()
def incentives(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    to_rate: Annotated[
        float | None, typer.Option("--to-rate", help="Vehicles that bring the average rate to this fraction.")
    ] = None,
    settings: Settings = None,
    makers: Makers = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What one more vehicle built, exported, one more job or USD invested takes off each bill."""
    from tariffmodel import facts
    from tariffmodel.tariff import incentives as model

    asked, names = ask(policy, against, period, data=data, settings=settings, makers=makers)
    worth, law, period = model.marginal(asked), asked.policy, str(asked.period)
    if to_rate is not None:
        worth["built_to_reach_rate_units"] = model.breakeven(asked, to_rate, facts.PRODUCTION)["vehicles"]
        worth["exported_to_reach_rate_units"] = model.breakeven(asked, to_rate, facts.EXPORTS)["vehicles"]
    worth = worth[worth.index.isin(names)]
    if format.bare:
        write_frame(
            worth,
            format,
            {
                "policy": law.name,
                "against": asked.against.name,
                "period": period,
                "to_rate": to_rate,
                "settings": settings or [],
            },
        )
        return
    million = worth[["worth_usd_invested_usd", "others_usd_invested_usd"]] * 1e6
    million.columns = ["worth_usd_m_invested_usd", "others_usd_m_invested_usd"]
    units = ("us_built", "exported", "job", "usd_m_invested")
    target = ["built_to_reach_rate_units", "exported_to_reach_rate_units"] if to_rate is not None else []
    to = f", and vehicles that bring the average rate to {to_rate:.1%}" if target else ""
    table = columns_table(
        worth.join(million),
        dict.fromkeys([*(f"worth_{unit}_usd (others_{unit}_usd)" for unit in units), *target], ""),
        title=f"{law.title}{_changed(settings)}\nOff the bill of {period} by one more a year{to}",
        caption="imports and sales held; in brackets: what the other makers save; "
        "negative: the bill rises (a vehicle brings imported parts with it)",
    )
    print_table(table, format=format)


@app.command()
def response(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    published: Annotated[
        bool, typer.Option("--published", help="What studies found, beside the model under their tariffs.")
    ] = False,
    response: Response = None,
    horizon: Horizon = None,
    settings: Settings = None,
    makers: Makers = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What is left of each bill once prices and volumes, or plants too, have moved, and what rivals gain."""
    from tariffmodel.response import equilibrium, moved, net_bill
    from tariffmodel.response import published as studies

    at = parse_response(response, horizon) or net_bill.horizon_of()
    if published and (response or horizon):
        raise typer.BadParameter("each study has its own horizon", param_hint="--response, --horizon")
    if published and makers:
        raise typer.BadParameter("studies are of all makers together", param_hint="--maker")
    asked, names = ask(policy, against, period, data=data, settings=settings, makers=makers)
    if published:
        result = studies.table(asked)
    else:
        result = equilibrium.table(asked, at, moved.table(asked) if at == "long" else None)
        result = result[result.index.isin(names)]
    period = str(asked.period)
    if format.bare:
        about = {
            "policy": asked.policy.name,
            "against": asked.against.name,
            "period": period,
            "settings": settings or [],
        }
        if not published:
            about["horizon"] = at
        write_frame(result, format, about, "published.table" if published else "equilibrium.table")
        return
    if published:
        shown = [
            "figure",
            "horizon",
            "volumes",
            "published_low–published_high",
            "model",
            "model_low–model_high",
            "inside",
        ]
        title, rows = "Published figures beside the model", list(result["study"])
        caption = "inside: the model's range meets the study's, under its tariff and at its horizon"
    else:
        shown = ["bill_usd", "net_bill_usd", "net_bill_low_usd–net_bill_high_usd", "rivals_gain_usd"]
        shown += ["pass_through", "price_change", "units_change"]
        title = f"{asked.policy.title}{_changed(settings)}\nagainst {asked.against.label}, {period}"
        rows = list(map(str, result.index))
        caption = f"net bill: operating profit lost, below zero the maker gains; {_LEFT[at]}"
    result_name = "published.table" if published else "equilibrium.table"
    print_table(
        columns_table(
            result, dict.fromkeys(shown, ""), title=title, caption=caption, result=result_name, rows=rows
        ),
        format=format,
    )


def _changed(settings: list[str] | None) -> str:
    return f" with {', '.join(settings)}" if settings else ""
