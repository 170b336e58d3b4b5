"""What is known of one maker, for a page: collected from the wings, nothing is worked out here.

What all makers share is collected once (`shared`); a sheet picks a maker's rows (`sheet`) and `write`
leaves the page as PDF, PNG and HTML with every figure beside it. Where a figure cannot be had its place
says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from tariffmodel import charts
from tariffmodel.charts.house import ORIGIN_NAME, day_text, true_minus
from tariffmodel.charts.makers import MakerSheet, Part
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import Facts, market_value
from tariffmodel.hedging import record, ticket
from tariffmodel.hedging.instruments import candidates
from tariffmodel.intake.own_disclosures import maker_name
from tariffmodel.markets import currency, event_calendar, events, implied, sensitivity
from tariffmodel.response import moved
from tariffmodel.stats.placebo import Reference
from tariffmodel.tariff import booked, contribution, exposure, relief, validation
from tariffmodel.tariff.case import BEFORE, LAW, Case, PolicySource, Valuation
from tariffmodel.tariff.case import case as ask
from tariffmodel.tariff.policy import Policy, labels

POLICIES = ("current-law", "flat-25", "japan-flexible-linear-firm")
WINDOW = (0, 1)  # sessions of an event
CONTRIBUTION_YEAR = "CY2024"
_DRAWS, _TIE = 2000, 0.02  # of the bootstrap of a hedge; share of variance that another leg must add
_NOTIONAL = 10e6  # USD, of the hedged position
_ENDS = ("", "_low", "_high")
_NO_BOOKS = "what is booked cannot be computed: "


@dataclass(frozen=True, eq=False)
class Shared:
    """What the sheets of all makers have in common.

    Attributes
    ----------
    case : Case
        Of the first policy.
    others : tuple of Case
        The same question of the others.
    policies : DataFrame
        By `policy` and `maker`: what is owed, booked and left, contribution score and rate.
    quarters, move, betas, statements : DataFrame
        `booked.quarters`, `currency.offset`, `sensitivity.table` by `effect` and maker, and the last word of
        each company on each period.
    reference : Reference
        Event days and the days without an event that judge them.
    priced : dict of str to DataFrame
        `implied.by_maker` of the event that settled each story.
    lacks : dict of str to str
        Why a part could not be computed for anyone.
    """

    case: Case
    others: tuple[Case, ...]
    policies: pd.DataFrame
    quarters: pd.DataFrame
    move: pd.DataFrame
    betas: pd.DataFrame
    statements: pd.DataFrame
    reference: Reference | None
    priced: dict[str, pd.DataFrame]
    lacks: dict[str, str]


def find(facts: Facts, text: str) -> str:
    """The maker that a name, an alias or a ticker means.

    Raises
    ------
    DataError
        Nobody is called that.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> [find(known, text) for text in ("toyota", "7203", "VOW3.DE", "General Motors", "HMC", "トヨタ")]
    ['Toyota', 'Toyota', 'Volkswagen', 'GM', 'Honda', 'Toyota']
    """
    word = text.strip()
    spelt = {str(maker).lower(): str(maker) for maker in facts.makers.index}
    spelt |= {str(name).lower(): str(maker) for maker, name in facts.makers["name"].items()}
    owners = facts.instruments["company"].dropna()
    for ticker, owner in owners[owners.isin(facts.makers.index)].items():
        spelt |= {str(ticker).lower(): str(owner), str(ticker).lower().partition(".")[0]: str(owner)}
    found = spelt.get(word.lower(), maker_name(word))
    if found not in facts.makers.index:
        raise DataError(
            f"{text!r} is no maker, alias or ticker; choose from {', '.join(map(str, facts.makers.index))}"
        )
    return found


def shared(case: Case, others: Sequence[PolicySource] = (), *, prices: bool = True) -> Shared:
    """Compute once what the sheets of all makers are made of.

    Parameters
    ----------
    case : Case
        Its policy is the first on the page; history and the move that pays are under it.
    others : sequence of Policy or str
        Set beside it, against the same counterfactual. The first of them is the threat that the hedge is
        measured against.
    prices : bool
        Whether reactions, probabilities and betas are computed; without, their places say so.

    Raises
    ------
    PolicyError
        A policy that cannot be read, or that occurs twice.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> common = tm.maker_sheet.shared(tm.case(period="CY2025"), ["flat-25"], prices=False)
    >>> common.policies.index.unique("policy").tolist()
    ['current-law', 'flat-25']
    """
    beside = tuple(case.replace(policy=other) for other in others)
    cases = {one.policy.name: one for one in (case, *beside)}
    if len(cases) <= len(beside):
        raise DataError("a policy occurs twice on the page; name each once")
    lacks: dict[str, str] = {}
    policies = pd.concat({name: _costs(one, lacks) for name, one in cases.items()}, names=["policy"])

    def tried(name: str, make: object) -> pd.DataFrame:
        try:
            found = make()  # type: ignore[operator]
        except TariffModelError as error:
            lacks[name] = str(error)
            return pd.DataFrame()
        return pd.DataFrame(found)

    facts = case.facts
    quarters = tried("quarters", lambda: booked.quarters(case))
    move = tried("move", lambda: currency.offset(case))
    statements = tried("statements", lambda: _statements(case))
    betas, reference, priced = pd.DataFrame(), None, {}
    if prices:
        both = {"given both markets": "residual", "in all": "total"}
        betas = tried(
            "betas",
            lambda: pd.concat(
                {said: sensitivity.table(facts, effect=effect) for said, effect in both.items()},  # type: ignore[arg-type]
                names=["effect"],
            ),
        )
        try:
            held = implied.setting(facts, window=WINDOW)
            reference = held.placebo
            priced = _priced(held)
        except TariffModelError as error:
            lacks["reactions"] = lacks["probability"] = str(error)
    else:
        lacks |= dict.fromkeys(("betas", "reactions", "probability"), "prices were not asked for")
    return Shared(case, beside, policies, quarters, move, betas, statements, reference, priced, lacks)


def _costs(case: Case, lacks: dict[str, str]) -> pd.DataFrame:
    """What every maker owes, books and is left with under a policy, and its score and rate."""
    try:
        bills = booked.table(case)
    except DataError as error:  # on a past day less is known of the books than of the border
        lacks["booked"] = str(error)
        bills = exposure.table(case)
        names = [f"booked{end}_usd" for end in _ENDS]
        bills = bills.drop(columns="share_of_operating_profit").reindex(
            columns=[*bills, *names, "share_of_operating_profit"]
        )
    net = moved.net_bills(case)
    bills = bills.join(net.drop(columns=bills.columns.intersection(net.columns)))
    score = pd.Series(math.nan, bills.index, name="firm_score")
    for entry in case.policy.relief:
        able = [maker for maker in relief.earners(entry, case.facts) if maker in bills.index]
        if able and (entry.score or entry.metric):
            score = score.fillna(relief.scores(entry, case.facts, able)["firm_score"])
    return bills.join(score)


def _statements(case: Case) -> pd.DataFrame:
    """Last words of companies, newest first; they are on the law, whatever the policy of the case."""
    law = case.replace(policy=LAW, against=BEFORE)
    said = validation.disclosed(law)
    return said[said["latest"]].sort_values("said_on", ascending=False, kind="stable")


def _priced(held: implied.Setting) -> dict[str, pd.DataFrame]:
    """What each share held before the event that settled a story, as far as that changes bills."""
    found = {}
    for event in implied.stories(held.facts)["bill_event"].unique():
        try:
            found[str(event)] = implied.by_maker(held, str(event))
        except DataError:  # no maker has a change of the bill there: none has a row
            continue
    return found


def sheet(common: Shared, maker: str, *, watch: pd.DataFrame | None = None) -> MakerSheet:
    """All that is known of one maker.

    Parameters
    ----------
    common : Shared
        From `shared`.
    maker : str
        By name, alias or ticker.
    watch : DataFrame, optional
        What to watch next: `date` and `what`. Default: there is no such part.

    Raises
    ------
    DataError
        Nobody is called `maker`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> common = tm.maker_sheet.shared(tm.case(period="CY2025"), prices=False)
    >>> page = tm.maker_sheet.sheet(common, "Porsche AG")
    >>> page.parts["betas"].says
    ('Not computed: prices were not asked for.',)
    """
    case, facts = common.case, common.case.facts
    name = find(facts, maker)
    about = facts.makers.loc[name]
    parts = {
        "policies": _policies(common, name),
        "contribution": _contribution(facts, name),
        "quarters": _quarters(common, name),
        "statements": _said(common, name),
        "move": _move(common, name),
        "reactions": _reactions(common, name),
        "probability": _probability(common, name),
        "betas": _betas(common, name),
        "hedge": _hedge(common, name),
    }
    if watch is not None and len(watch):
        dates = [f"{row['date']}: {row['what']}." for _, row in watch.iterrows()]
        parts["watch"] = Part("What to watch next", watch, says=tuple(dates))
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
    facts, about = common.case.facts, common.case.facts.makers.loc[maker]
    worth = market_value(facts, common.case.as_of).loc[maker]
    share = f"{about['ticker']}" if isinstance(about["ticker"], str) else "no share with prices"
    value = (
        f"no market value: {worth['reason']}"
        if worth["reason"]
        else f"market value USD {worth['market_cap_usd'] / 1e9:,.0f} bn at the close of {worth['price_date']}"
    )
    home, group = ORIGIN_NAME[about["home"]], about["consolidated_in"]
    inside = f"; inside {group}, whose figures hold its own" if isinstance(group, str) else ""
    return f"{share} · {home}, reports in {about['reporting_currency']} · {value}{inside} · {common.case.label}"


# Parts --------------------------------------------------------------------------------------------


def _policies(common: Shared, maker: str) -> Part:
    own = common.policies.xs(maker, level="maker")
    cases = [common.case, *common.others]
    called = labels([one.policy for one in cases])
    frame = own.rename(index=called)
    notes = [
        "Owed: at the law of the day of entry. Booked: what the income statement shows, validated range. Net: "
        "profit lost once prices, or plants too, have moved; below zero the maker gains."
    ]
    if own["net_bill_usd"].isna().all():
        group = common.case.facts.makers.at[maker, "consolidated_in"]
        notes.append(f"No net bill of its own: {maker} is inside {group}, whose sheet has it.")
    if "booked" in common.lacks:
        notes.append(_NO_BOOKS + common.lacks["booked"])
    if own["firm_score"].isna().all():
        notes.append("No score: none of these policies lets it earn relief.")
    wanted = ["firm_score", "effective_rate"]
    for what in ("bill", "booked", "net_bill", "net_with_plants"):
        wanted += [f"{what}_usd", f"{what}_low_usd–{what}_high_usd"]
    heads = {"firm_score": "Score", "effective_rate": "Duty rate", "bill_usd": "Owed", "booked_usd": "Booked"}
    heads |= {"net_bill_usd": "Net of prices", "net_with_plants_usd": "Net of plants"}
    shown = dict.fromkeys([*wanted, "share_of_operating_profit"], "")
    heads["share_of_operating_profit"] = "Booked, % of op. profit"
    title = f"What it owes, books and is left with, {common.case.period}, USD bn, against {common.case.against.label}"
    return Part(title, frame, shown, "moved.net_bills", heads, tuple(notes))


def _contribution(facts: Facts, maker: str) -> Part:
    title = f"Contribution to the US auto sector, {CONTRIBUTION_YEAR}"
    found = contribution.metrics(facts, CONTRIBUTION_YEAR).loc[maker]
    names = list(contribution.METRICS)
    if found[names].isna().all():
        return Part(title, pd.DataFrame(), says=(f"{maker} sells no cars in the US: there is no ratio.",))
    home = str(facts.makers.at[maker, "home"])
    ends = {"": maker, "_low": "low", "_high": "high"}
    rows = {said: found[[f"{name}{end}" for name in names]].to_numpy() for end, said in ends.items()}
    rows[f"makers of {ORIGIN_NAME[home]}"] = contribution.metrics(facts, CONTRIBUTION_YEAR, "country").loc[
        home, names
    ]
    frame = pd.DataFrame(rows, index=names).T
    return Part(title, frame, dict.fromkeys(names, ""), "contribution.metrics")


def _quarters(common: Shared, maker: str) -> Part:
    title = "Owed and booked by quarter, USD bn"
    if common.quarters.empty:
        return _nothing(title, common.lacks["quarters"])
    own = common.quarters.xs(maker, level="maker")
    if not own.filter(like="_usd").to_numpy().any():
        return _nothing(title, f"{maker} imports no cars or parts into the US")
    return Part(title, own, says=("Lines: range of the inputs; of what is booked, the validated one.",))


def _said(common: Shared, maker: str) -> Part:
    title = "What it stated, beside what the model says it books"
    if "statements" in common.lacks:
        return _nothing(title, common.lacks["statements"])
    makers = list(common.case.facts.makers.index)
    mine = [maker in validation.members(one, makers) for one in common.statements["maker"]]
    own = common.statements[mine].head(4)
    if own.empty:
        return _nothing(title, f"{maker} has stated no cost that can be compared")
    names = [
        f"{row['period']}, {row['kind']}{'' if row['maker'] == maker else ' of ' + row['maker']}"
        for _, row in own.iterrows()
    ]
    currency_ = own["currency"].iloc[0]
    frame = own.set_axis(names)
    shown = ["said_on", "disclosed", "model", "widened_low–widened_high", "inside_widened"]
    heads = {"model": "Model", "disclosed": "Stated", "said_on": "Said on", "inside_widened": "Inside"}
    return Part(f"{title}, {currency_} bn", frame, dict.fromkeys(shown, ""), "validation.disclosed", heads)


def _move(common: Shared, maker: str) -> Part:
    title = "The currency move that pays what is booked"
    if common.move.empty:
        return _nothing(title, common.lacks["move"])
    own = common.move.loc[maker]
    if own["reason"] or pd.isna(own["rate_needed"]):
        return _nothing(title, own["reason"] or f"{maker} books no cost of this policy")
    ahead = {f"ahead_rate_needed{end}": own[f"ahead_rate_needed{end}"] for end in _ENDS}
    here = {f"ahead_rate_needed{end}": own["base_per_usd"] + own[f"move{end}"] for end in _ENDS}
    rows = {str(common.case.period): {"booked_usd": own["booked_usd"], "ahead_share": own["move_share"], **here}}
    rows["next 12 months"] = {"booked_usd": own["ahead_usd"], "ahead_share": own["ahead_share"], **ahead}
    frame = pd.DataFrame(rows).T.astype(float)
    shown = ["booked_usd", "ahead_rate_needed", "ahead_rate_needed_low–ahead_rate_needed_high", "ahead_share"]
    heads = {"booked_usd": "Cost, USD bn", "ahead_rate_needed": f"{own['currency']} per USD", "ahead_share": "Move"}
    stale = ", old" if own["stale"] else ""
    says = (
        f"From {own['base_per_usd']:.5g}, the year before the tariff; {own['today']:.5g} on {common.case.as_of} "
        f"({own['today_share']:+.1%}). Sensitivity {own['basis']}, {own['as_of']}{stale}: "
        f"{own['currency']} {own['profit_per_unit_bn']:.3g} bn of profit per unit.",
    )
    return Part(title, frame, dict.fromkeys(shown, ""), "currency.offset", heads, says)


def _reactions(common: Shared, maker: str) -> Part:
    title = "Reactions of the share to main events, days 0–1, %"
    if common.reference is None:
        return _nothing(title, common.lacks["reactions"])
    if maker not in common.reference.events.firms:
        return _nothing(title, _no_prices(common, maker))
    calendar = event_calendar.table(common.case.facts)
    main = calendar.index[calendar["main"]]
    found = events.of_maker(common.case.facts, common.reference, maker, list(main))
    own = found[found.index.isin(main) & found["car"].notna()]
    if own.empty:
        return _nothing(title, "no main event falls into its prices")
    tests, told = own["counted"], own["p_family"] < 0.05
    alone = (own["p_value"] < 0.05) & tests & ~told
    titles = charts.short_titles(own.index)
    said = [
        f"Told from chance among its {tests.sum()} first reports: {_listed(titles[e] for e in own.index[told])}. "
        f"Only if looked at alone: {_listed(titles[e] for e in own.index[alone])}; by chance "
        f"{0.05 * tests.sum():.1f} would be.",
        f"Lines: 95%; p among {own['placebo_days'].max()} days without events; hollow: repeats known news.",
    ]
    return Part(title, own, says=tuple(said))


def _probability(common: Shared, maker: str) -> Part:
    title = "Probability that the price held, the day before"
    if "probability" in common.lacks:
        return _nothing(title, common.lacks["probability"])
    own = {event: frame.loc[maker] for event, frame in common.priced.items() if maker in frame.index}
    if not own:
        why = (
            "no event that settled a story changed its bill"
            if common.reference is not None and maker in common.reference.events.firms
            else _no_prices(common, maker)
        )
        return _nothing(title, why)
    titles = charts.short_titles(own)
    frame = pd.DataFrame(own).T.rename(index=titles).rename_axis("event")
    shown = ["car", "probability", "probability_low–probability_high"]
    says = tuple(f"{event}: {row['reason']}." for event, row in frame.iterrows() if row["reason"])
    heads = {"car": "Return", "probability": "Held before"}
    return Part(title, frame, dict.fromkeys(shown, ""), "implied.by_maker", heads, says)


def _betas(common: Shared, maker: str) -> Part:
    title = "Betas of the share, weekly"
    if common.betas.empty:
        return _nothing(title, common.lacks["betas"])
    own = common.betas.xs(maker, level="maker")
    if own["beta_fx"].isna().all():
        return _nothing(title, own["note"].iloc[0] or _no_prices(common, maker))
    one = own.iloc[0]
    rival = " (a rival's currency)" if one["role"] != "home" else ""
    says = (
        f"Currency: per 1% that {one['currency']}{rival} weakens, 95%, {one['n']:.0f} weeks to {one['last']:%Y-%m-%d}; "
        f"markets {one['market']} and {one['world']}.",
    )
    shown = ["beta_fx", "low–high", "beta_market", "beta_world"]
    heads = {"low–high": "95%"}
    return Part(title, own, dict.fromkeys(shown, ""), "sensitivity.table", heads, says)


def _hedge(common: Shared, maker: str) -> Part:
    """The best hedge of its share out of sample, and the ticket of it."""
    case, facts = common.case, common.case.facts
    title = "Best hedge of the share, out of sample, and what it leaves"
    line = facts.makers.at[maker, "ticker"]
    if not isinstance(line, str) or line not in facts.prices:
        return _nothing(title, _no_prices(common, maker))
    try:
        tried = record(facts, [line], candidates(facts, line), draws=_DRAWS).xs(line, level="ticker")
        best = _best(tried)
        if best is None:
            return _nothing(title, "no hedge that was tried helps on weeks that it had not seen")
        threat = common.others[0].policy if common.others else case.policy
        law = case.policy if common.others else case.against
        feared = case.replace(policy=threat, against=law, period=f"CY{case.as_of.year + 1}")
        one = ticket.ticket(feared, line, _NOTIONAL, instruments=best.split(" + "), draws=_DRAWS)
    except TariffModelError as error:
        return _nothing(title, str(error))
    found = tried.dropna(subset="out_of_sample").sort_values("out_of_sample", ascending=False)
    rows = [best, *(name for name in found.index if name != best)][:3]
    frame = found.loc[rows].set_index("called", drop=False)
    shown = ["out_of_sample", "low–high", "shortfall_reduction", "turnover", "cost_bp", "n", "last", "helps"]
    heads = {"out_of_sample": "Variance removed", "low–high": "95%", "last": "Record to"}
    says = [f"{row['action'][0].upper()}{row['action'][1:]} per USD {_NOTIONAL / 1e6:.0f}m held: ratio "
            f"{row['ratio']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})." for _, row in one.instruments.iterrows()]  # fmt: skip
    says += [text for text in one.leaves if not text.startswith(("Rounding", "Carry"))]
    return Part(f"{title}; threat: {threat.label}", frame, dict.fromkeys(shown, ""), "hedge.record", heads, tuple(says))


def _best(tried: pd.DataFrame) -> str | None:
    """The hedge that removes most variance; one with fewer legs if the others add next to nothing."""
    helping = tried[tried["helps"].astype(bool)].sort_values("out_of_sample", ascending=False)
    if helping.empty:
        return None
    near = helping[helping["out_of_sample"] >= helping["out_of_sample"].iloc[0] - _TIE]
    legs = pd.Series([str(name).count(" + ") for name in near.index], near.index)
    return str(legs.idxmin())


# Words --------------------------------------------------------------------------------------------


def _findings(common: Shared, maker: str, parts: dict[str, Part]) -> tuple[str, ...]:
    """What matters, in three or four sentences."""
    case = common.case
    own = common.policies.loc[(case.policy.name, maker)]
    found = [_cost(own, case, maker)]
    if pd.notna(own["net_bill_usd"]) and own["bill_usd"]:
        verb = "is left as lost profit" if own["net_bill_usd"] >= 0 else "(a gain) is what it is left with"
        found.append(
            f"Of it {_money(own, 'net_bill')} {verb} once prices have settled, "
            f"{_money(own, 'net_with_plants')} once plants have moved as well."
        )
    for one in common.others[:1]:
        other = common.policies.loc[(one.policy.name, maker)]
        found.append(f"Under {one.policy.label} it would owe {_money(other, 'bill')}.")
    hedge = parts["hedge"].frame
    if len(hedge):
        row = hedge.iloc[0]
        found[-1] += (
            f" Best hedge of the share: {row['called']}, which took {row['out_of_sample']:.0%} "
            f"({row['low']:.0%} to {row['high']:.0%}) off its variance out of sample."
        )
    return tuple(true_minus(text) for text in found)


def _cost(own: pd.Series, case: Case, maker: str) -> str:
    if not own["bill_usd"] and not own["us_import_units"]:
        return f"{maker} imports no cars into the US: under {case.policy.label} it owes nothing in {case.period}."
    share = own["share_of_operating_profit"]
    of = f", {share:.0%} of operating profit before the tariff" if pd.notna(share) else ""
    books = f" and books {_money(own, 'booked')}{of}" if pd.notna(own["booked_usd"]) else ""
    return f"Owes {_money(own, 'bill')} in {case.period} under {case.policy.label}{books}."


def _money(row: pd.Series, what: str) -> str:
    """An amount with its range, in billions, or in millions where that is small."""
    value, low, high = (row[f"{what}{end}_usd"] for end in _ENDS)
    scale, unit = (1e9, "bn") if max(abs(low), abs(high), abs(value)) >= 1e9 else (1e6, "m")
    form = ".1f" if unit == "bn" else ",.0f"
    return f"USD {value / scale:{form}} {unit} ({low / scale:{form}} to {high / scale:{form}})"


def _nothing(title: str, why: str) -> Part:
    return Part(title, pd.DataFrame(), says=(f"Not computed: {why.rstrip('.')}.",))


def _no_prices(common: Shared, maker: str) -> str:
    why = market_value(common.case.facts, common.case.as_of).at[maker, "reason"]
    return f"{maker} has {why}" if why else f"no share of {maker} has returns in this time"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
