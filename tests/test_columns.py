"""Every column of a public result has a row in the table of result columns, and every row a result."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.api.types import is_bool_dtype, is_numeric_dtype

import tariffmodel as tm
from tariffmodel import columns
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.lab.effects import Workbench, outcome
from tariffmodel.tariff.entries import Policy

ROOT = Path(__file__).resolve().parents[1]
EVENTS = ["2025-07-22-japan-deal", "2025-07-27-eu-deal"]
VOLUMES = ["us_sales_units", "us_import_units"]
# what a table of mixed figures states row by row has no unit of its own
MIXED = {("ticket.table", "value")}


@pytest.fixture(scope="module")
def results(known: Facts, law: Policy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Every public result by the name that ``columns.csv`` knows it by."""
    case = tm.case(data=known)
    firm = case.replace(policy="japan-flexible-linear-firm")
    flat = case.beside("flat-25")
    bills = tm.exposure.table(case)
    shares = tm.booked.yearly_shares(case)
    streams = tm.exposure.by_origin(case, inside=True)
    disclosed = tm.validation.disclosed(case)
    differing = tm.provenance.disagreements(known, "CY2024", VOLUMES)
    study = tm.events.tariff_study(known, events=EVENTS, window=(-1, 2))
    homes = known.instruments["company"].map(known.makers["home"])
    held = study.firm_events.index.unique("firm")
    groups = study.by_group(homes[held][homes[held].isin(["JP", "US"])], (0, 1))
    apart = tm.homes.effect(known, EVENTS[0], "JP")
    bars = pd.date_range("2025-07-01", "2025-07-31", freq="h", tz="UTC")
    noise = pd.DataFrame(np.random.default_rng(0).normal(0, 0.005, (len(bars), 1)), bars, ["BTC"])
    minutes = tm.events.minute_study(noise, bars[500], market=0.5 * noise["BTC"] ** 3, window=(-60, 60))
    panel = tm.link.panel(known, study.car((0, 1)))
    rows = panel[panel["delta"].notna() & panel["car"].notna()]
    one = rows[rows["event"] == EVENTS[0]].set_index("maker")
    cross = tm.link.cross_section(one["car"], one["delta"])
    pooled = tm.link.pooled(rows, draws=99)
    change = one[[c for c in one if c.startswith("delta_bill")]]
    implied, worth = tm.pricing.implied_value(change), tm.valuation.draws(known, change, n=512)
    returns, exposure, factors = tm.mimicking.inputs(known, bills["share_of_market_cap"])
    folio = tm.mimicking.portfolio(returns, exposure, factors)
    moves = tm.mimicking.event_moves(known, tm.event_calendar.firm_events(known, events=EVENTS), 2)
    betas = tm.sensitivity.table(known, makers=["Toyota"])
    iso = tm.currency.iso_profit(case, "Toyota")
    pnl = tm.hedge.pnl(known, "7203.T", ["JPY", "SPY"])
    effect = tm.hedge.effectiveness(pnl["7203.T"], pnl[["JPY", "SPY"]], draws=49)
    ticket = tm.ticket.ticket(
        case.replace(policy=flat, against=law), "7203.T", 10e6, instruments=["JPY", "TOPIX"], draws=49
    )
    compared = tm.customs.table(case.replace(period="2025-09"))
    grown = case.replace(policy="japan-increments")
    offers = tm.schedule.schedule(grown, "JP")
    plan = tm.plants.of_maker(grown, offers, "Toyota")
    priced = {"deal": 0.7, "no deal": 0.3}
    claim = tm.derivatives.on_rate(
        pd.Series({"deal": 0.15, "no deal": 0.25}), priced, notional=1e6, strike=0.2, years=1, interest=0.03
    )
    main = tm.event_calendar.firm_events(known, ["7203.T"])["date"].dropna()
    threat = ["2025-07-30-korea-deal", "2026-01-26-korea-25-threat", "2026-03-12-korea-act"]
    prices = tm.implied.setting(known, threat, valuation=tm.Valuation())
    contract = pd.Series(np.random.default_rng(0).uniform(0.4, 0.6, len(bars)), bars)
    tree = tm.scenarios.run("canada-and-deals", known, draws=100)
    covered = tm.scenarios.hedged(tree, ticket)
    run = tmp_path_factory.mktemp("run")
    tm.changes.keep_inputs(run, known, case.policy, case.against)
    asked = {"parameters": {"period": str(case.period)}, "as_of": str(case.as_of)}
    (run / "manifest.json").write_text(json.dumps(asked), encoding="utf-8")
    ripples = tm.suppliers.reactions(known, EVENTS[:1], ["CLF", "NUE", "CSX", "LEA", "BWA", "APTV"])
    return {
        "exposure.table": bills,
        "exposure.by_origin": streams,
        "exposure.origin_totals": tm.exposure.origin_totals(streams),
        "exposure.burden": tm.exposure.burden(case),
        "exposure.totals": tm.exposure.totals(case),
        "exposure.car_rates": tm.exposure.car_rates(case),
        "exposure.drivers": tm.exposure.drivers(case),
        "booked.table": tm.booked.table(case),
        "booked.yearly_shares": shares,
        "comparison.changes": tm.comparison.changes(case, [flat]),
        "comparison.ranked": tm.comparison.ranked(case, flat),
        "equilibrium.table": tm.equilibrium.table(case),
        "equilibrium.by_product": tm.equilibrium.by_product(case),
        "equilibrium.bounds": tm.equilibrium.bounds(case),
        "equilibrium.sampled": tm.equilibrium.sampled(case, draws=200),
        "net_bill.table": tm.net_bill.table(case),
        "net_bill.changes": tm.net_bill.changes(case, ["flat-25"]),
        "net_bill.ranked": tm.net_bill.ranked(case, flat),
        "net_bill.yearly": tm.net_bill.yearly(case),
        "net_bill.disclosed": tm.net_bill.disclosed(tm.case(), makers=["Toyota"]),
        "moved.table": tm.moved.table(grown),
        "moved.net_bills": tm.moved.net_bills(case),
        "published.table": tm.published.table(case),
        "incentives.marginal": tm.incentives.marginal(firm),
        "incentives.breakeven": tm.incentives.breakeven(firm, 0.2),
        "incentives.kinks": tm.incentives.kinks(firm),
        "incentives.nearest": tm.incentives.nearest(tm.incentives.kinks(firm)),
        "contribution.metrics": tm.contribution.metrics(known),
        "relief.terms": tm.relief.terms(firm.policy.relief[0]),
        "relief.scores": tm.relief.scores(firm.policy.relief[0], known, ["Toyota", "Honda"]),
        "policy.acts": tm.policy.acts(law, case.period),
        "parts_account.table": tm.parts_account.table(case),
        "parts_account.readings": tm.parts_account.readings(known),
        "policy.checked": tm.policy.checked(law),
        "facts.identity": tm.facts.identity(known),
        "provenance.disagreements": differing,
        "provenance.readings": tm.provenance.readings(known, "CY2024", differing.head(2)),
        "provenance.sources": tm.provenance.sources(known, "CY2024", VOLUMES),
        "customs.table": compared,
        "customs.totals": tm.customs.totals(compared),
        "customs.mexico": tm.customs.mexico(case.replace(period="2025-01")),
        "validation.disclosed": disclosed,
        "validation.summary": tm.validation.summary(disclosed),
        "cost.bases": tm.cost.bases(case),
        "forecasts.page": tm.forecasts.page(case, date(2026, 11, 27)),
        "forecasts.scored": tm.forecasts.scored(case),
        "forecasts.score": tm.forecasts.score(tm.forecasts.scored(case)),
        "validation.explained": tm.validation.explained(disclosed),
        "validation.recognised": tm.validation.widened(tm.validation.recognised(case), 1.5),
        "event_calendar.table": tm.event_calendar.table(known),
        "event_calendar.firm_events": tm.event_calendar.firm_events(known),
        "event_calendar.delta_exposure": tm.event_calendar.delta_exposure(known, EVENTS[:1]),
        "own_news.table": tm.own_news.table(known),
        "own_news.days": tm.own_news.days(known),
        "own_news.macro": tm.own_news.macro(known),
        "own_news.in_window": tm.own_news.in_window(known, study),
        "own_news.leave_out": tm.own_news.leave_out(known, study),
        "own_news.treatments": tm.own_news.treatments(panel, draws=99),
        "events.EventStudy.firm_events": study.firm_events,
        "events.EventStudy.estimation": study.estimation,
        "events.EventStudy.skipped": study.skipped,
        "events.EventStudy.car": study.car((0, 1)),
        "events.EventStudy.bhar": study.bhar((0, 1)),
        "events.EventStudy.aar": study.aar,
        "events.EventStudy.caar": study.caar,
        "events.EventStudy.table": study.table([(0, 1)]),
        "events.EventStudy.calendar_time": study.calendar_time((0, 1)),
        "events.EventStudy.alarms": study.alarms,
        "events.EventStudy.by_event": study.by_event((0, 1)),
        "events.by_event": tm.events.by_event(known, study, (0, 1)),
        "events.EventStudy.by_group.table": groups.table,
        "events.EventStudy.by_group.tests": groups.tests,
        "events.EventStudy.by_group.pairs": groups.pairs,
        "events.power": tm.events.tariff_power(known, tickers=["7203.T", "7267.T"], draws=5, effects=(0.01,)),
        "homes.effect.table": apart.table,
        "homes.effect.path": apart.path,
        "homes.effect.left_out": apart.left_out,
        "difference.did.path": apart.difference.path,
        "difference.did.tests": apart.difference.tests(),
        "synthetic.path": apart.mix.path,
        "synthetic.placebos": apart.mix.placebos,
        "events.MinuteStudy.firm_events": minutes.firm_events,
        "events.MinuteStudy.skipped": minutes.skipped,
        "events.MinuteStudy.car": minutes.car(),
        "events.MinuteStudy.by_event": minutes.by_event(),
        "events.by_home": tm.events.by_home(known, study, (0, 1), fewest=1),
        "events.of_maker": tm.events.of_maker(known, tm.events.reference(known, study, (0, 1)), "Toyota"),
        "booked.quarters": tm.booked.quarters(case, since="2026Q3"),
        "event_tests": study.tests((0, 1)),
        "link.panel": panel,
        "link.cross_section": cross.table(),
        "link.cross_section.makers": cross.makers,
        "link.pooled": pooled.table(),
        "link.pooled.events": pooled.events,
        "link.pooled.dropped": pooled.dropped,
        "link.by_event": tm.link.by_event(known, study, window=(0, 1)),
        "pricing.implied_value": implied,
        "pricing.priced": tm.pricing.priced(worth, one["car"], one["standard_error"], one["market_cap_usd"]),
        "valuation.inputs": tm.valuation.inputs(known),
        "valuation.quantiles": tm.valuation.quantiles(worth),
        "shrinkage.pooled": tm.shrinkage.pooled(one["car"], one["standard_error"]).table,
        "mimicking.Portfolio.loadings": folio.loadings(returns, factors),
        "mimicking.Portfolio.neutrality": folio.neutrality(returns, factors),
        "mimicking.Portfolio.on_events": folio.on_events(moves[list(folio.weights.index)], 2),
        "sensitivity.table": betas,
        "sensitivity.choices": tm.sensitivity.choices(known, makers=["Toyota"]),
        "sensitivity.drift.paths": tm.sensitivity.drift(known, ["Toyota"]).paths["Toyota"],
        "sensitivity.breaks": tm.sensitivity.breaks(known, makers=["Toyota"], draws=9),
        "currency.disclosed": tm.currency.disclosed(known),
        "currency.compare": tm.currency.compare(known, betas),
        "currency.offset": tm.currency.offset(case),
        "currency.position": tm.currency.position(case, tm.exposure.burden(case)),
        "currency.grid": tm.currency.grid(case),
        "two_way.slope_and_floor": tm.two_way.slope_and_floor(firm, "Toyota"),
        "two_way.probability_and_life": tm.two_way.probability_and_life(case, "Toyota"),
        "live_workbook.refused": tm.live_workbook.refused(case, ["eu-netting"]),
        "currency.iso_profit.path": iso.path,
        "currency.iso_profit.curves": iso.curves,
        "market.status": tm.market.status(known),
        "market.missing": tm.market.missing(known),
        "market.closes": tm.market.closes(known),
        "market.asynchrony": tm.market.asynchrony(known, ["^GSPC", "JPY"], "XTKS"),
        "quotes.table": tm.quotes.table(known),
        "quotes.straddles": tm.quotes.straddles(known, tm.quotes.table(known), "USDJPY"),
        "quotes.currency_moves": tm.quotes.currency_moves(known, "USDJPY", EVENTS),
        "derivatives.Claim.table": claim.table,
        "derivatives.policy_premium": tm.derivatives.policy_premium(priced, priced),
        "derivatives.MoveCollar.inputs": tm.derivatives.collar(
            case, "Toyota", {"USD": 0.04, "JPY": 0.01}, 0.1
        ).inputs(),
        "hedge.contracts": tm.hedge.contracts(known),
        "hedge.record": tm.hedge.record(known, ["7203.T"], draws=49),
        "hedge.pairs": tm.hedge.pairs(returns, exposure, factors),
        "hedge.basket": tm.hedge.basket(returns, exposure, factors).to_frame(),
        "hedge.gaps": tm.hedge.gaps(tm.hedge.pairs(returns, exposure, factors), shares, shares),
        "hedge.judged": tm.hedge.judged(
            pnl["7203.T"], pnl[["JPY"]], {"rolling": tm.hedge.rolling(pnl["7203.T"], pnl[["JPY"]])}, draws=49
        ),
        "hedge.event_ratios": tm.hedge.event_ratios(known, "7203.T", main, [["JPY"]]),
        "hedge.currency_leg.inputs": tm.hedge.currency_leg(
            known, ticket, {"USD": 0.04, "JPY": 0.01}
        ).inputs(),
        "hedge.static": tm.hedge.static(pnl["7203.T"], pnl[["JPY", "SPY"]]).table,
        "hedge.on_events": tm.hedge.on_events(pnl["7203.T"], pnl[["JPY", "SPY"]], main),
        "hedge.effectiveness.reduction": effect.reduction,
        "hedge.effectiveness.risk": effect.risk,
        "hedge.effectiveness.returns": effect.returns,
        "capacity.spare": tm.capacity.spare(known),
        "capacity.options": tm.capacity.options(known, "Toyota", "JP"),
        "plants.table": tm.plants.table(grown, "JP"),
        "plants.Plan.starts": plan.starts,
        "plants.Plan.years": plan.years,
        "game.Outcome.table": tm.game.nash(offers, tm.game.costs(grown, offers)).table(),
        "game.supply": tm.game.supply(grown, "JP", [0.2]),
        "relocation.table": tm.relocation.table(known, "JP", 28_000, implied_years=5.0),
        "government.frontier": tm.government.frontier(grown, "JP", [0.0, 0.5], designs=["linear, firm"]),
        "implied.table": tm.implied.table(prices),
        "implied.by_maker": tm.implied.by_maker(prices, threat[0]),
        "implied.iso": tm.implied.iso(prices, threat[1], [2, 5]),
        "implied.opposite": tm.implied.opposite(prices, *threat[:2]),
        "implied.stories": tm.implied.stories(known),
        "implied.path": tm.implied.path(known, "korea-25", prices),
        "prediction.contracts": tm.prediction.contracts(known),
        "prediction.brier": tm.prediction.brier(tm.prediction.contracts(known)),
        "prediction.event_value": tm.prediction.event_value(
            noise.rename(columns={"BTC": "Toyota"}), contract
        ),
        "scenarios.Scenario.outcomes": tree.scenario.outcomes(),
        "scenarios.Result.summary": tree.summary(),
        "scenarios.Result.by_outcome": tree.by_outcome(),
        "scenarios.Result.paths": tree.paths(),
        "scenarios.Result.net": tree.net("none"),
        "scenarios.hedged": pd.concat([covered.summary(), covered.by_outcome(), covered.slopes()]),
        "scenarios.of_tree": tm.scenarios.of_tree(tree, n=100),
        "input_output.table": tm.input_output.table(known),
        "input_output.multipliers": tm.input_output.multipliers(known),
        "input_output.job_multipliers": tm.input_output.job_multipliers(known),
        "input_output.detail": tm.input_output.detail(known),
        "input_output.parts_content": tm.input_output.parts_content(known),
        "places.plants": tm.places.plants(known),
        "states.output_change": tm.states.output_change(case),
        "states.table": tm.states.table(case),
        "suppliers.links": tm.suppliers.links(known),
        "suppliers.drivers": ripples.drivers,
        "suppliers.Reactions.rows": ripples.rows,
        "suppliers.Reactions.slope": ripples.slope(),
        "suppliers.Reactions.by_role": ripples.by_role(),
        "suppliers.Reactions.by_line": ripples.by_line(),
        "announcements.table": tm.announcements.table(known),
        "announcements.counted": tm.announcements.counted(known),
        "calendar.upcoming": tm.calendar.upcoming(known),
        "calendar.stakes": tm.calendar.stakes(known),
        "calendar.came_in": tm.calendar.came_in(known, date(2026, 5, 1)),
        "nowcast.table": tm.nowcast.table(known),
        "nowcast.bills": tm.nowcast.bills(firm, n=100),
        "nowcast.errors": (made := tm.nowcast.errors(known)),
        "nowcast.coverage": tm.nowcast.coverage(made),
        "nowcast.as_read": tm.nowcast.as_read(known, "Nissan", 2025, 4),
        "nowcast.moved": tm.nowcast.moved(case, "2026-05-01"),
        "reasons.bills": tm.reasons.bills(run, run, known),
        "surprises.table": tm.surprises.table(firm),
        "ticket.table": ticket.table(),
        "ticket.exposures": ticket.exposures,
        "ticket.positions": ticket.positions,
        "hedge.betas": tm.hedge.betas(case, ticket),
        "hedge.choose": tm.hedge.choose(pnl["7203.T"], pnl[["JPY", "SPY"]], [["JPY"], ["SPY"]]).record,
        "ticket.instruments": ticket.instruments,
        "ticket.risk": ticket.risk,
        "lab.outcome": outcome(Workbench(case), flat),
        "renewal.status": tm.renewal.status(known),
    }


