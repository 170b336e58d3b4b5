"""What do official statistics count at the border, and in which vintage?

US imports by origin (Census) and Mexico's exports to the US by make (INEGI), from ``data/trade/``. A
figure that was revised stands there in every vintage; the newest one that was known is used.
"""

from __future__ import annotations

import pandas as pd

from tariffmodel.facts import periods, publication
from tariffmodel.facts.protected import kept_with, protected
from tariffmodel.facts.tables import Facts, read

US_IMPORTS, MEXICO_EXPORTS, MEXICO_MODELS, DIFFERENCES = (
    f"trade/{name}.csv" for name in ("us_imports", "mexico_exports", "mexico_models", "differences")
)
FIGURES = {
    US_IMPORTS: ["value_usd", "dutiable_usd", "duty_usd", "usmca_usd", "units"],
    MEXICO_EXPORTS: ["units"],
    MEXICO_MODELS: ["units"],
}
KEYS = {
    US_IMPORTS: ["goods", "origin", "period"],
    MEXICO_EXPORTS: ["brand", "period"],
    MEXICO_MODELS: ["brand", "model", "type", "segment", "period"],
}
_LAG_OF = {US_IMPORTS: "us_imports", MEXICO_EXPORTS: "mexico_exports", MEXICO_MODELS: "mexico_exports"}


@kept_with
def vintages(facts: Facts, name: str = US_IMPORTS) -> pd.DataFrame:
    """Every vintage of a table that was known on the day of the facts, the newest of a figure last.

    Parameters
    ----------
    name : str
        `US_IMPORTS`, `MEXICO_EXPORTS` or `MEXICO_MODELS`.

    Returns
    -------
    DataFrame
        As in ``data/codebook.csv``, with `start` and `end` of the period and `known_day`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = vintages(tm.facts.load())
    >>> june = found[(found["goods"] == "car") & (found["origin"] == "MX") & (found["period"] == "2025-06")]
    >>> june["vintage"].to_list()
    ['2025-08-12', '2026']
    """
    table = read(facts, name)
    spans = [periods.parse(label) for label in table["period"]]
    table = table.assign(start=[s.start for s in spans], end=[s.end for s in spans])
    table = table.assign(known_day=publication.days(table, facts.lags, _LAG_OF[name])["known_day"])
    if facts.day is not None:
        table = table[table["known_day"] <= pd.Timestamp(facts.day)]
    order = [periods.parse(label).start for label in table["vintage"]]
    return protected(
        table.assign(order=order)
        .sort_values([*KEYS[name], "order"], kind="stable", ignore_index=True)
        .drop(columns="order")
    )


def in_use(facts: Facts, name: str = US_IMPORTS) -> pd.DataFrame:
    """The newest known vintage of every figure; see `vintages`.

    A figure that the newest vintage of its row lacks is that of the one before: a release of values and one
    of duties make a row together.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> cars = in_use(tm.facts.load()).query("goods == 'car' and origin == 'MX' and period == '2025-06'")
    >>> round(cars["value_usd"].item() / 1e9, 3)
    4.127
    """
    rows, key, figures = vintages(facts, name), KEYS[name], FIGURES[name]
    filled = rows.groupby(key, sort=False)[figures].ffill()
    return newest(rows.assign(**{figure: filled[figure] for figure in figures}), key)


def newest(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The last row of each key.

    >>> rows = pd.DataFrame({"origin": ["JP", "JP", "KR"], "units": [3, 4, 5]})
    >>> newest(rows, ["origin"])["units"].tolist()
    [4, 5]
    """
    return rows[~rows.duplicated(key, keep="last")].reset_index(drop=True)


@kept_with
def differences(facts: Facts) -> pd.DataFrame:
    """What is known about why model and official figures differ, one row per reason, with its days.

    >>> import tariffmodel as tm
    >>> found = differences(tm.facts.load())
    >>> bool((found["start"] <= found["end"]).all())
    True
    """
    table = read(facts, DIFFERENCES)
    spans = [periods.parse(label) for label in table["period"]]
    return protected(table.assign(start=[s.start for s in spans], end=[s.end for s in spans]))
