"""Gross and net bill side by side: what a policy asks, and what is left of it for shareholders.

A ranking that shows the gross bill says so; this one sets both beside each other for a chosen `response`:

``none``
    volumes, prices and plants stay (horizon ``posted``): the net bill is the gross one
``prices``
    prices and volumes settle (``equilibrium``; or ``short``, in which US plants sell no more than what they
    do and what is idle of them), see `equilibrium`
``plants``
    plants have moved as well (``long``): those of `moved.table`, unless the caller gives others
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, PolicyError, TariffModelError
from tariffmodel.response import equilibrium
from tariffmodel.response import moved as moves
from tariffmodel.tariff import comparison, uncertainty, validation
from tariffmodel.tariff.case import Case, PolicySource

RESPONSES = {"none": ("posted",), "prices": ("equilibrium", "short"), "plants": ("long",)}
_SHOWN = [
    *("home", "bill_usd", "bill_low_usd", "bill_high_usd"),
    *("net_bill_usd", "net_bill_low_usd", "net_bill_high_usd", "rivals_gain_usd"),
]


def horizon_of(response: str | None = None, horizon: str | None = None) -> str:
    """Horizon of `equilibrium` that a response and a horizon, or one of them, ask for.

    Raises
    ------
    TariffModelError
        A word that is none of `RESPONSES`, or a horizon at which the response is another one.

    Examples
    --------
    >>> horizon_of("prices"), horizon_of(horizon="long"), horizon_of("prices", "short"), horizon_of()
    ('equilibrium', 'long', 'short', 'equilibrium')
    """
    if response is not None and response not in RESPONSES:
        raise TariffModelError(f"{response!r} is no response; choose from {', '.join(RESPONSES)}")
    if horizon is not None and horizon not in equilibrium.HORIZONS:
        raise TariffModelError(f"{horizon!r} is no horizon; choose from {', '.join(equilibrium.HORIZONS)}")
    if response is None:
        return horizon or RESPONSES["prices"][0]
    if horizon is not None and horizon not in RESPONSES[response]:
        raise TariffModelError(
            f"response {response!r} has no horizon {horizon!r}; with it choose "
            f"{' or '.join(RESPONSES[response])}"
        )
    return horizon or RESPONSES[response][0]


def table(
    case: Case, response: str | None = None, moved: pd.DataFrame | None = None, horizon: str | None = None
) -> pd.DataFrame:
    """Gross bill and net bill of every maker, with ranges, and the share of the bill that the maker bears.

    Parameters
    ----------
    response : str, optional
        ``none``, ``prices`` (the default) or ``plants``.
    moved : DataFrame, optional
        For ``plants``, see `equilibrium.table`; default: `moved.table` at central costs of moving
        (`moved.net_bills` has their range as well).
    horizon : str, optional
        In place of the first one of the response: ``short`` under ``prices``.

    Returns
    -------
    DataFrame
        Indexed by maker, largest gross bill first: `bill_usd` and `net_bill_usd` with low and high,
        `net_share` (net over gross; below zero where the maker gains although it pays), `rivals_gain_usd`.

    Raises
    ------
    TariffModelError
        As `horizon_of`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> table(asked, "none")["net_share"].dropna().unique().tolist()
    [1.0]
    >>> short, settled = (table(asked, horizon=one)["rivals_gain_usd"] for one in ("short", "equilibrium"))
    >>> bool((short != settled).any())
    True
    """
    at = horizon_of(response, horizon)
    frame = equilibrium.table(case, at, _moved(case, at, moved))[_SHOWN]
    share = frame["net_bill_usd"] / frame["bill_usd"].where(frame["bill_usd"] != 0)
    return frame.assign(net_share=share)


def changes(
    case: Case, others: Sequence[PolicySource], response: str | None = None, horizon: str | None = None
) -> pd.DataFrame:
    """What other policies make of the net bill.

    Parameters
    ----------
    others : sequence of Policy or str
        Each in place of the policy of the case.
    response, horizon : str, optional
        As in `table`. Under ``plants`` the ranges are those at central costs of moving.

    Returns
    -------
    DataFrame
        Indexed by `policy` and `maker`: `net_bill_usd`, `net_baseline_usd` under the policy of the case, and
        `net_change_usd`, the difference, with low and high: it is taken input by input.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> found = changes(asked, ["flat-25", asked.policy])
    >>> bool((found.loc[asked.policy.name, "net_change_usd"] == 0).all())
    True
    >>> bool(found.loc[("flat-25", "Toyota"), "net_change_usd"] > 0)
    True
    """
    at = horizon_of(response, horizon)
    base, makers = _net_usd(case, at), equilibrium.case_products(case).makers
    frames: dict[str, pd.DataFrame] = {}
    for other in others:
        one = case.replace(policy=other)
        if one.policy.name in frames:
            raise PolicyError(f"{one.policy.name} occurs twice among the policies; name each once")
        net = _net_usd(one, at)
        low, high = uncertainty.interval(net - base)
        columns = {"net_bill_usd": net[0], "net_baseline_usd": base[0], "net_change_usd": (net - base)[0]}
        columns |= {"net_change_low_usd": low, "net_change_high_usd": high}
        frames[one.policy.name] = pd.DataFrame(columns, index=pd.Index(makers, name="maker"))
    return pd.concat(frames, names=["policy"])


def ranked(
    case: Case, other: PolicySource, response: str | None = None, horizon: str | None = None
) -> pd.DataFrame:
    """Makers by what another policy leaves them with, gainers first: `comparison.ranked`, and net beside it.

    Returns
    -------
    DataFrame
        Indexed by maker: `net_change_usd` with low and high, by which it is sorted, `net_bill_usd` and
        `net_baseline_usd` (see `changes`), and the columns of `comparison.ranked`, which are gross. Makers
        inside another have no net bill of their own and stand last.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = ranked(tm.case(period="CY2025"), "flat-25")
    >>> bool(found["net_change_usd"].dropna().is_monotonic_increasing)
    True
    >>> bool((found["change_usd"] >= 0).all()), bool(found["net_change_usd"].iloc[0] < 0)
    (True, True)
    """
    gross = comparison.ranked(case, other)
    net = changes(case, [other], response, horizon).droplevel("policy")
    return gross.join(net).sort_values("net_change_usd", kind="stable", na_position="last")


def yearly(
    case: Case, response: str | None = None, moved: pd.DataFrame | None = None, horizon: str | None = None
) -> pd.DataFrame:
    """Net bill at an annual rate, as `pricing.implied_value` takes it.

    A valuation of it has no pass-through of its own: with a response, prices are in the net bill already.

    Returns
    -------
    DataFrame
        Indexed by maker: `delta_bill_usd`, `delta_bill_low_usd`, `delta_bill_high_usd`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> gross, net = (yearly(asked, response)["delta_bill_usd"] for response in ("none", "prices"))
    >>> bool(net.sum() < gross.sum())
    True
    """
    frame = table(case, response, moved, horizon)
    names = {f"net_bill{end}_usd": f"delta_bill{end}_usd" for end in ("", "_low", "_high")}
    return frame[list(names)].rename(columns=names) / case.goods.years


def disclosed(
    case: Case, response: str | None = None, horizon: str | None = None, makers: Sequence[str] | None = None
) -> pd.DataFrame:
    """What makers disclosed, each on its own basis and for its own period, beside gross, booked and net.

    A statement before own measures stands beside what is booked; one after them, which may hold prices, cuts
    of cost and granted offsets, lies between the net bill and what is booked. The net bill is on the basis of
    duty owed in the period: what is booked of other periods, or comes back, is no price, so there is no net
    bill of what is booked.

    Parameters
    ----------
    response, horizon : str, optional
        As in `table`.
    makers : sequence of str, optional
        Companies, as the disclosures name them; default: all.

    Returns
    -------
    DataFrame
        One row per company and basis, its newest statement: `maker`, `basis`, `kind`, `period`, `currency`,
        `per_usd`; in billions of it `disclosed` (see `validation.disclosed`), `owed`, `booked` and `net`, the
        last two with low and high; `beside`, which of them the statement is set beside, and `inside`,
        whether their range holds it; `reason`. Makers inside another have no net bill of their own.

    Raises
    ------
    DataError
        A company that has no statement to compare.
    PolicyError
        The policy of the case is not law: nobody disclosed what a hypothesis costs.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = disclosed(tm.case(), makers=["Toyota"]).iloc[0]
    >>> bool(found["net"] < found["booked"]), found["basis"], found["beside"]
    (True, 'operating_profit_bridge', 'booked')
    """
    at = horizon_of(response, horizon)
    said = validation.disclosed(case)
    if unknown := sorted(set(makers or ()) - set(said["maker"])):
        raise DataError(
            f"{', '.join(unknown)} has no statement that can be compared; choose from "
            f"{', '.join(sorted(set(said['maker'])))}"
        )
    chosen = said["maker"].isin(said["maker"] if makers is None else makers)
    said = said[said["latest"] & chosen].sort_values("said_on", kind="stable")
    said = said.drop_duplicates(["maker", "basis"], keep="last").sort_values(["maker", "basis"])
    asked = list(zip(said["period"], said["law_known_on"], strict=True))
    nets = {key: _net_of(_of_statement(case, *key), at) for key in dict.fromkeys(asked)}
    runs = [
        nets[key].reindex(columns=validation.members(maker, list(case.facts.makers.index)))
        for maker, key in zip(said["maker"], asked, strict=True)
    ]
    # of those that report together the sum, NaN without one of them
    whole = np.stack([one.to_numpy().sum(axis=1) for one in runs], axis=1)
    whole *= said["per_usd"].to_numpy() / 1e9
    ends = dict(zip(("net", "net_low", "net_high"), (whole[0], *uncertainty.interval(whole)), strict=True))
    shown = ["maker", "basis", "kind", "period", "currency", "per_usd", "disclosed", "owed"]
    booked = {"model": "booked", "model_low": "booked_low", "model_high": "booked_high"}
    frame = said[[*shown, *booked, "reason"]].rename(columns=booked).assign(**ends)
    after = frame["basis"] == "net"
    low = frame["booked_low"].where(~after, frame["net_low"])
    inside = (low <= frame["disclosed"]) & (frame["disclosed"] <= frame["booked_high"])
    beside = after.map({True: "net to booked", False: "booked"})
    order = [*shown, *booked.values(), *ends, "beside", "inside", "reason"]
    return frame.assign(beside=beside, inside=inside)[order].reset_index(drop=True)


def _of_statement(case: Case, period: str, day: str) -> Case:
    """The case for the period of a statement; of an outlook, under the law known on its day."""
    case = case.replace(period=period)
    return validation.as_outlooks_had_it(case, date.fromisoformat(day)) if day else case


def _net_of(case: Case, horizon: str) -> pd.DataFrame:
    return pd.DataFrame(_net_usd(case, horizon), columns=equilibrium.case_products(case).makers)


def _moved(case: Case, horizon: str, moved: pd.DataFrame | None = None) -> pd.DataFrame | None:
    return moves.table(case) if horizon == "long" and moved is None else moved


def _net_usd(case: Case, horizon: str) -> np.ndarray:
    return equilibrium.net_usd(case, horizon, _moved(case, horizon))
