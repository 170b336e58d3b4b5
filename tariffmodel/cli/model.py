"""Commands that compute: contribution, bills, incentives, comparison, validation."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import shorten
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
    Output,
    PeriodLabel,
    PolicyName,
    columns_table,
    number_text,
    parse_day,
    parse_setting,
    print_table,
    write_frame,
)
from tariffmodel.errors import TariffModelError

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
    settings: Settings = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What each maker owes under a policy, with its range, and what it books and that weighs."""
    from tariffmodel.markets import valuation
    from tariffmodel.tariff import booked
    from tariffmodel.tariff.case import Valuation, case

    changed = dict(parse_setting(text) for text in settings or [])
    asked = case(policy, against, period, parse_day(as_of) if as_of else None, data, changed)
    law, other, day = asked.policy, asked.against, asked.as_of
    bills = booked.table(asked, Valuation(tax_rate=valuation.central(asked.facts).tax_rate))
    if format is not Format.table:
        about = {
            "policy": law.name,
            "against": other.name,
            "period": period,
            "as_of": str(day),
            "settings": settings or [],
        }
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
        title=f"{law.title}{_changed(settings)}\nagainst {other.title[0].lower()}{other.title[1:]}, "
        f"{period}, as of {day}, gross of mitigation. The bill is duty owed",
        result="exposure.burden",
        caption="range: all estimated inputs at their low and high, combined by root-sum-square; "
        "(in X): consolidated in X",
        rows=rows,
    )
    print_table(table)
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
        )
    )
    for basis, words in _ASSUMED.items():
        if count := int((bills["imports_basis"] == basis).sum()):
            typer.echo(f"imports of {count} maker{'s' * (count > 1)}: {words}")


_ASSUMED = {
    "mean": "official months of a year in the period are not all out; it has the mean pace of earlier years",
    "projected": "a year in the period is known in part; the rest is a nowcast, with the range of one",
    "carried": "a year in the period is not known; it has the imports of the nearest one, at the mean "
    "pace of earlier years, with the range of what a year may change",
}