def test_every_column_of_a_public_result_has_a_row_with_the_unit_that_its_values_need(results):
    faults = []
    for result, frame in results.items():
        for name in frame.reset_index() if frame.index.names != [None] else frame:
            row = columns._find(str(name), result)
            if row is None:
                faults.append(f"{result}: no row for {name}")
                continue
            values = frame[name] if name in frame else pd.Series(frame.index.get_level_values(name))
            number = is_numeric_dtype(values) and not is_bool_dtype(values)
            if number != bool(row.unit) and (result, name) not in MIXED:
                faults.append(f"{result}: {name} is {values.dtype}, its unit {row.unit or 'none'}")
    assert faults == []


def written_as(name: str) -> list[str]:
    """How a note or a command may write a name that it puts together itself."""
    return [name.strip("*_"), *(f'{name.removesuffix(end)}"' for end in ("_sum",) if name.endswith(end))]


def test_every_row_has_a_result_or_is_put_together_where_it_is_shown(results):
    used = {
        columns._find(str(name), result)
        for result, frame in results.items()
        for name in [*frame, *filter(None, frame.index.names)]
    }
    sources = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "tariffmodel").rglob("*.py")]
    written = "".join(path.read_text(encoding="utf-8") for path in sources)
    idle = [
        row
        for row in columns._rows().values()
        if row not in used and not any(name in written for name in written_as(row.name))
    ]
    assert [(row.name, row.result) for row in idle] == []


