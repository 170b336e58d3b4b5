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

import pandas as pd

from tariffmodel.errors import TariffModelError
from tariffmodel.response import equilibrium
from tariffmodel.tariff.case import Case

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
