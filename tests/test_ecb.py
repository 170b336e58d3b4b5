"""Do fixings of the ECB take the place of quotes, and does an odd file of it change nothing?"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tariffmodel import ecb, facts, refresh, store

NOW = pd.Timestamp("2026-11-11 17:00", tz="UTC")
DAYS = pd.bdate_range("2026-10-26", "2026-11-11")


def euro(known: facts.Facts) -> pd.DataFrame:
    """Euro rates that make up the stored pairs, and go on after them."""
    stored = known.fx.reindex(DAYS).ffill()
    rates = pd.DataFrame({"USD": stored["EURUSD"]})
    for pair in stored.columns.drop("EURUSD"):
        code = pair.replace("USD", "")
        rates[code] = stored[pair] * rates["USD"] if pair.startswith("USD") else rates["USD"] / stored[pair]
    return rates * np.linspace(1, 1.01, len(DAYS))[:, None] ** (known.fx.index[-1] < DAYS)[:, None]


def body(rates: pd.DataFrame) -> bytes:
    cubes = "".join(
        f'<Cube time="{day:%Y-%m-%d}">'
        + "".join(f'<Cube currency="{code}" rate="{rate:.8f}"/>' for code, rate in row.items())
        + "</Cube>"
        for day, row in rates.iloc[::-1].iterrows()
    )
    return f'<?xml version="1.0"?><e xmlns="urn:x"><Cube>{cubes}</Cube></e>'.encode()


@pytest.fixture
def desk(known, tmp_path):
    """A data folder with exchange rates up to the last fixing and a week of Yahoo's quotes."""
    (tmp_path / "market").mkdir()
    rates = pd.read_parquet(known.folder / refresh.FX).assign(source="ECB")
    later = pd.DataFrame({"date": pd.bdate_range("2026-11-02", "2026-11-12"), "pair": "USDJPY"})
    quotes = later.assign(rate=rates.loc[rates["pair"] == "USDJPY", "rate"].iloc[-1], source="yahoo")
    pd.concat([rates, quotes]).to_parquet(tmp_path / refresh.FX, index=False)
    known.instruments.to_csv(tmp_path / "market/instruments.csv")
    return replace(known, folder=tmp_path)


def ask(desk: facts.Facts, content: bytes, status: int = 200) -> tuple[refresh.Report, list[str]]:
    asked = []

    def get(url, **_):
        asked.append(url)
        return SimpleNamespace(status_code=status, content=content, headers={})

    return ecb.refresh(desk, session=SimpleNamespace(get=get), now=NOW, sleep=lambda _: None), asked


def fx(desk: facts.Facts) -> pd.DataFrame:
    return pd.read_parquet(store.path(desk.folder, refresh.FX))


def test_fixings_go_on_and_take_the_place_of_quotes(desk, known):
    rates = euro(known)
    report, asked = ask(desk, body(rates))
    assert asked == [ecb.RECENT] and report.snapshot == store.current(desk.folder)
    table = report.table.set_index("ticker")
    assert set(table.loc[known.fx.columns, "outcome"]) == {"updated"}
    assert (
        table.loc["USDNOK", "outcome"] == "not found" and "does not fix NOK" in table.loc["USDNOK", "detail"]
    )
    assert report.code == 0, "a pair without rates that the ECB lacks is nothing left behind"
    yen = fx(desk).query("pair == 'USDJPY' and date > '2026-10-30'").set_index("date")
    np.testing.assert_allclose(
        yen["rate"][:8], (rates["JPY"] / rates["USD"])["2026-11-02":"2026-11-11"], rtol=1e-6
    )
    assert yen["source"].tolist() == ["ECB"] * 8 + ["yahoo"], "a quote after the last fixing stays"
    assert "8 quotes of Yahoo gave way" in table.loc["USDJPY", "detail"]
    report, _ = ask(desk, body(rates))
    assert not report.snapshot and set(report.table["outcome"]) == {"unchanged", "not found"}


def test_pair_that_differs_from_its_fixings_or_leaps_stays_and_the_others_go_on(desk, known):
    rates = euro(known)
    rates.loc["2026-10-28", "JPY"] *= 1.01
    rates.loc["2026-11-05", "KRW"] *= 1.2
    report, _ = ask(desk, body(rates))
    table = report.table.set_index("ticker")
    assert table.loc[["USDJPY", "USDKRW"], "outcome"].tolist() == ["conflict"] * 2 and report.code == 3
    assert "2026-10-28: stored" in table.loc["USDJPY", "detail"] and table.loc["USDJPY", "remedy"]
    assert "a move of ×1.2" in table.loc["USDKRW", "detail"]
    assert table.loc["GBPUSD", "outcome"] == "updated"
    assert (fx(desk).query("pair == 'USDKRW'")["date"].max()) == pd.Timestamp("2026-10-30")


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"<a/>", b'<e><Cube time="soon"/></e>', b"\x00"]
    + [
        f'<e><Cube time="2026-11-10"><Cube currency="USD" rate="{rate}"/></Cube></e>'.encode()
        for rate in ("-1", "0", "x", "inf", "")
    ],
)
def test_file_that_is_none_changes_nothing(desk, content):
    before = fx(desk)
    report, _ = ask(desk, content)
    assert set(report.table["outcome"]) == {"failed"} and report.code == refresh.SILENT
    assert report.table["remedy"].str.contains("refresh rates").all()
    pd.testing.assert_frame_equal(fx(desk), before)


def test_long_gap_is_filled_from_the_whole_history(desk, known):
    rates = pd.read_parquet(desk.folder / refresh.FX)
    rates[rates["date"] < "2026-06-01"].to_parquet(desk.folder / refresh.FX, index=False)
    report, asked = ask(desk, body(euro(known)))
    assert asked == [ecb.WHOLE] and "no day in common" in report.table["detail"].iloc[0]