def test_every_row_is_whole_and_its_unit_goes_with_its_format():
    table = columns.table()
    assert not table.duplicated(["name", "result"]).any()
    assert (table["definition"] != "").all() and (table["format"] != "").all()
    for row in columns._rows().values():
        words = row.format in ("text", "day", "flag", "mark", "link")
        assert words != bool(row.unit), row.name
        if row.kind.unit.startswith("USD"):
            assert row.unit.startswith("usd"), row.name
        if "%}" in row.kind.pattern:
            assert row.unit.startswith(("fraction", "share")), row.name
        assert row.text(1 if row.unit else pd.Timestamp("2026-01-30") if row.format == "day" else "derived")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("bill_usd", 6.3149e9, "6.31"),
        ("bill_usd", -1.0, "0.00"),  # zero has no sign
        ("fall_usd", -2.5e8, "-0.25"),
        ("effective_rate", 0.1537, "15.4%"),
        ("p_value", 1e-9, "<0.001"),
        ("p_value", 0.0423, "0.042"),
        ("bill_reporting_bn", 957.3, "957"),
        ("bill_reporting_bn", 5.381, "5.38"),
        ("export_ratio", float("inf"), "∞"),
        ("bill_usd", float("nan"), "–"),
        ("closes_by_construction", True, "yes"),
        ("local_build_share_quality", "derived", "◐"),
        ("source_url", "https://a.test", '<a href="https://a.test">link</a>'),
        ("last", pd.Timestamp("2026-01-30"), "2026-01-30"),
        ("last", pd.NaT, "–"),
    ],
)
def test_values_are_shown_in_the_unit_of_their_heading(name, value, shown):
    assert columns.column(name).text(value) == shown