@app.command()
def contribution(
    year: Annotated[str, typer.Option(help="Period label of the volumes.")] = "CY2024",
    level: Annotated[str, typer.Option(help="firm, or country for the makers of a home pooled.")] = "firm",
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What each maker, or each country's makers together, contribute to the US auto sector."""
    from tariffmodel import columns, facts
    from tariffmodel.tariff import contribution as model

    if level not in ("firm", "country"):
        raise typer.BadParameter("write firm or country", param_hint="--level")
    metrics = model.metrics(facts.load(data), year, level)  # type: ignore[arg-type]
    if format is not Format.table:
        write_frame(metrics, format, {"year": year, "level": level})
        return
    table = Table(
        title=f"Contribution, {year}",
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
    print_table(table)


@app.command()
def compare(
    names: Annotated[
        list[str], typer.Argument(help="Policies, the first of them the baseline.", metavar="POLICY...")
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
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Bills of all makers under several policies, and who gains or loses against the first."""
    from tariffmodel import columns
    from tariffmodel.tariff import comparison
    from tariffmodel.tariff import incentives as model
    from tariffmodel.tariff.case import case

    asked, others = case(names[0], against, period, data=data), names[1:]
    if rank:
        if len(others) != 1 or worth:
            raise typer.BadParameter("needs two policies, and no --worth", param_hint="--rank")
        _ranked(comparison.ranked(asked, others[0]), names, against, period, format)
        return
    bill, change = (columns.column(name, "comparison.ranked") for name in ("bill_usd", "change_usd"))
    if worth:
        found = model.by_policy(asked, others, worth)
        asks = columns.column(f"worth_{worth}_usd")
        title = f"{asks.definition[0].upper()}{asks.definition[1:]} of {period}, {asks.unit}"
        caption = "imports and sales held; negative: the bill rises (a vehicle brings imported parts with it)"
    else:
        found = comparison.bills(asked, others)
        title = f"{bill.label}, by policy, against {against}, {period}"
        caption = f"in brackets: change against {names[0]}; makers inside another are in no sum"
    if format is not Format.table:
        write_frame(
            found,
            format,
            {"policies": names, "against": against, "period": period, "worth": worth, "unit": "usd"},
        )
        return
    table = Table(title=title, caption=caption)
    table.add_column("")
    for name in found:
        table.add_column(str(name), justify="right", no_wrap=True)
    for maker, row in found.iterrows():
        if worth:
            cells = [number_text(value, "{:,.0f}" if abs(value) >= 10 else "{:.3g}") for value in row]
        else:
            cells = [bill.text(row.iloc[0])]
            cells += [f"{bill.text(usd)} ({change.text(usd - row.iloc[0])})" for usd in row.iloc[1:]]
        table.add_row(str(maker), *cells, end_section=not worth and maker == found.index[-2])
    print_table(table)


def _ranked(found: pd.DataFrame, names: list[str], against: str, period: str, format: Format) -> None:
    baseline, policy = names
    if format is not Format.table:
        about = {"policy": policy, "baseline": baseline, "against": against, "period": period, "unit": "usd"}
        write_frame(found, format, about)
        return
    wanted = dict.fromkeys(
        [
            "bill_usd",
            "change_usd",
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
        result="comparison.ranked",
        title=f"Who gains and who loses under {policy}, beside {baseline}, {period}",
        caption=f"bills against {against}; relief per vehicle that the maker builds in the US",
    )
    print_table(table)


@app.command()
def incentives(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    to_rate: Annotated[
        float | None, typer.Option("--to-rate", help="Vehicles that bring the average rate to this fraction.")
    ] = None,
    settings: Settings = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What one more vehicle built, exported, one more job or USD invested takes off each bill."""
    from tariffmodel import facts
    from tariffmodel.tariff import incentives as model
    from tariffmodel.tariff.case import case

    changed = dict(parse_setting(text) for text in settings or [])
    asked = case(policy, against, period, data=data, settings=changed)
    worth, law = model.marginal(asked), asked.policy
    if to_rate is not None:
        worth["built_to_reach_rate_units"] = model.breakeven(asked, to_rate, facts.PRODUCTION)["vehicles"]
        worth["exported_to_reach_rate_units"] = model.breakeven(asked, to_rate, facts.EXPORTS)["vehicles"]
    if format is not Format.table:
        write_frame(
            worth,
            format,
            {
                "policy": law.name,
                "against": against,
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
    print_table(table)


@app.command()
def response(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    published: Annotated[
        bool, typer.Option("--published", help="What studies found, beside the model under their tariffs.")
    ] = False,
    settings: Settings = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What is left of each bill once prices and volumes have settled, and what rivals gain."""
    from tariffmodel.response import equilibrium
    from tariffmodel.response import published as studies
    from tariffmodel.tariff.case import case

    changed = dict(parse_setting(text) for text in settings or [])
    asked = case(policy, against, period, data=data, settings=changed)
    result = studies.table(asked) if published else equilibrium.table(asked)
    if format is not Format.table:
        about = {
            "policy": asked.policy.name,
            "against": against,
            "period": period,
            "settings": settings or [],
        }
        write_frame(result, format, about)
        return
    if published:
        shown = [
            "figure",
            "horizon",
            "published_low–published_high",
            "model",
            "model_low–model_high",
            "inside",
        ]
        title, rows = f"Published figures beside the model, volumes of {period}", list(result["study"])
        caption = "inside: the model's range meets the study's, at the study's horizon"
    else:
        shown = ["bill_usd", "net_bill_usd", "net_bill_low_usd–net_bill_high_usd", "rivals_gain_usd"]
        shown += ["pass_through", "price_change", "units_change"]
        title = f"{asked.policy.title}{_changed(settings)}\nagainst {asked.against.title}, {period}"
        rows = list(map(str, result.index))
        caption = (
            "net bill: operating profit lost; below zero the maker gains. Plants and capacity as they were"
        )
    result_name = "published.table" if published else "equilibrium.table"
    print_table(
        columns_table(
            result, dict.fromkeys(shown, ""), title=title, caption=caption, result=result_name, rows=rows
        )
    )


@app.command()
def validate(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    as_of: AsOf = None,
    since: Annotated[
        str | None, typer.Option(help="Score statements of this day or later alone, ISO day.")
    ] = None,
    own: Annotated[bool, typer.Option("--own", help="Score the statements you added alone.")] = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """The cost that the model says is booked beside every comparable disclosure, with error and ranges."""
    from tariffmodel.tariff import forecasts, validation
    from tariffmodel.tariff.case import case

    asked = case(policy, against, as_of=parse_day(as_of) if as_of else None, data=data)
    day, rows = asked.as_of, validation.disclosed(asked)
    if since or own:
        rows = validation.apart(asked, rows, parse_day(since) if since else None, own)
    if format is not Format.table:
        write_frame(
            rows.set_index(["maker", "period"]),
            format,
            {"policy": policy, "against": against, "as_of": str(day), "since": since, "own": own},
        )
        return
    last = rows[rows["latest"]]
    wanted = dict.fromkeys(
        ["period", "kind", "judged", "currency", "disclosed", "model", "widened_low–widened_high"], ""
    )
    table = columns_table(
        last,
        wanted | dict.fromkeys(["error", "inside_widened", "headline"], ""),
        title=f"Booked cost by the model beside what was disclosed{_scored(since, own)}, "
        f"billions of reporting currency, as of {day}",
        caption="disclosed: less void duty that came back later; low–high: the range of the inputs, widened "
        "by what the other makers' misses teach; a floor (net figures are floors) errs only above the model",
        rows=last["maker"].to_list(),
    )
    print_table(table)
    for name, line in validation.summary(rows).iterrows():
        typer.echo(f"{name}: {validation.in_words(line) if line['n'] else 'none'}")
    if not (since or own):
        for words in forecasts.in_words(forecasts.scored(asked)):
            typer.echo(f"ledger: {words}")
    there = validation.counted(asked)
    typer.echo(f"\nOf {there['statements'].sum()} statements{' in all' if since or own else ''}:")
    for judged, why, statements, companies in there.reset_index().itertuples(index=False):
        as_what = f"judged as {judged}" if judged else "not comparable"
        typer.echo(f"  {statements:>3} of {companies} companies {as_what}: {why}")


@app.command()
def customs(
    policy: PolicyName = LAW,
    period: PeriodLabel = "CY2025",
    by: Annotated[
        str, typer.Option(help="origin: summed over the period; month: each record; maker: those of Mexico.")
    ] = "origin",
    goods: Annotated[
        list[str] | None,
        typer.Option(help="car, light_truck, vehicle, part, part_listed; repeat for several. Default: all."),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Country code, EU or ALL; repeat for several. Default: all.")
    ] = None,
    as_of: AsOf = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """The model beside what customs counted, by origin and month: value, duty, rate, known reasons."""
    from tariffmodel.tariff import customs as model
    from tariffmodel.tariff.case import case

    if by not in ("origin", "month", "maker"):
        raise typer.BadParameter("write origin, month or maker", param_hint="--by")
    asked = case(policy, period=period, as_of=parse_day(as_of) if as_of else None, data=data)
    about = {"policy": policy, "period": period, "by": by, "as_of": str(asked.as_of)}
    if by == "maker":
        _from_mexico(model.mexico(asked), about, format)
        return
    rows = model.table(asked)
    for name, chosen in (("goods", goods), ("origin", origin)):
        if unknown := set(chosen or []) - set(rows[name]):
            there = ", ".join(dict.fromkeys(rows[name]))
            raise typer.BadParameter(
                f"no record of {', '.join(sorted(unknown))} in {period}; there are {there}",
                param_hint=f"--{name}",
            )
        rows = rows[rows[name].isin(chosen)] if chosen else rows
    found = model.totals(rows).reset_index() if by == "origin" else rows.sort_values(["goods", "origin"])
    if format is not Format.table:
        write_frame(found.set_index(["goods", "origin"]), format, about)
        return
    shown = found.assign(reason="")
    reasons = list(dict.fromkeys(found["reason"]))
    for number, reason in enumerate(filter(None, reasons), start=1):
        shown.loc[found["reason"] == reason, "reason"] = str(number)
    wanted = ["origin", "period", "customs_value_usd", "official_value_usd", "value_ratio", "entry_duty_usd"]
    wanted += ["official_duty_usd", "duty_ratio", "rate (official_rate)"]
    wanted += ["usmca_share (official_usmca_share)", "inside", "reason"]
    table = columns_table(
        shown,
        dict.fromkeys(wanted, ""),
        result="customs",
        title=f"{asked.policy.title}: the model beside US customs, {period}, as of {asked.as_of}",
        caption="value: customs value of imports; duty: at the rates of the day of entry; "
        "ratio: model over official; in brackets the official one; reasons below",
        rows=found["goods"].to_list(),
    )
    print_table(table)
    for number, reason in enumerate(filter(None, reasons), start=1):
        typer.echo(f"{number}. {reason}")
    if by == "origin" and found["goods"].isin(["car", "vehicle"]).any():
        typer.echo(model.in_words(model.totals(rows)))


def _from_mexico(found: pd.DataFrame, about: dict[str, str], format: Format) -> None:
    if format is not Format.table:
        write_frame(found, format, about)
        return
    table = columns_table(
        found,
        dict.fromkeys(["period", "units", "official_units", "units_ratio", "units_gap", "quality"], ""),
        result="customs",
        title=f"Vehicles from Mexico in {about['period']}: the model beside INEGI's exports to the US",
        caption="official: INEGI, months that it has; a vehicle is exported some days before it enters",
        rows=[str(maker) for maker in found.index],
    )
    print_table(table)


@app.command()
def policies(
    name: Annotated[
        str | None, typer.Option("--check", help="How far each rule of this policy was followed.")
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Policies that can be computed; with --check, how far the rules of one were followed."""
    from tariffmodel.tariff import policy

    if name is not None:
        _followed(name, format, data)
        return
    loaded = [policy.load(name, data) for name in policy.names(data)]
    if format is Format.json:
        typer.echo(
            json.dumps(
                [p.model_dump(include={"name", "status", "title", "description"}) for p in loaded], indent=2
            )
        )
        return
    if format is Format.csv:
        raise typer.BadParameter("policies come as table or json", param_hint="--format")
    table = Table()
    for heading in ("name", "status", "what it is"):
        table.add_column(heading, no_wrap=heading == "name")
    for one in loaded:
        table.add_row(one.name, one.status, f"{one.title}. {' '.join(one.description.split())}")
    print_table(table, 120)


def _followed(name: str, format: Format, data: Path | None) -> None:
    """Print `policy.checked`, and the latest revision and day of it."""
    from tariffmodel.tariff import policy

    rules = policy.checked(policy.load(name, data), data)
    if format is not Format.table:
        write_frame(rules.set_index("entry"), format, {"policy": name})
        return
    wanted = ("start", "end", "standing", "checked_through", "hts_revision")
    print_table(
        columns_table(
            rules,
            dict.fromkeys(wanted, ""),
            result="policy.checked",
            title=f"{name}: through which day and revision of the tariff schedule each rule was followed",
            caption="void: struck down, not owed; not modelled: law that the bill leaves out "
            "(data/policies/not_modelled.csv)",
            rows=[shorten(entry, 48, placeholder="…") for entry in rules["entry"]],
        )
    )
    last = rules.sort_values("checked_through").dropna(subset="hts_revision").iloc[-1]
    typer.echo(f"last revision that could be read: {last['hts_revision']}, {last['checked_through']}")


@app.command()
def check(data: Data = None) -> None:
    """Validate every table, policy and event; list all faults, and doubtful prices as warnings."""
    from tariffmodel import facts
    from tariffmodel.facts.schemas import TABLES
    from tariffmodel.markets import event_calendar, price_checks
    from tariffmodel.tariff import policy

    warnings = []
    faults = [str(fault) for fault in facts.check(data)]
    names = policy.names(data)
    for name in names:
        try:
            policy.load(name, data)
        except TariffModelError as error:
            faults += str(error).splitlines()
    if not faults:
        known = facts.load(data)
        events = event_calendar.table(known)
        for event in events.index[events["delta_basis"] != "none"]:
            try:
                event_calendar.policies(known, event)
            except TariffModelError as error:
                faults += str(error).splitlines()
        warnings = price_checks.check(known)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        typer.echo(f"{len(faults)} fault{'s' * (len(faults) > 1)}", err=True)
        raise typer.Exit(1)
    doubt = f", {len(warnings)} warning{'s' * (len(warnings) > 1)}" if warnings else ""
    typer.echo(f"{facts.data_dir(data)}: {len(TABLES)} tables and {len(names)} policies, no fault{doubt}")


def _scored(since: str | None, own: bool) -> str:
    """Which statements alone are scored."""
    return " in your own statements" * own + (f", said since {since}" if since else "")


def _changed(settings: list[str] | None) -> str:
    return f" with {', '.join(settings)}" if settings else ""
