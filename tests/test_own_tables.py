"""Exchange rates, markets and makers of the user's own: a Hong Kong listed Chinese maker from nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import events, exposure, facts, market, own, own_facts, own_rates, own_tables, store
from tariffmodel.errors import DataError
from tariffmodel.files import text
from tariffmodel.tariff import policy
from tariffmodel.tariff.case import case

MARKET = {
    "market": "HK", "name": "Hong Kong", "exchange_calendar": "XHKG", "currency": "HKD",
    "currency_name": "Hong Kong dollar", "benchmark": "^HSI", "suffix": ".HK", "space_codes": "HK",
    "dash_codes": "HK|HKG", "dot_codes": "HK", "colon_codes": "HKG",
}  # fmt: skip
MAKER = {
    "maker": "BYD", "name": "BYD Company Limited", "headquarters": "CN", "home": "CN", "home_name": "China",
    "reporting_currency": "CNY", "fiscal_year_end_month": 12, "ticker": "1211.HK", "has_us_plant": "no",
}  # fmt: skip
FIGURES = [
    ("us_sales_units", "US", 10_000), ("us_import_units", "CN", 10_000), ("us_production_units", "US", 0),
    ("us_export_units", "US", 0), ("customs_value", "CN", 20_000), ("light_truck_share", "CN", 0),
    ("inventory_days", "US", 60), ("relief_accrued_share", "US", 0), ("metals_cost", "US", 0),
]  # fmt: skip


def rows(path, *given):
    pd.DataFrame(given).to_csv(path, index=False)
    return path


def closes(path):
    """A line and an index of Hong Kong as Bloomberg writes them, in a Chinese file."""
    days = market.exchange("XHKG", 2025).sessions.tz_localize(None)
    days = days[(days >= "2025-01-02") & (days <= "2026-11-20")]
    draws = np.random.default_rng(3).normal(0, 0.01, (2, len(days)))
    index = np.exp(draws[0].cumsum()) * 20_000
    line = np.exp((draws[0] + draws[1]).cumsum()) * 100
    frame = pd.DataFrame(
        {"日期": days.strftime("%Y年%m月%d日"), "1211 HK Equity": line.round(2), "^HSI": index.round(2)}
    )
    frame.to_csv(path, index=False, encoding="gbk")
    return path


def test_a_hong_kong_maker_from_market_to_event_study(data, tmp_path):
    own_tables.add_markets(facts.load(data), rows(tmp_path / "m.csv", MARKET))
    rates = pd.DataFrame(
        {"Date": pd.bdate_range("2025-01-02", "2026-11-20").strftime("%d.%m.%Y"), "Zuletzt": "7,8012"}
    )
    rates.to_csv(tmp_path / "USD_HKD Historische Kurse.csv", index=False, sep=";")
    done = own_rates.add_rates(facts.load(data), tmp_path / "USD_HKD Historische Kurse.csv")
    assert done.index.tolist() == ["USDHKD"] and "told by the name of the file" in done.attrs["warnings"][0]
    added = own.add_prices(facts.load(data), closes(tmp_path / "p.csv"), market="HK")
    assert added.index.tolist() == ["1211.HK", "^HSI"]
    done = own_tables.add_makers(facts.load(data), rows(tmp_path / "b.csv", MAKER))
    assert done.attrs["new"] == ["CN"] and "home is 'CN'" in done.attrs["warnings"][0]
    known = facts.load(data)
    file = tmp_path / "f.csv"
    given = pd.DataFrame(FIGURES, columns=["variable", "origin", "value"]).assign(
        maker="BYD", period="CY2025"
    )
    given.assign(quality="estimated", method="invented", source_title="invented").to_csv(file, index=False)
    bills = own_facts.preview_bills(own_facts.read_facts(file), known)
    assert set(bills["maker"]) == {"BYD"} and bills["old_usd"].isna().all() and (bills["new_usd"] > 0).all()
    own_facts.add_facts(known, file)
    known = facts.load(data)
    assert facts.check(data) == [] and known.as_of.isoformat() == "2026-11-20"
    bill = exposure.table(case(period="CY2025", data=known)).loc["BYD"]
    assert bill["home"] == "CN" and bill["bill_usd"] > 0
    worth = facts.market_value(known, known.as_of)
    assert (
        worth.at["BYD", "price_date"].isoformat() == "2026-11-20"
        and worth.at["BYD", "reason"] == "no count of shares"
    )
    assert known.instruments.loc["1211.HK", ["company", "role", "currency"]].tolist() == [
        "BYD",
        "maker",
        "HKD",
    ]
    study = events.tariff_study(
        known, events=["2026-02-20-supreme-court-ruling"], tickers=["1211.HK", "GM"], window=(0, 1)
    )
    assert study.car().index.get_level_values("firm").tolist() == ["1211.HK", "GM"]
    assert market.prices(known, ["1211.HK"], currency="USD")["1211.HK"].dropna().index[-1] >= pd.Timestamp(
        "2026-11-20"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"exchange_calendar": "XXXX"},
            "exchange_calendar is 'XXXX'; expected a code of the exchange_calendars",
        ),
        ({"suffix": ".T"}, "suffix is '.T'; expected an ending of its own, as JP has this one"),
        ({"suffix": ""}, "without one, tickers are those of New York"),
        ({"space_codes": "JT"}, "space_codes is 'JT'; expected codes that no other market has: JT"),
        ({"market": "Hong Kong"}, "market is 'Hong Kong'; expected a country code"),
        ({"exchange": "x"}, r"'exchange' is not a column \(exchange_calendar\?\); there are market"),
    ],
)
def test_markets_that_cannot_be_are_refused_with_their_row(known, tmp_path, changes, message):
    file = rows(tmp_path / "m.csv", MARKET | changes)
    with pytest.raises(DataError, match=message):
        facts.refuse(own_tables.check_markets(own_tables.read_rows(file, own_tables.MARKETS), known)[:1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"reporting_currency": "HKD"},
            "reporting_currency is 'HKD'; expected one of CAD, .* `tariffmodel add market`",
        ),
        ({"reporting_currency": "NOK"}, "expected a currency with exchange rates: `tariffmodel add fx`"),
        ({"ticker": "7203"}, r"ticker is '7203'; expected a line with prices \(7203.T\?\): add them first"),
        (
            {"consolidated_in": "Geely"},
            "consolidated_in is 'Geely'; expected a maker of companies/makers.csv",
        ),
        ({"fiscal_year_end_month": 13}, "fiscal_year_end_month is '13'; expected a value <= 12"),
        ({"has_us_plant": "perhaps"}, "has_us_plant is 'perhaps'"),
    ],
)
def test_makers_that_cannot_be_are_refused_with_their_row(known, tmp_path, changes, message):
    file = rows(tmp_path / "b.csv", MAKER | {"ticker": ""} | changes)
    with pytest.raises(DataError, match=message):
        facts.refuse(own_tables.check_makers(own_tables.read_rows(file, own_tables.MAKERS), known)[:1])


RATES = {
    "heading": ("Date,USD/JPY\n2026-10-29,158.1\n", {}, ("USDJPY", 158.1)),
    "Bloomberg": ("Dates,JPY Curncy\n2026-10-29,158.1\n", {}, ("USDJPY", 158.1)),
    "RIC": ("Exchange Date,JPY=\n29-Oct-2026,158.1\n", {}, ("USDJPY", 158.1)),
    "Yahoo": ("Date,USDJPY=X\n2026-10-29,158.1\n", {}, ("USDJPY", 158.1)),
    "turned over": ("Date,JPYUSD\n2026-10-29,0.00625\n", {}, ("USDJPY", 160.0)),
    "a pair a row": ("日付,通貨ペア,レート\n2026/10/29,USD/JPY,158.1円\n", {}, ("USDJPY", 158.1)),
    "ECB": ("Date,USD,JPY,XAU\n2026-10-29,1.25,200,1\n", {"base": "eur"}, ("USDJPY", 160.0)),
    "French": ("Date;Dernier\n29/10/2026;158,10\n", {"pair": "USDJPY"}, ("USDJPY", 158.1)),
}


@pytest.mark.parametrize("name", RATES)
def test_rates_in_the_layouts_of_vendors(tmp_path, name):
    content, given, (pair, rate) = RATES[name]
    (file := tmp_path / "x.csv").write_text(content, encoding="utf-8")
    found = own_rates.read_rates(file, **given).set_index("pair")["rate"]
    assert found[pair] == pytest.approx(rate)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Date,EURJPY\n2026-10-29,180\n", "'EURJPY' is not against the dollar"),
        ("Date,USDXAU\n2026-10-29,1\n", "XAU is no currency of data/market/currencies.csv; a market in it"),
        ("Date,JPY,KRW\n2026-10-29,158,1400\n", "'JPY' is no pair; write one such as USDJPY"),
        (
            "Date,USDJPY\n2026-10-29,1.58\n",
            "about the stored rates of the same days, of which these are 0.01",
        ),
        ("Date,USDJPY\n2026-10-29,-3\n", "rate is -3.0; expected a number > 0"),
        ("Date,USDJPY\n2026-10-28,158\n2026-10-29,198\n", "expected a rate within 10% of the one before"),
        ("Date,USDJPY\n2026-11-16,158\n", "expected a day that the stored rates have too"),
        ("Date,USDJPY\n2026-10-29,158\n2026-10-29,158.1\n", "expected one rate per pair and day"),
        ("Date,USDJPY\n2036-10-29,158\n", "expected a day up to today"),
    ],
)
def test_rates_that_cannot_be_are_refused(known, tmp_path, content, message):
    (file := tmp_path / "x.csv").write_text(content)

    def checked() -> None:
        faults = own_rates.check_rates(own_rates.read_rates(file), known)
        facts.refuse([fault for fault in faults if not fault.warning])

    with pytest.raises(DataError, match=message):
        checked()


def test_rates_of_investing_com_extend_the_fixings_and_a_constant_is_doubted(data, tmp_path):
    """Case 10b: the pair in the name of the file, newest day first, quotes about every cell."""
    days = pd.bdate_range("2026-10-20", "2026-11-26")[::-1]
    lines = [f'"{day:%m/%d/%Y}","157.12","157","158","156","","0.1%"' for day in days]
    file = tmp_path / "USD_JPY Historical Data.csv"
    file.write_text("\n".join(['"Date","Price","Open","High","Low","Vol.","Change %"', *lines]))
    known = facts.load(data)
    done = own_rates.add_rates(known, file)
    assert (
        done.loc["USDJPY", "new_rows"] == 19 and "28 days in a row have this one" in done.attrs["warnings"][1]
    )
    after = facts.load(data)
    assert after.fx.at[pd.Timestamp("2026-10-30"), "USDJPY"] == known.fx["USDJPY"].iloc[-1]  # fixings stay
    assert after.fx["USDJPY"].iloc[-1] == 157.12 and after.as_of.isoformat() == "2026-11-26"
    assert "from 2026-11-02 on some of the user's own" in market.exchange_rates(after).attrs["timing"]
    assert store.snapshots(data)["files"].tolist() == ["market/fx.parquet"]


def test_what_an_earlier_day_hides_is_said(known):
    assert known.hidden(known.as_of) == ""
    then = known.as_known(pd.Timestamp("2026-10-06").date())
    assert "exchange rates up to 2026-10-30 are not used" in then.hidden(then.as_of)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_policy_may_begin_with_a_byte_order_mark(tmp_path, encoding):
    (path := tmp_path / "mine.toml").write_text(
        'base = "current-law"\ntitle = "日本"\nstatus = "proposal"\n', encoding=encoding
    )
    assert text(path).startswith("base") and policy.load(path).title == "日本"


def test_a_policy_in_another_encoding_is_refused(tmp_path):
    (path := tmp_path / "mine.toml").write_bytes('base = "current-law"\ntitle = "日本"\n'.encode("cp932"))
    with pytest.raises(DataError.__mro__[1], match="mine.toml is neither UTF-8 nor marked as UTF-16"):
        policy.load(path)


def test_a_table_in_another_encoding_is_a_fault(data):
    place = data / "companies" / "makers.csv"
    place.write_bytes(place.read_bytes() + "日本\n".encode("cp932"))
    with pytest.raises(DataError, match="makers.csv is neither UTF-8 nor .* save it as UTF-8"):
        facts.load(data)


def test_a_home_that_is_in_no_list_names_the_list(data):
    place = data / "companies" / "makers.csv"
    place.write_text(
        place.read_text(encoding="utf-8").replace(",JP,JP,JPY", ",JP,ZZ,JPY", 1), encoding="utf-8"
    )
    with pytest.raises(
        DataError, match="home is 'ZZ'; expected one of EU, GB, JP, KR, US; a row of data/companies/homes.csv"
    ):
        facts.load(data)


def test_own_event_is_printed_with_its_verdict_and_faults_are_told(tm):
    code, out, err = tm("event", "--date", "2025-07-23T16:30+09:00", "--tickers", "7203.T,Honda")
    assert code == 0, err
    assert "2025-07-24" in out and "AR 0" in out and "days without events (p = " in out.replace("\n", " ")
    code, _, err = tm("event", "--date", "2025-07-23T16:30", "--tickers", "7203.T")
    assert code == 2 and "time of day without a zone" in err.replace("\n", " ")
    code, _, err = tm("event", "--date", "2026-11-20T16:30+09:00", "--tickers", "7203.T")
    assert code == 1 and "no line has prices up to 2026-11-20 (7203.T to 2026-10-06)" in err
    code, _, err = tm("event", "--date", "2025-07-23", "--tickers", "9999.T")
    assert code == 1 and "no share, index or currency is called '9999.T'" in err


def test_markets_rates_and_makers_from_the_command_line(tm, data, tmp_path):
    code, out, err = tm("add", "market", rows(tmp_path / "m.csv", MARKET), "--yes", "--data", data)
    assert code == 0 and "currency HKD added too" in out, err
    (file := tmp_path / "x.csv").write_text("Date,USDJPY\n2026-10-29,158.1\n2026-11-02,158.3\n")
    code, out, err = tm("add", "fx", file, "--yes", "--data", data)
    assert code == 0 and "results are now as of 2026-11-02" in out, err
    acme = MAKER | {
        "maker": "Acme",
        "ticker": "",
        "home": "GB",
        "headquarters": "GB",
        "reporting_currency": "GBP",
    }
    code, out, err = tm("add", "maker", rows(tmp_path / "b.csv", acme), "--yes", "--data", data)
    assert code == 0 and "its figures come with `tariffmodel add facts`" in out, err
