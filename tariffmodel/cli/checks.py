"""Commands that judge: disclosures, customs, the policies and the data."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tariffmodel.cli.options import (
    BEFORE,
    LAW,
    Against,
    AsOf,
    Data,
    Format,
    Makers,
    Output,
    PeriodLabel,
    PolicyName,
    columns_table,
    complete_policies,
    makers_named,
    one_of,
    parse_day,
    print_table,
    write_frame,
)
from tariffmodel.errors import DataError, TariffModelError

if TYPE_CHECKING:
    import pandas as pd


app = typer.Typer()


@app.command()
def validate(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    as_of: AsOf = None,
    since: Annotated[
        str | None, typer.Option(help="Score statements of this day or later alone, ISO day.")
    ] = None,
    own: Annotated[bool, typer.Option("--own", help="Score the statements you added alone.")] = False,
    makers: Makers = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """The cost that the model says is booked beside every comparable disclosure, with error and ranges."""
    from tariffmodel.tariff import forecasts, validation
    from tariffmodel.tariff.case import case

    asked = case(policy, against, as_of=parse_day(as_of) if as_of else None, data=data)
    day, rows = asked.as_of, validation.disclosed(asked)
    if since or own:
        rows = validation.apart(asked, rows, parse_day(since, "--since") if since else None, own)
    shown = rows[rows["maker"].isin(makers_named(asked.facts, makers))]
    if format.bare:
        write_frame(
            shown.set_index(["maker", "period"]),
            format,
            {"policy": policy, "against": against, "as_of": str(day), "since": since, "own": own},
            "validation.disclosed",
        )
        return
    last = shown[shown["latest"]]
    wanted = dict.fromkeys(
        ["period", "kind", "judged", "currency", "disclosed", "model", "widened_low–widened_high"], ""
    )
    table = columns_table(
        last,
        wanted | dict.fromkeys(["error", "inside_widened", "headline"], ""),
        title=f"Booked cost by the model beside what was disclosed{_scored(since, own)}, "
        f"billions of reporting currency, as of {day}",
        caption="disclosed: less void duty that came back later; low–high: the range of the inputs, widened "
        "by what the other makers' misses teach; a floor (net figures are floors) errs only above the model; "
        "guidance: by the law known on its day",
        rows=last["maker"].to_list(),
    )
    print_table(table, format=format)
    for name, line in validation.summary(rows).iterrows():
        typer.echo(f"{str(name).replace('_', ' ')}: {validation.in_words(line) if line['n'] else 'none'}")
    if not (since or own):
        for words in forecasts.in_words(forecasts.scored(asked)):
            typer.echo(f"ledger: {words}")
    there = validation.counted(asked)
    typer.echo(f"\nOf {there['statements'].sum()} statements{' in all' if since or own else ''}:")
    for judged, why, statements, companies in there.reset_index().itertuples(index=False):
        as_what = f"judged as {judged}" if judged else "not comparable"
        whose = f"{companies} {'company' if companies == 1 else 'companies'}"
        typer.echo(f"  {statements:>3}, of {whose}, {as_what}: {why}")


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

    one_of(by, ("origin", "month", "maker"), "--by")
    asked = case(policy, period=period, as_of=parse_day(as_of) if as_of else None, data=data)
    about = {"policy": policy, "period": period, "by": by, "as_of": str(asked.as_of)}
    if by == "maker":
        _from_mexico(model.mexico(asked), about, format)
        return
    rows = model.table(asked)
    for name, chosen in (("goods", goods), ("origin", origin)):
        if unknown := set(chosen or []) - set(rows[name]):
            there = ", ".join(dict.fromkeys(rows[name]))
            raise DataError(
                f"--{name}: no record of {', '.join(sorted(unknown))} in {period}; there are {there}"
            )
        rows = rows[rows[name].isin(chosen)] if chosen else rows
    found = model.totals(rows).reset_index() if by == "origin" else rows.sort_values(["goods", "origin"])
    if format.bare:
        write_frame(found.set_index(["goods", "origin"]), format, about, "customs")
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
    print_table(table, format=format)
    for number, reason in enumerate(filter(None, reasons), start=1):
        typer.echo(f"{number}. {reason}")
    if by == "origin" and found["goods"].isin(["car", "vehicle"]).any():
        typer.echo(model.in_words(model.totals(rows)))


def _from_mexico(found: pd.DataFrame, about: dict[str, str], format: Format) -> None:
    if format.bare:
        write_frame(found, format, about, "customs")
        return
    table = columns_table(
        found,
        dict.fromkeys(["period", "units", "official_units", "units_ratio", "units_gap", "quality"], ""),
        result="customs",
        title=f"Vehicles from Mexico in {about['period']}: the model beside INEGI's exports to the US",
        caption="official: INEGI, months that it has; a vehicle is exported some days before it enters",
        rows=[str(maker) for maker in found.index],
    )
    print_table(table, format=format)


@app.command()
def policies(
    name: Annotated[
        str | None,
        typer.Option(
            "--check", help="How far each rule of this policy was followed.", autocompletion=complete_policies
        ),
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
    if format.bare:
        import pandas as pd

        said = [one.model_dump(include={"name", "status", "title", "description"}) for one in loaded]
        write_frame(pd.DataFrame(said).set_index("name"), format, {})
        return
    table = Table()
    for heading in ("name", "status", "what it is"):
        table.add_column(heading, no_wrap=heading == "name")
    for one in loaded:
        table.add_row(one.name, one.status, f"{one.title}. {' '.join(one.description.split())}")
    print_table(table, 120, format)


def _followed(name: str, format: Format, data: Path | None) -> None:
    """Print `policy.checked`, and the latest revision and day of it."""
    from tariffmodel.tariff import policy

    rules = policy.checked(policy.load(name, data), data)
    if format.bare:
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
        ),
        format=format,
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
