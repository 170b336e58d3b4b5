"""What stands in each part of a maker's page: rows of what all makers share, picked and put into words.

Where a figure cannot be had, its part says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from tariffmodel import charts
from tariffmodel.charts.house import ORIGIN_NAME
from tariffmodel.charts.makers import Part
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import Facts, market_value
from tariffmodel.hedging import ticket
from tariffmodel.hedging.instruments import label
from tariffmodel.markets import currency, event_calendar, events, implied, sensitivity
from tariffmodel.response import moved
from tariffmodel.stats.placebo import Reference
from tariffmodel.tariff import booked, contribution, exposure, relief, validation
from tariffmodel.tariff.case import BEFORE, LAW, Case, PolicySource
from tariffmodel.tariff.policy import labels

WINDOW = (0, 1)  # sessions of an event
CONTRIBUTION_YEAR = "CY2024"
_STREAMS = 4  # of goods, those with most duty
_NOTIONAL = 10e6  # USD, of the hedged position
_OUT = 2  # instruments left out of a hedge that are told
ENDS = ("", "_low", "_high")
_OWED = (
    "Owed: at the law of the day of entry. Booked: what the income statement shows, validated range. Net: "
    "profit lost once prices, or plants too, have moved; below zero the maker gains."
)
_NO_BOOKS = "What is booked cannot be computed: "


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
    origins, quarters, move, betas, statements : DataFrame
        `exposure.by_origin`, `booked.quarters`, `currency.offset`, `sensitivity.table` by `effect` and maker,
        and the last word of each company on each period.
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
    origins: pd.DataFrame
    quarters: pd.DataFrame
    move: pd.DataFrame
    betas: pd.DataFrame
    statements: pd.DataFrame
    reference: Reference | None
    priced: dict[str, pd.DataFrame]
    lacks: dict[str, str]


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
        Whether reactions, probabilities, betas and hedges are computed; without, their places say so.

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
    costs = {case.policy.name: _costs(case, lacks)}
    for one in beside:
        try:
            costs[one.policy.name] = _costs(one, lacks)
        except TariffModelError as error:  # what a proposal asks for may not have been known on a past day
            lacks["policies"] = f"{one.policy.label} is not computed: {error}"
    beside = tuple(one for one in beside if one.policy.name in costs)
    policies = pd.concat(costs, names=["policy"])

    def tried(name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        try:
            return make()
        except TariffModelError as error:
            lacks[name] = str(error)
            return pd.DataFrame()

    facts = case.facts
    origins = tried("origins", lambda: exposure.by_origin(case, inside=True))
    quarters = tried("quarters", lambda: booked.quarters(case))
    move = tried("move", lambda: currency.offset(case))
    statements = tried("statements", lambda: _statements(case))
    betas, reference, priced = pd.DataFrame(), None, {}
    if prices:
        both: dict[str, sensitivity.Effect] = {"given markets": "residual", "in all": "total"}
        betas = tried(
            "betas",
            lambda: pd.concat(
                {said: sensitivity.table(facts, effect=effect) for said, effect in both.items()},
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
        lacks |= dict.fromkeys(("betas", "reactions", "probability", "hedge"), "prices were not asked for")
    return Shared(
        case, beside, policies, origins, quarters, move, betas, statements, reference, priced, lacks
    )


def _costs(case: Case, lacks: dict[str, str]) -> pd.DataFrame:
    """What every maker owes, books and is left with under a policy, and its score and rate."""
    try:
        bills = booked.table(case)
    except DataError as error:  # on a past day less is known of the books than of the border
        lacks.setdefault("booked", str(error))
        names = [*(f"booked{end}_usd" for end in ENDS), "share_of_operating_profit"]
        bills = exposure.table(case).assign(**dict.fromkeys(names, math.nan))
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


def parts(common: Shared, maker: str) -> dict[str, Part]:
    """Every part of the page of a maker, by name, but for what to watch.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> common = tm.maker_sheet.shared(tm.case(period="CY2025"), prices=False)
    >>> [name for name, part in parts(common, "Suzuki").items() if not part.lacks]
    ['policies']
    """
    facts = common.case.facts
    return {
        "policies": _policies(common, maker),
        "contribution": _contribution(facts, maker),
        "quarters": _quarters(common, maker),
        "origins": _origins(common, maker),
        "statements": _said(common, maker),
        "move": _move(common, maker),
        "reactions": _reactions(common, maker),
        "probability": _probability(common, maker),
        "betas": _betas(common, maker),
        "hedge": _hedge(common, maker),
    }


def _policies(common: Shared, maker: str) -> Part:
    case, own = common.case, _rows(common.policies, maker)
    cases = [case, *common.others]
    called = labels([one.policy for one in cases])
    frame = own.rename(index=called)
    notes = [_OWED]
    if own["net_bill_usd"].isna().all():
        group = case.facts.makers.T[maker]["consolidated_in"]
        notes.append(f"No net bill of its own: {maker} is inside {group}, whose sheet has it.")
    if "policies" in common.lacks:
        notes.append(f"{common.lacks['policies']}.")
    if "booked" in common.lacks:
        notes.append(f"{_NO_BOOKS}{common.lacks['booked']}.")
    if own["firm_score"].isna().all():
        notes.append("No score: none of these policies lets it earn relief.")
    wanted = ["firm_score", "effective_rate"]
    for what in ("bill", "booked", "net_bill", "net_with_plants"):
        wanted += [f"{what}_usd", f"{what}_low_usd–{what}_high_usd"]
    heads = {"firm_score": "Score", "effective_rate": "Duty rate", "bill_usd": "Owed", "booked_usd": "Booked"}
    heads |= {"net_bill_usd": "Net of prices", "net_with_plants_usd": "Net of plants"}
    shown = dict.fromkeys([*wanted, "share_of_operating_profit"], "")
    heads["share_of_operating_profit"] = "Booked / profit"
    title = f"What it owes, books and is left with, {case.period}, USD bn, against {case.against.label}"
    return Part(title, frame, shown, "moved.net_bills", heads, tuple(notes))


def _contribution(facts: Facts, maker: str) -> Part:
    title = f"Contribution to the US auto sector, {CONTRIBUTION_YEAR}"
    try:
        found = contribution.metrics(facts, CONTRIBUTION_YEAR).T[maker]
    except TariffModelError as error:
        return _nothing(title, str(error))
    names = list(contribution.METRICS)
    if found[names].isna().all():
        return _nothing(title, f"{maker} sells no cars in the US: there is no ratio")
    home = str(facts.makers.at[maker, "home"])
    ends = {"": maker, "_low": "low", "_high": "high"}
    rows = {said: found[[f"{name}{end}" for name in names]].to_numpy() for end, said in ends.items()}
    pooled = contribution.metrics(facts, CONTRIBUTION_YEAR, "country")[names]
    rows[f"makers of {ORIGIN_NAME[home]}"] = pooled.T[home].to_numpy()
    frame = pd.DataFrame(rows, index=names).T
    return Part(title, frame, dict.fromkeys(names, ""), "contribution.metrics")


def _quarters(common: Shared, maker: str) -> Part:
    title = "Owed and booked by quarter, USD bn"
    if common.quarters.empty:
        return _nothing(title, common.lacks["quarters"])
    own = _rows(common.quarters, maker)
    if not own.filter(like="_usd").to_numpy().any():
        return _nothing(title, f"{maker} imports no cars or parts into the US")
    return Part(
        title,
        own,
        result="booked.quarters",
        says=("Lines: range of the inputs; of what is booked, the validated one.",),
    )


def _origins(common: Shared, maker: str) -> Part:
    title = f"Where duty is owed on entry, {common.case.period}"
    if common.origins.empty:
        return _nothing(title, common.lacks["origins"])
    own = common.origins[(common.origins["maker"] == maker) & (common.origins["duty_usd"].abs() > 0)]
    own = own.sort_values("duty_usd", ascending=False)
    if own.empty:
        return _nothing(title, f"{maker} owes nothing")
    most = own.head(_STREAMS)
    goods = most["product"].str.replace("_", " ")
    called = ORIGIN_NAME | {"XX": "unknown origin"}
    frame = most.set_axis([f"{called.get(o, o)}, {p}" for o, p in zip(most["origin"], goods, strict=True)])
    shown = {"units": "", "customs_value_usd": "", "rate": "", "duty_usd": ""}
    share = most["duty_usd"].sum() / own["duty_usd"].sum()
    rest = f"; {len(own) - len(most)} more have {1 - share:.0%} of the duty" if len(own) > len(most) else ""
    says = (f"Before the offset, whoever pays it; units of parts: vehicles that they are built into{rest}.",)
    heads = {
        "customs_value_usd": "Value, USD bn",
        "duty_usd": "Duty, USD bn",
        "units": "Units, thousand",
        "rate": "Rate",
    }
    return Part(title, frame, shown, "exposure.by_origin", heads, says)


def _said(common: Shared, maker: str) -> Part:
    title = "Stated, beside what the model books"
    if "statements" in common.lacks:
        return _nothing(title, common.lacks["statements"])
    makers = list(common.case.facts.makers.index)
    mine = [maker in validation.members(one, makers) for one in common.statements["maker"]]
    own = common.statements[mine].head(4)
    if own.empty:
        return _nothing(title, f"{maker} has stated no cost that can be compared")
    names = own["period"] + ", " + own["kind"]
    names += (" of " + own["maker"]).where(own["maker"] != maker, "")
    names += (" (" + own["basis"].str.replace("_", " ") + ")").where(names.duplicated(keep=False), "")
    units = list(own["currency"].unique())
    if len(units) > 1:
        names += " in " + own["currency"]
    title = f"{title}, {units[0]} bn" if len(units) == 1 else f"{title}, bn"
    frame = own.set_axis(list(names))
    shown = ["said_on", "disclosed", "model", "widened_low–widened_high", "inside_widened"]
    heads = {"model": "Model", "disclosed": "Stated", "said_on": "Said on", "inside_widened": "Inside"}
    return Part(title, frame, dict.fromkeys(shown, ""), "validation.disclosed", heads)


def _move(common: Shared, maker: str) -> Part:
    title = "The currency move that pays what is booked"
    if common.move.empty:
        return _nothing(title, common.lacks["move"])
    own = common.move.T[maker]
    if own["reason"] or pd.isna(own["rate_needed"]):
        return _nothing(title, own["reason"] or f"{maker} books no cost of this policy")
    ahead = {f"ahead_rate_needed{end}": own[f"ahead_rate_needed{end}"] for end in ENDS}
    here = {f"ahead_rate_needed{end}": own["base_per_usd"] + own[f"move{end}"] for end in ENDS}
    rows = {
        str(common.case.period): {"booked_usd": own["booked_usd"], "ahead_share": own["move_share"], **here}
    }
    rows["next 12 months"] = {"booked_usd": own["ahead_usd"], "ahead_share": own["ahead_share"], **ahead}
    frame = pd.DataFrame(rows).T.astype(float)
    shown = ["booked_usd", "ahead_rate_needed", "ahead_rate_needed_low–ahead_rate_needed_high", "ahead_share"]
    heads = {
        "booked_usd": "Cost, USD bn",
        "ahead_rate_needed": f"{own['currency']} per USD",
        "ahead_share": "Move",
    }
    stale = ", old" if own["stale"] else ""
    said = (
        f"From {own['base_per_usd']:.5g}, the year before the tariff; {own['today']:.5g} on "
        f"{common.case.as_of} ({own['today_share']:+.1%}). Sensitivity {own['basis']}, {own['as_of']}"
        f"{stale}: {own['currency']} {own['profit_per_unit_bn']:.3g} bn of profit per unit."
    )
    return Part(title, frame, dict.fromkeys(shown, ""), "currency.offset", heads, (said,))


def _reactions(common: Shared, maker: str) -> Part:
    title = "Reactions to first reports of main events, days 0–1, %"
    if common.reference is None:
        return _nothing(title, common.lacks["reactions"])
    if maker not in common.reference.events.firms:
        return _nothing(title, _no_prices(common, maker))
    calendar = event_calendar.table(common.case.facts)
    main = calendar.index[calendar["main"]]
    found = events.of_maker(common.case.facts, common.reference, maker, list(main))
    own = found[found["counted"]]
    if own.empty:
        return _nothing(title, "no first report of a main event falls into its prices")
    told, alone = (own["verdict"] == verdict for verdict in events.VERDICTS[:2])
    titles = charts.short_titles(own.index)
    said = (
        f"Told from chance: {_listed(titles[event] for event in own.index[told])}. Only if looked at alone: "
        f"{_listed(titles[event] for event in own.index[alone])}; by chance {0.05 * len(own):.1f} of "
        f"{len(own)} would be. Lines: 95%; p among {own['placebo_days'].max()} days without events."
    )
    return Part(title, own, result="events.of_maker", says=(said,))


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
    every = pd.DataFrame(own).T.rename(index=titles).rename_axis("event")
    readable = every["reason"] == ""
    frame = every[readable].infer_objects()
    shown = ["car", "probability", "probability_low–probability_high"]
    nothing = (frame["probability_low"] <= 0) & (frame["probability_high"] >= 1)
    says = tuple(f"{event}: any probability fits its interval." for event in frame.index[nothing])
    says += tuple(
        f"{event} ({row['car']:+.1%}): no probability. {row['reason'][0].upper()}{row['reason'][1:]}."
        for event, row in every[~readable].iterrows()
    )
    heads = {"car": "Return", "probability": "Held before"}
    return Part(title, frame, dict.fromkeys(shown, ""), "implied.by_maker", heads, says)


def _betas(common: Shared, maker: str) -> Part:
    title = "Betas of the share, weekly"
    if common.betas.empty:
        return _nothing(title, common.lacks["betas"])
    own = _rows(common.betas, maker)
    if own["beta_fx"].isna().all():
        return _nothing(title, _no_prices(common, maker))
    one = own.iloc[0]
    rival = " (a rival's currency)" if one["role"] != "home" else ""
    markets = " and ".join(label(common.case.facts, one[place]) for place in ("market", "world"))
    said = (
        f"Per 1% that {one['currency']}{rival} weakens; {one['n']:.0f} weeks to {one['last']:%Y-%m-%d}; "
        f"markets {markets}."
    )
    shown = ["beta_fx", "low–high", "beta_market", "beta_world"]
    heads = {"low–high": "95%"}
    return Part(title, own, dict.fromkeys(shown, ""), "sensitivity.table", heads, (said,))


def _hedge(common: Shared, maker: str) -> Part:
    """The ticket of its share: the hedge chosen out of sample, as `hedge` and `book` choose it."""
    case, facts = common.case, common.case.facts
    title = "Hedge of the share chosen out of sample, and what it leaves"
    if "hedge" in common.lacks:
        return _nothing(title, common.lacks["hedge"])
    line = facts.makers.at[maker, "ticker"]
    if not isinstance(line, str) or line not in facts.prices:
        return _nothing(title, _no_prices(common, maker))
    threat = common.others[0].policy if common.others else case.policy
    law = case.policy if common.others else case.against
    feared = case.replace(policy=threat, against=law, period=f"CY{case.as_of.year + 1}")
    try:
        one = ticket.ticket(feared, line, _NOTIONAL)
    except TariffModelError as error:
        return _nothing(title, str(error))
    own, simple = one.record(), one.effectiveness.reduction.loc["one_to_one"]
    ends = {"out_of_sample": "", "low": "_low", "high": "_high"}
    naive = {name: simple[f"variance{end}"] for name, end in ends.items()}
    naive |= {"called": "one for one", "shortfall_reduction": simple["shortfall"], "n": own["n"]}
    naive |= {"cost_bp": one.effectiveness.risk.at["one_to_one", "cost_bp"], "last": own["last"]}
    frame = pd.DataFrame([dict(own), naive]).set_index("called", drop=False)
    shown = ["out_of_sample", "low–high", "shortfall_reduction", "cost_bp", "n", "last"]
    heads = {"out_of_sample": "Variance removed", "low–high": "95%", "last": "Record to"}
    heads |= {"shortfall_reduction": "Worst 5% removed", "cost_bp": "Cost a year, bp", "n": "Weeks"}
    says = [
        f"{row['action'][0].upper()}{row['action'][1:]} per USD {_NOTIONAL / 1e6:.0f}m held: ratio "
        f"{row['ratio']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f})."
        for _, row in one.instruments.iterrows()
    ]
    if not own["helps"]:
        says = ["No trade: the interval of what the chosen hedge removed does not lie above zero."]
    says += one.left_out[:_OUT]
    says += [text for text in one.leaves if not text.startswith(("Rounding", "Carry"))]
    return Part(
        f"{title}; threat: {threat.label}",
        frame,
        dict.fromkeys(shown, ""),
        "hedge.record",
        heads,
        tuple(says),
    )


def _rows(frame: pd.DataFrame, key: str, level: str = "maker") -> pd.DataFrame:
    return pd.DataFrame(frame.xs(key, level=level))


def _nothing(title: str, why: str) -> Part:
    return Part(title, pd.DataFrame(), lacks=why.rstrip("."))


def _no_prices(common: Shared, maker: str) -> str:
    why = str(market_value(common.case.facts, common.case.as_of)["reason"][maker])
    return f"{maker} has {why}" if why else f"no share of {maker} has returns in this time"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
