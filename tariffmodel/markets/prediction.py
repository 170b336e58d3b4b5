"""What did prediction markets hold, were they right before, and what is an event worth to a share?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, tables
from tariffmodel.stats.regression import inference, least_squares, white

CONTRACTS = "events/event_probabilities.csv"
FEWEST = 20  # days of a regression


def contracts(facts: Facts, country: str | None = None) -> pd.DataFrame:
    """Prices of contracts on tariff events, with what came of them.

    Parameters
    ----------
    country : str, optional
        Code of ``data/events/event_probabilities.csv``. Default: all.

    Returns
    -------
    DataFrame
        `platform`, `country`, `contract`, `date`, `price` (of what pays one), `closes`, `outcome` (1, 0;
        empty where nothing at hand says so, or did by the day of the facts), `outcome_date`, `outcome_basis`,
        `quality`, `source_title`, `source_url`, `note`.

    Raises
    ------
    DataError
        Faults of the file, or a country that it does not have.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> one = tm.prediction.contracts(tm.facts.load(), "JP").iloc[0]
    >>> one["platform"], float(one["price"]), int(one["outcome"])
    ('Polymarket', 0.9, 0)
    """
    rows = tables.read(facts, CONTRACTS).drop(columns=["source_date", "file", "row"])
    if facts.day is not None:
        day = pd.Timestamp(facts.day)
        rows = rows[rows["date"] <= day]
        open_then = (rows["outcome_date"].fillna(rows["closes"]) > day) & rows["outcome"].notna()
        rows.loc[open_then, ["outcome", "outcome_date", "outcome_basis"]] = None
    if country is None:
        return rows.reset_index(drop=True)
    if country not in set(rows["country"]):
        there = ", ".join(sorted(set(rows["country"]))) or "none by then"
        raise DataError(f"data/{CONTRACTS} has no contract on {country!r}; there are {there}")
    return rows[rows["country"] == country].reset_index(drop=True)


def brier(rows: pd.DataFrame) -> pd.DataFrame:
    """How far each platform's prices were from what came: mean square of price less outcome (Brier 1950).

    Parameters
    ----------
    rows : DataFrame
        From `contracts`, or `platform`, `price` and `outcome`; rows without an outcome are in no score.

    Returns
    -------
    DataFrame
        Indexed by platform: `resolved` contracts, of `n`; `brier`, 0 at best, and .25 for who always says one
        half; `brier_error`, its standard error if contracts were independent (NaN for one); `mean_price` and
        `came_true` (mean outcome) of the resolved.

    Examples
    --------
    >>> rows = {"platform": ["A", "A", "B"], "price": [0.9, 0.7, 0.4], "outcome": [0, 1, None]}
    >>> brier(pd.DataFrame(rows))[["resolved", "n", "brier"]].round(2).to_numpy().tolist()
    [[0.0, 1.0, nan], [2.0, 2.0, 0.45]]
    """
    known = rows[rows["outcome"].notna()]
    square = (known["price"] - known["outcome"].astype(float)) ** 2
    score = square.groupby(known["platform"]).agg(["mean", "std", "count"])
    means = (
        known.assign(outcome=known["outcome"].astype(float)).groupby("platform")[["price", "outcome"]].mean()
    )
    n = rows.groupby("platform").size()
    frame = pd.DataFrame(
        {
            "resolved": score["count"].reindex(n.index).fillna(0).astype(int),
            "n": n,
            "brier": score["mean"],
            "brier_error": score["std"] / np.sqrt(score["count"]),
            "mean_price": means["price"],
            "came_true": means["outcome"],
        }
    )
    return frame.sort_values("resolved", kind="stable").rename_axis("platform")


def pool(prices: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """One probability out of several, by the logarithmic pool (Genest and Zidek 1986).

    ``p ∝ Π pᵢ^wᵢ``, over the same of 1 − pᵢ: a source that is certain decides, if it has a weight.

    Parameters
    ----------
    prices, weights : mapping by source
        Probabilities, and weights that are stated and sum to one.

    Raises
    ------
    DataError
        Weights below zero or that do not sum to one, a source without a weight or price, a price outside
        [0, 1], two sources that are certain of opposite things.

    Examples
    --------
    >>> round(pool({"Polymarket": 0.9, "shares": 0.5}, {"Polymarket": 0.5, "shares": 0.5}), 3)
    0.75
    """
    if set(prices) != set(weights):
        lone = ", ".join(sorted(set(prices) ^ set(weights)))
        raise DataError(f"{lone}: expected a price and a weight for every source")
    w = np.array([weights[name] for name in prices], dtype=float)
    p = np.array(list(prices.values()), dtype=float)
    if not (w >= 0).all() or not abs(w.sum() - 1) <= 1e-9:
        raise DataError(f"weights sum to {w.sum():g}; write weights >= 0 that sum to 1")
    if not ((p >= 0) & (p <= 1)).all():
        bad = next(name for name, value in prices.items() if not 0 <= value <= 1)
        raise DataError(f"{bad}: {prices[bad]:g} is no probability; it is printed, not pooled")
    with np.errstate(divide="ignore"):
        yes, no = (float(np.exp(w[w > 0] @ np.log(side[w > 0]))) for side in (p, 1 - p))
    if yes + no == 0:
        raise DataError("two sources are certain of opposite things; there is nothing to pool")
    return yes / (yes + no)


def read_series(file: str | Path) -> pd.Series:
    r"""Daily prices of one contract, from a file of the user's: columns `date` and `price`.

    Parameters
    ----------
    file : path
        CSV, UTF-8; `price` as a fraction of what the contract pays.

    Raises
    ------
    DataError
        With file, row, column and remedy: columns that are missing, days that are none or twice, prices that
        are no fraction.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "deal.csv"
    ...     _ = file.write_text("date,price\n2025-07-21,0.31\n2025-07-22,0.35\n", encoding="utf-8")
    ...     read_series(file).tolist()
    [0.31, 0.35]
    """
    path = Path(file)
    if not path.is_file():
        raise DataError(f"{path} is no file; pass a CSV with the columns date and price")
    raw = files.csv(path, na_values=[])
    if missing := {"date", "price"} - set(raw.columns):
        raise DataError(
            f"{path.name} has no column {', '.join(sorted(missing))}; it has {', '.join(raw.columns)}"
        )
    day = pd.to_datetime(raw["date"], format="%Y-%m-%d", errors="coerce")
    price = pd.to_numeric(raw["price"], errors="coerce")
    for column, wrong, expected in (
        ("date", day.isna(), "write days as YYYY-MM-DD"),
        ("date", day.duplicated(), "keep one price a day"),
        ("price", ~price.between(0, 1), "write a fraction from 0 to 1, so 0.35 for 35 cents or 35%"),
    ):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise DataError(f"{path.name}, row {at + 2}, {column}: {raw[column].iloc[at]!r}; {expected}")
    return pd.Series(price.to_numpy(), pd.DatetimeIndex(day), name="price").sort_index()


def event_value(returns: pd.DataFrame, price: pd.Series, *, level: float = 0.95) -> pd.DataFrame:
    """What an event is worth to each share: slope of its returns on changes of a contract's price.

    Snowberg, Wolfers and Zitzewitz (2007, eq. 1): a contract's price is the probability of its event, so the
    return that goes with a change of one is the value of the event in full, whatever its probability.

    Parameters
    ----------
    returns : DataFrame (days, makers)
        Abnormal returns of single days, fractions, such as residuals of the market model.
    price : Series by day
        Of the contract, a fraction; the change is that since the last day with a price on which there are
        returns.
    level : float
        Of the interval.

    Returns
    -------
    DataFrame
        Indexed by maker: `event_value` (return if the event goes from impossible to certain), with
        `event_value_low`, `event_value_high`, `standard_error` (HC3, MacKinnon and White 1985), `p`
        and `days`.

    Raises
    ------
    DataError
        Fewer than `FEWEST` days with both for a maker, or a price that does not move.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-05-01", periods=60)
    >>> price = pd.Series(0.5 + random.normal(0, 0.02, 60).cumsum(), days)
    >>> moved = 0.1 * price.diff() + random.normal(0, 0.001, 60)
    >>> event_value(moved.to_frame("Toyota"), price)["event_value"].round(1).tolist()
    [0.1]
    """
    known = price.dropna().sort_index()
    change = known[known.index.isin(returns.index)].diff().dropna()
    if change.empty or np.ptp(change) == 0:
        raise DataError("the price of the contract does not move on days with returns; there is no slope")
    rows = {}
    for maker in returns.columns:
        y = returns[maker].reindex(change.index).dropna()
        if len(y) < FEWEST:
            raise DataError(f"{maker}: {len(y)} days with a return and a price; {FEWEST} are needed")
        x = np.column_stack([np.ones(len(y)), change[y.index]])
        fit = least_squares(y.to_numpy(), x)
        error = pd.Series({maker: np.sqrt(white(fit)[1, 1])})
        one = inference(pd.Series({maker: fit.params[1]}), error, len(y) - 2, level).iloc[0]
        rows[maker] = [one["value"], one["low"], one["high"], one["standard_error"], one["p"], len(y)]
    columns = ["event_value", "event_value_low", "event_value_high", "standard_error", "p", "days"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("maker")
    return frame.astype({"days": int})
