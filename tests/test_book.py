"""Books of many positions: the choice of a hedge, sums by hand, files with faults, words of a ticket."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tariffmodel import booked, case, hedge, own_positions, positions, scenarios, ticket, uncertainty
from tariffmodel.errors import DataError
from tariffmodel.hedging import threat, words

HELD = """Security;Side;Notional
7203 JP Equity;long;USD 10,000,000
GM US Equity;;JPY -750000000
VW;short;5000000 EUR
"""


@pytest.fixture(scope="module")
def feared(known):
    return case("flat-25", "current-law", "CY2027", data=known)


@pytest.fixture(scope="module")
def book(known, feared, tmp_path_factory):
    file = tmp_path_factory.mktemp("book") / "mine.csv"
    file.write_text(HELD, encoding="utf-8")
    return ticket.ticket(feared, own_positions.read(known, file), draws=200)


# The choice


@pytest.fixture(scope="module")
def made():
    """A share that moves with A until half of the weeks, then with B; C is noise."""
    rng, days = np.random.default_rng(3), pd.date_range("2022-01-07", periods=240, freq="W-FRI")
    x = pd.DataFrame(rng.normal(0, 0.02, (240, 3)), days, list("ABC"))
    first = np.arange(240) < 120
    share = np.where(first, x["A"], x["B"]) + rng.normal(0, 0.005, 240)
    return pd.Series(share, days, name="share"), x, [["A"], ["B"], ["C"], ["A", "C"]]


def test_the_choice_knows_nothing_of_later_rows(made):
    y, x, hedges = made
    cut = x.index[150]
    whole, part = hedge.choose(y, x, hedges), hedge.choose(y.loc[:cut], x.loc[:cut], hedges)
    pd.testing.assert_frame_equal(part.path, whole.path.loc[:cut, list(part.path)])
    assert (whole.path.loc[:cut].drop(columns=list(part.path)) == 0).all(axis=None)


def test_the_chosen_path_pays_for_a_choice_that_turned_out_wrong(made):
    y, x, hedges = made
    found = hedge.choose(y, x, hedges)
    record = hedge.effectiveness(y, x[list(found.path)], found.path, draws=49).reduction
    hindsight = found.record["variance_removed"].max()
    assert record.at["hedged", "variance"] < hindsight  # what was quoted is not the best in hindsight


def test_a_leg_of_noise_is_seldom_taken_and_one_of_use_is():
    noise, useful = 0, 0
    days = pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    for seed in range(30):
        x = pd.DataFrame(np.random.default_rng(seed).normal(0, 0.02, (150, 3)), days, list("ABC"))
        share = (x["A"] + x["C"]).rename("share")  # C stands for what none of A and B has
        other = (x["A"] + x["B"] + 0.5 * x["C"]).rename("share")
        noise += hedge.choose(share, x[["A", "B"]], [["A"], ["B"], ["A", "B"]]).legs != ("A",)
        useful += hedge.choose(other, x[["A", "B"]], [["A"], ["B"], ["A", "B"]]).legs == ("A", "B")
    assert noise <= 6 and useful == 30  # one standard error: at most a sixth by chance, and some luck


def test_ratios_of_a_choice_are_those_of_least_squares(made):
    y, x, _ = made
    found = hedge.choose(y, x, [["A", "B"]]).path
    pd.testing.assert_frame_equal(found, hedge.rolling(y, x[["A", "B"]], 52).loc[found.index])


def test_toyota_has_no_currency_leg_and_the_ticket_says_why(known):
    asked = case("korea-25", "current-law", "CY2027", data=known)
    one = ticket.ticket(asked, "7203.T", draws=200)
    assert list(one.instruments.index) == ["TOPIX"]
    assert any(line.startswith("USD/JPY is left out: ") for line in one.left_out)
    assert any("1622" in line or "TOPIX-17" in line for line in one.left_out)  # its prices are old
    told = one.to_markdown()
    assert one.threat == threat.NOTHING and "**This hedge" not in told
    assert told.split("**")[1].startswith("This threat changes nothing")
    assert "by the threat there would be none" in told


# Sums


def test_a_book_is_sized_by_hand_in_any_currency_or_in_shares(known):
    rows = positions.whole(
        pd.DataFrame(
            {"line": ["7203.T", "GM"], "size": [1.5e9, -1000.0], "unit": ["JPY", "shares"], "where": ["", ""]}
        )
    )
    held = positions.priced(known, rows, "USD", pd.Timestamp("2026-10-30").date(), {"USD": 1, "JPY": 150.0})
    price = held["price"]
    assert held.at["7203.T", "shares"] == 100 * round(1.5e9 / price["7203.T"] / 100)
    assert held.at["GM", "shares"] == -1000 and held.at["GM", "notional"] == -1000 * price["GM"]


def test_a_book_adds_up_its_positions(known, feared, book):
    own, safe = book.exposures, book.protection
    assert list(own.index) == ["7203.T", "GM", "VOW3.DE"]
    expected = -own["delta_booked_usd"] / own["market_cap_usd"] * book.positions["notional"]
    np.testing.assert_allclose(own["booked_money"].astype(float), expected.astype(float))
    assert safe["booked_money"] == pytest.approx(own["booked_money"].sum())
    lowest, highest = (own[f"booked_{end}_money"].sum() for end in ("low", "high"))
    assert lowest < safe["booked_low_money"] < safe["booked_money"] < safe["booked_high_money"] < highest
    assert own.at["VOW3.DE", "booked_money"] > 0 > own.at["7203.T", "booked_money"]  # short gains of a cost
    alone = ticket.ticket(feared, "7203.T", instruments=["TOPIX"], draws=49)
    per_money = alone.exposures["booked_money"] / alone.positions["notional"]
    assert own.at["7203.T", "booked_money"] == pytest.approx(
        per_money.item() * book.positions.at["7203.T", "notional"]
    )


def test_what_makers_share_of_an_error_adds_up_long_and_cancels_short(feared):
    """Against independent errors, the root of the sum of squares of the two ranges."""
    joint = booked.joint(feared)
    one = {maker: joint.total(pd.Series({maker: 1.0})) for maker in ("Toyota", "Honda")}
    apart = np.sqrt(sum((end["high"] - end["value"]) ** 2 for end in one.values()))
    for sign, wider in ((1.0, True), (-1.0, False)):
        both = joint.total(pd.Series({"Toyota": 1.0, "Honda": sign}))
        assert both["value"] == pytest.approx(one["Toyota"]["value"] + sign * one["Honda"]["value"])
        assert (both["high"] - both["value"] > 1.05 * apart) == wider
        assert wider or both["high"] - both["value"] < 0.95 * apart


def test_a_maker_held_long_and_short_leaves_nothing(feared):
    held = pd.DataFrame({"maker": ["Toyota"] * 2, "notional": [1e7, -1e7]}, ["7203.T", "TM"])
    table, total = threat.exposures(feared, held)
    assert (table["booked_low_money"] < table["booked_high_money"]).all()
    np.testing.assert_allclose(total, 0.0, atol=1e-6)


def test_a_book_of_a_past_day_says_what_was_not_known_and_still_has_a_table(known):
    then = case("flat-25", "current-law", "CY2026", "2025-12-01", known)
    one = ticket.ticket(then, positions.of(known, ["Toyota"], ["GM"]), instruments=["TOPIX"], draws=49)
    assert one.threat == threat.UNKNOWN and "no inventory_days" in one.exposures.at["7203.T", "lacks"]
    told = one.table().set_index(["section", "item"])["value"]
    assert told["position GM", "notional"] == one.positions.at["GM", "notional"]


def test_width_of_a_sum_is_that_of_its_correlated_parts():
    """Ranges that are symmetric: the square of a sum's half-width is w'DCDw."""
    middle, half = np.array([10.0, 20.0, 5.0]), np.array([[1.0, 2.0, -0.5], [0.5, 0.1, 1.0]])
    runs = np.vstack([middle, *(middle + sign * row for row in half for sign in (-1, 1))])
    shared = uncertainty.Sharing(np.array([0.6, 0.3]), np.ones((2, 3, 1)))
    size = np.sqrt((half**2).sum(axis=0))
    ends = {"booked_low_usd": middle - size, "booked_high_usd": middle + size}
    joint = booked.Joint(pd.DataFrame(ends, list("ABC")), runs, shared)
    weights = pd.Series({"A": 1.0, "B": -0.5, "C": 2.0})
    found, scaled = joint.total(weights), weights.to_numpy() * size
    square = scaled @ joint.correlation(list("ABC")).to_numpy() @ scaled
    assert found["high"] - found["value"] == pytest.approx(np.sqrt(square))
    assert found["value"] - found["low"] == pytest.approx(np.sqrt(square))


def test_returns_and_ratios_of_a_book_are_on_its_gross_value(known, book):
    each, legs = book.positions["notional"], list(book.effectiveness.instruments)
    returns, lines, _ = positions.book_pnl(known, each, legs)
    np.testing.assert_allclose(returns.dropna(), (lines @ (each / each.abs().sum())).dropna())
    traded = book.instruments
    assert traded["notional"].to_numpy() == pytest.approx(traded["ratio"].to_numpy() * each.abs().sum())
    assert book.position["notional"] == each.abs().sum() and book.position["net_money"] == each.sum()


def test_a_short_share_is_the_long_one_mirrored(known, feared):
    long, short = (
        ticket.ticket(feared, positions.of(known, *names), instruments=["SPY"], draws=49)
        for names in ((["GM"],), ((), ["GM"]))
    )
    assert short.instruments.at["SPY", "ratio"] == pytest.approx(-long.instruments.at["SPY", "ratio"])
    assert short.protection["booked_money"] == pytest.approx(-long.protection["booked_money"])
    assert (long.threat, short.threat) == (threat.COSTS, threat.HELPS)
    assert short.headline.startswith("This threat is a gain to the position")


def test_a_book_over_a_tree_is_the_sum_of_its_positions(known, book):
    drawn = scenarios.run("canada-and-deals", known, draws=200)
    found = scenarios.hedged(drawn, book, rows=0)
    means = found.summary()["mean_money"]
    assert means.drop("hedged").sum() == pytest.approx(means["hedged"])
    assert set(found.slopes().index.unique("part")) >= {"7203.T", "GM", "VOW3.DE"}
    double = replace(book, positions=book.positions.assign(notional=2 * book.positions["notional"]))
    twice = scenarios.hedged(drawn, double, rows=0).summary()["mean_money"]
    assert twice["unhedged"] == pytest.approx(2 * means["unhedged"])


def test_betas_of_the_book_are_those_of_its_positions_by_weight(known, book):
    found = hedge.betas(case(data=known), book)
    each = book.positions["notional"]
    beta = found["beta"].unstack("factor")
    by_hand = beta.loc[each.index].mul(each / each.abs().sum(), axis=0).sum()
    np.testing.assert_allclose(beta.loc["book"], by_hand, atol=0.1)  # rows differ by a holiday or two
    inside = found["beta_low"].lt(found["beta"]) & found["beta"].lt(found["beta_high"])
    assert inside.all() and {"EUR", "JPY", "ACWI", "tariff portfolio"} == set(found.index.unique("factor"))


# Names and files


@pytest.mark.parametrize("text", ["7203", "Toyota", "7203 JP Equity", "7203 jt", "7203.T", "toyota motor"])
def test_a_share_is_found_by_every_name_that_desks_use(known, text):
    assert positions.find(known, text) == "7203.T"


def test_every_fault_of_a_file_is_told_with_row_column_and_remedy(known, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(
        "name,notional,currency\nToyoda,1e6,USD\n7203,1e6,USD\nToyota,2e6,USD\nGM,0,USD\nFord,1e6,\n"
        "VW,EUR 1e6,USD\nKia,x,KRW\nHonda,,USD\nPorsche AG,1,EUR\nBMW,1e6,XYZ\n",
        encoding="utf-8",
    )
    with pytest.raises(DataError) as error:
        own_positions.read(known, file)
    lines = str(error.value).splitlines()
    for number, said in {
        2: "column name: no share, index or currency is called 'Toyoda'; did you mean 7203.T?",
        5: "column notional: the size of GM is 0; write one that is not zero",
        6: "column currency: the size of Ford has no currency; write one",
        7: "column currency: the size of VW is in EUR and in USD; say one currency",
        8: "column notional: 'x' is no number",
        9: "column notional: Honda has no size",
        10: "column name: Porsche AG has no line",
        11: "column currency: no exchange rate for XYZ",
    }.items():
        assert any(line.startswith(f"bad.csv, row {number}, {said}") for line in lines), (number, lines)
    assert lines[-1].startswith("bad.csv, rows 3 and 4, column name: 7203.T is held twice")
    assert len(lines) == 9


def test_the_words_by_threat_say_how_large_or_that_none_is(book):
    safe = pd.Series({"booked_money": -1.0, "gross_money": 10.0, "value_money": -8.0, "paid_back_low": -0.1})
    assert "no size of them surely pays" in words.by_threat(safe, "USD")
    unknown = safe.replace(-8.0, np.nan)
    assert "is not known" in words.by_threat(unknown, "USD")


def test_the_command_keeps_every_name(tm):
    code, out, _ = tm(
        "hedge", "--long", "Toyota", "--long", "7267", "--short", "VW", "--threat", "korea-25",
        "--instrument", "JPY",
    )  # fmt: skip
    assert code == 0 and all(name in out for name in ("7203.T", "7267.T", "Short", "VOW3.DE"))
    code, _, said = tm("hedge", "--long", "Toyota", "--short", "7203", "--threat", "korea-25")
    assert code != 0 and "7203.T is held twice, in long Toyota and short 7203" in said
