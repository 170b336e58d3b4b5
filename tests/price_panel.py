"""The bundled prices carried on by the records: `.venv/bin/python tests/price_panel.py` writes them anew.

Reads ``data/market/prices.parquet`` and ``price_records.parquet`` beside it and writes the first again,
with the spans in ``instruments.csv``. Run on its own result, it changes nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tariffmodel import facts
from tariffmodel.markets import price_checks


def build(panel: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """The panel with the days that the records add, and with their returns where it is off.

    Levels are chained back from the last traded close, so that the last row is a price.
    """
    beside = price_checks.compare(panel, records)
    mended = beside[beside["off"]].set_index(["ticker", "date"])
    said = price_checks.best(price_checks.returns(records))
    lines = []
    for ticker, old in panel.groupby("ticker"):
        line, own = old.set_index("date"), said[said["ticker"] == ticker]
        days = line.index.union(pd.Index(own.loc[own["date"] > line.index[-1], "date"].unique()))
        before = pd.Series(days[:-1], days[1:])
        added = own[(own["date"] > line.index[-1]) & (own["previous"] == own["date"].map(before))]
        added = added.set_index("date")
        wrong = mended.loc[ticker] if ticker in mended.index.get_level_values(0) else mended.iloc[:0]
        if added.empty and wrong.empty:
            lines.append(old)
            continue
        lines.append(_joined(str(ticker), line.reindex(days), added, wrong, records))
    return pd.concat(lines)[panel.columns].sort_values(["ticker", "date"], ignore_index=True)


def _joined(
    ticker: str, line: pd.DataFrame, added: pd.DataFrame, wrong: pd.DataFrame, records: pd.DataFrame
) -> pd.DataFrame:
    """One line with new days and mended ones; returns that are right stay as they are."""
    assert line.index[line["adj_close"].isna()].equals(added.index), f"{ticker}: days that do not chain"
    line.loc[added.index, "basis"] = np.where(
        added["rank"] == price_checks.BARE, "price_return", "total_return"
    )
    line.loc[added.index, "records"] = added["count"]
    line.loc[wrong.index, "records"] = wrong["count"]
    level = line["adj_close"].ffill()
    step = pd.Series(0.0, line.index)
    step[added.index] = added["record_return"]
    step[wrong.index] = -wrong["difference"]
    level = level * np.exp(step.cumsum())
    closes = records[(records["ticker"] == ticker) & (records["date"] == line.index[-1])]
    if len(closes):
        level *= closes.sort_values("adjusted")["close"].iloc[0] / level.iloc[-1]
    else:
        level *= line["adj_close"].iloc[-1] / level.iloc[-1]
    exact = (level / line["adj_close"] - 1).abs() < 1e-9  # a level that did not move keeps its digits
    level = line["adj_close"].where(exact, level.map(lambda value: float(f"{value:.10g}")))
    line = line.assign(ticker=ticker, adj_close=level, records=line["records"].astype("int64"))
    return line.rename_axis("date").reset_index()


def spans(book: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """The table of instruments, as text, with first and last day, rows and share of total returns."""
    by = panel.groupby("ticker")
    total = panel["basis"].eq("total_return") & by.cumcount().gt(0)
    share = total.groupby(panel["ticker"]).sum() / (by.size() - 1)
    counted = {
        "prices_first": by["date"].min().dt.strftime("%Y-%m-%d"),
        "prices_last": by["date"].max().dt.strftime("%Y-%m-%d"),
        "rows": by.size().astype(str),
        "total_return_share": share.map("{:.4g}".format),
    }
    for column, values in counted.items():
        book[column] = book["ticker"].map(values).fillna(book[column])
    return book


def main() -> None:
    folder: Path = facts.data_dir() / "market"
    panel = pd.read_parquet(folder / "prices.parquet")
    fresh = build(panel, pd.read_parquet(folder / "price_records.parquet"))
    fresh.to_parquet(folder / "prices.parquet", index=False)
    book = pd.read_csv(folder / "instruments.csv", dtype=str, keep_default_na=False)
    spans(book, fresh).to_csv(folder / "instruments.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