def test_a_result_gives_a_name_its_own_meaning_and_a_module_those_of_its_results():
    assert columns.unit("n") == "makers" and columns.unit("n", "hedge.record") == "weeks"
    assert columns.unit("ratio", "hedge.static") == "sold per unit of position"
    assert columns.unit("bill_usd", "hedge.record") == "usd"
    assert columns.unit("first_session_JP") == "" and columns.unit("sell JPY") == "units of one side"


def test_what_is_not_in_the_table_is_named():
    frame = pd.DataFrame({"bill_usd": [1.0], "spam": [2.0], "words": ["free"]})
    with pytest.raises(DataError, match="no row in columns.csv for column 'spam' of hedge.record"):
        columns.described(frame, "hedge.record")
    with pytest.raises(DataError, match="no column 'spam' in columns.csv"):
        columns.unit("spam")


def test_columns_named_for_policies_hold_what_is_said():
    frame = pd.DataFrame(
        {"current-law": [6.3e9], "flat-25": [1.2e10]}, index=pd.Index(["Toyota"], name="maker")
    )
    assert columns.describe(frame, of="bill_usd")["unit"].to_list() == ["usd", "usd"]
    html = columns.shown(frame, of="bill_usd").to_html()
    assert "flat-25, USD bn" in html and "12.00" in html


def test_groups_stand_over_their_headings_with_the_unit():
    frame = pd.DataFrame({"bill_usd": [1e9], "bill_low_usd": [5e8], "quality": ["derived"]})
    labels = columns.shown(frame).data.columns
    assert list(labels) == [("Bill, USD bn", "central"), ("Bill, USD bn", "low"), ("", "Quality")]
    twice = pd.concat({"Law": frame[["bill_usd"]], "Flat": frame[["bill_usd"]]}, axis=1)
    labels = columns.shown(twice).data.columns
    assert list(labels) == [("Law, USD bn", "central"), ("Flat, USD bn", "central")]


def test_two_columns_under_one_heading_are_refused():
    frame = pd.DataFrame({"worth_us_built_usd": [1.0], "One more built, USD": ["x"]})
    with pytest.raises(DataError, match="two columns of one table have this heading"):
        columns.shown(frame)
