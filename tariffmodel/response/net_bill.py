"""Gross and net bill side by side: what a policy asks, and what is left of it for shareholders.

A ranking that shows the gross bill says so; this one sets both beside each other for a chosen `response`:

``none``
    volumes, prices and plants stay: the net bill is the gross one
``prices``
    prices and volumes settle, see `equilibrium`
``plants``
    plants have moved as well; the caller says which vehicles
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tariffmodel.errors import TariffModelError
from tariffmodel.response import equilibrium
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case, PolicySource

RESPONSES = {"none": "posted", "prices": "equilibrium", "plants": "long"}
_SHOWN = [
    *("home", "bill_usd", "bill_low_usd", "bill_high_usd"),
    *("net_bill_usd", "net_bill_low_usd", "net_bill_high_usd", "rivals_gain_usd"),
]


def table(case: Case, response: str = "prices", moved: pd.DataFrame | None = None) -> pd.DataFrame:
    """Gross bill and net bill of every maker, with ranges, and the share of the bill that the maker bears.

    Parameters
    ----------
    response : str
        ``none``, ``prices`` or ``plants``.
    moved : DataFrame, optional
        For ``plants``, see `equilibrium.table`.

    Returns
    -------
    DataFrame
        Indexed by maker, largest gross bill first: `bill_usd` and `net_bill_usd` with low and high,
        `net_share` (net over gross; below zero where the maker gains although it pays), `rivals_gain_usd`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> table(asked, "none")["net_share"].dropna().unique().tolist()
    [1.0]
    """
    frame = equilibrium.table(case, _horizon(response), moved)[_SHOWN]
    share = frame["net_bill_usd"] / frame["bill_usd"].where(frame["bill_usd"] != 0)
    return frame.assign(net_share=share)


def changes(case: Case, others: Sequence[PolicySource], response: str = "prices") -> pd.DataFrame:
    """What other policies make of the net bill, for a ranking by `comparison.ranked`, which is gross.

    Parameters
    ----------
    others : sequence of Policy or str
        Each in place of the policy of the case.
    response : str
        ``none`` or ``prices``.

    Returns
    -------
    DataFrame
        Indexed by `policy` and `maker`: `net_bill_usd`, and `net_change_usd` from that under the policy of
        the case, with low and high: the difference is taken input by input.

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
    horizon = _horizon(response)
    base, makers = equilibrium.net_usd(case, horizon), equilibrium.case_products(case).makers
    frames = {}
    for other in others:
        one = case.replace(policy=other)
        net = equilibrium.net_usd(one, horizon)
        low, high = uncertainty.interval(net - base)
        columns = {"net_bill_usd": net[0], "net_change_usd": (net - base)[0]}
        columns |= {"net_change_low_usd": low, "net_change_high_usd": high}
        frames[one.policy.name] = pd.DataFrame(columns, index=pd.Index(makers, name="maker"))
    return pd.concat(frames, names=["policy"])


def yearly(case: Case, response: str = "prices", moved: pd.DataFrame | None = None) -> pd.DataFrame:
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
    frame = equilibrium.table(case, _horizon(response), moved)
    names = {f"net_bill{end}_usd": f"delta_bill{end}_usd" for end in ("", "_low", "_high")}
    return frame[list(names)].rename(columns=names) / case.goods.years


def _horizon(response: str) -> str:
    if response not in RESPONSES:
        raise TariffModelError(f"{response!r} is no response; choose from {', '.join(RESPONSES)}")
    return RESPONSES[response]
