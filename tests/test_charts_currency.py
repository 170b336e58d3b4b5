"""Charts of currency betas and of the move that pays say what their tables say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from legible import faults
from matplotlib.figure import Figure

from tariffmodel import case, charts, currency, facts, sensitivity
from tariffmodel.facts import Facts
from tariffmodel.markets.currency import IsoProfit
from tariffmodel.tariff.entries import Policy

LOOK = {"source": "a source", "as_of": date(2026, 10, 30)}
HOMES = {"Toyota": "JP", "Kia": "KR", "BMW": "EU", "GM": "US", "Ford": "US", "Mazda": "JP"}
EVENT = {"event": date(2025, 4, 3), "event_label": "the duty"}
Draw = Callable[..., Figure]


def title(fig: Figure) -> str:
    return fig.get_suptitle().replace("\n", " ")


def words(fig: Figure) -> Iterator[str]:
    for text in fig.findobj(matplotlib.text.Text):
        yield text.get_text().replace("\n", " ")


def said(fig: Figure) -> str:
    return " ".join(words(fig))


@pytest.fixture(scope="module")
def betas() -> pd.DataFrame:
    """Three own currencies, of which one is clear on either side, a rival's, and one maker without data."""
    return pd.DataFrame(
        {
            "beta_fx": [0.9, -0.1, -1.2, 2.0, np.nan],
            "low": [0.4, -0.5, -1.9, 1.5, np.nan],
            "high": [1.4, 0.3, -0.5, 2.5, np.nan],
            "role": ["home", "home", "home", "rival", None],
            "currency": ["JPY", "KRW", "EUR", "JPY", None],
        },
        index=pd.Index(["Toyota", "Kia", "BMW", "GM", "Mazda"], name="maker"),
    )


@pytest.fixture(scope="module")
def paths() -> dict[str, pd.DataFrame]:
    """Toyota falls from 0.8 to 0.2 over the duty, Kia stays; bands of 0.3 either way."""
    weeks = pd.date_range("2024-01-05", "2026-01-02", freq="W-FRI")
    fall = pd.Series(np.where(weeks < "2025-04-03", 0.8, 0.2), weeks)
    return {
        name: pd.DataFrame({"beta": beta, "low": beta - 0.3, "high": beta + 0.3, "rolling": beta + 0.05})
        for name, beta in (("Toyota", fall), ("Kia", fall * 0 + 0.1))
    }


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    """Toyota in line, Kia below what it discloses, Mazda without a share."""
    frame = pd.DataFrame(
        {
            "value_elasticity": [0.6, 1.7, 0.4],
            "profit_elasticity": [1.6, 40.0, 0.5],
            "beta_fx": [1.1, 0.7, np.nan],
            "low": [0.6, 0.2, np.nan],
            "high": [1.6, 1.1, np.nan],
            "basis": "disclosed",
            "verdict": ["in line", "less than disclosed", None],
            "looks_hedged": [False, True, False],
        },
        index=["Toyota", "Kia", "Mazda"],
    )
    ends = {
        f"{kind}_elasticity_{end}": frame[f"{kind}_elasticity"]
        for kind in ("value", "profit")
        for end in ("low", "high")
    }
    return frame.assign(**ends)  # fmt: skip


@pytest.fixture(scope="module")
def pays() -> pd.DataFrame:
    """Toyota needs 10%, Kia by its share 2% or without limit, BMW cannot, Mazda owes nothing."""
    return pd.DataFrame(
        {
            "currency": ["JPY", "KRW", "EUR", "JPY"],
            "base_per_usd": [150.0, 1400.0, 0.9, 150.0],
            "ahead_usd": [6e9, 2e9, 1e9, 0.0],
            "basis": ["disclosed", "estimated from the share", "estimated from the share", "disclosed"],
            "ahead_rate_needed": [165.0, 1428.0, np.nan, 150.0],
            "ahead_rate_needed_low": [162.0, 1420.0, np.nan, 150.0],
            "ahead_rate_needed_high": [168.0, np.inf, np.nan, 150.0],
            "ahead_share": [0.10, 0.02, np.nan, 0.0],
            "move_share": [0.12, 0.03, np.nan, 0.0],
            "as_of": ["2026-02", "2024-05", None, "2025-08"],
            "stale": [False, True, False, False],
            "reason": ["", "", "the share falls when the home currency weakens: its beta pays no bill", ""],
        },
        index=["Toyota", "Kia", "BMW", "Mazda"],
    )


TODAY = {"JPY": 157.5, "KRW": 1330.0, "EUR": 0.85}


@pytest.fixture(scope="module")
def iso(known: Facts, law: Policy, before: Policy) -> IsoProfit:
    return currency.iso_profit(case(law, before, data=known), "Toyota")


def draw_iso(iso: IsoProfit, bill_range: tuple[float, float] = (0.8, 1.2), **k: object) -> Figure:
    return charts.iso_profit(iso, bill_range=bill_range, home="JP", case="a case", **LOOK, **k).figure


def draw_move(rows: pd.DataFrame, today: dict[str, float] = TODAY, **k: object) -> Figure:
    stands = rows["currency"].map(today)
    rows = rows.assign(today=stands, today_share=stands / rows["base_per_usd"] - 1)
    return charts.paying_move(rows, HOMES, case="a case", **LOOK, **k).figure


@pytest.fixture(scope="module")
def corners() -> pd.DataFrame:
    """Toyota loses by duty and gains by yen; BMW has no sensitivity, GM no currency, Mazda no profit."""
    cells = {
        "Toyota": [(0.02, 150.0, 100.0), (0.02, 160.0, 110.0), (0.17, 150.0, 80.0), (0.17, 160.0, 88.0)],
        "BMW": [(0.02, 0.9, 10.0), (0.02, 0.8, np.nan), (0.2, 0.9, 9.0), (0.2, 0.8, np.nan)],
        "GM": [(0.01, 1.0, 15.0), (0.16, 1.0, 9.0)],
        "Mazda": [(0.02, 150.0, -5.0), (0.02, 160.0, -4.0), (0.2, 150.0, -9.0), (0.2, 160.0, -8.0)],
    }
    rows = [(maker, *cell) for maker, own in cells.items() for cell in own]
    frame = pd.DataFrame(rows, columns=["maker", "rate", "per_usd", "operating_profit_bn"])
    frame = frame.set_index(["maker", "rate", "per_usd"])
    value = frame["operating_profit_bn"]
    return frame.assign(operating_profit_low_bn=value * 0.9, operating_profit_high_bn=value * 1.05)


def draw_grid(rows: pd.DataFrame, **k: object) -> Figure:
    return charts.profit_grid(rows, HOMES, case="a case", **LOOK, **k).figure


@pytest.fixture(scope="module")
def every(
    betas: pd.DataFrame,
    paths: dict[str, pd.DataFrame],
    compared: pd.DataFrame,
    pays: pd.DataFrame,
    iso: IsoProfit,
    corners: pd.DataFrame,
) -> dict[str, Draw]:
    two = {"weekly": betas, "daily": betas.assign(beta_fx=betas["beta_fx"] / 2)}
    return {
        "fx_betas": lambda **k: charts.fx_betas(two, HOMES, case="a case", **LOOK, **k).figure,
        "beta_path": lambda **k: charts.beta_path(paths, HOMES, **EVENT, case="a case", **LOOK, **k).figure,
        "disclosed": lambda **k: (
            charts.disclosed_vs_estimated(compared, HOMES, case="a case", **LOOK, **k).figure
        ),
        "paying_move": lambda **k: draw_move(pays, **k),
        "iso_profit": lambda **k: draw_iso(iso, **k),
        "profit_grid": lambda **k: draw_grid(corners, **k),
    }


NAMES = ["fx_betas", "beta_path", "disclosed", "paying_move", "iso_profit", "profit_grid"]


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_legible_at_either_width(every: dict[str, Draw], name: str, width: float) -> None:
    fig = every[name](width_cm=width)
    assert fig.get_figwidth() == pytest.approx(width / 2.54)
    assert faults(fig) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_names_source_day_and_case(every: dict[str, Draw], name: str) -> None:
    texts = list(words(every[name]()))
    assert next(text for text in texts if "Source: a source" in text).endswith("As of 30 Oct 2026.")
    assert any("a case" in text for text in texts)


# Betas --------------------------------------------------------------------------------------------


def test_only_own_currencies_with_a_clear_interval_are_counted(betas: pd.DataFrame) -> None:
    """GM's 2.0 is to a rival's currency, and Kia's interval holds zero."""
    fig = charts.fx_betas({"weekly": betas}, HOMES, case="", **LOOK).figure
    assert title(fig) == (
        "1 of 3 shares clearly gains when the home currency weakens, 1 clearly loses; "
        "the largest of these betas is that of BMW, −1.20 (−1.90 to −0.50)"
    )
    assert "(JPY) and not counted: GM" in said(fig) and "no estimate: Mazda" in said(fig)


def test_no_clear_interval_is_said_so(betas: pd.DataFrame) -> None:
    wide = betas.assign(low=-5.0, high=5.0)
    assert title(charts.fx_betas({"weekly": wide}, HOMES, case="", **LOOK).figure) == (
        "None of 3 shares clearly gains when the home currency weakens, none clearly loses"
    )
    nothing = betas.assign(beta_fx=np.nan)
    assert "No share has enough data" in title(
        charts.fx_betas({"weekly": nothing}, HOMES, case="", **LOOK).figure
    )


def test_every_estimator_has_its_interval_drawn(betas: pd.DataFrame) -> None:
    other = betas.assign(low=betas["low"] - 1)
    ax = charts.fx_betas({"one": betas, "other": other}, HOMES, case="", **LOOK).figure.axes[0]
    ends = [segment[:, 0] for lines in ax.collections[::2] for segment in lines.get_segments()]
    order = betas["beta_fx"].dropna().sort_values(ascending=False).index
    expected = [[frame.at[m, "low"], frame.at[m, "high"]] for frame in (betas, other) for m in order]
    np.testing.assert_allclose(ends, expected)


def test_real_betas_are_drawn(known: Facts) -> None:
    table = sensitivity.table(known, makers=["Hyundai Motor", "BMW", "GM", "Porsche AG"])
    homes = known.makers["home"].to_dict()
    fig = charts.fx_betas({"weekly": table}, homes, case="", **LOOK).figure
    assert f"{table.at['BMW', 'beta_fx']:+.2f}".replace("-", "−") in list(words(fig))


def test_path_title_names_the_farthest_mover_and_whether_its_band_covers_where_it_was(
    paths: dict[str, pd.DataFrame],
) -> None:
    fig = charts.beta_path(paths, HOMES, **EVENT, case="", **LOOK).figure
    assert title(fig) == (
        "Since the duty Toyota's beta went from 0.80 to 0.20, the farthest of 2; "
        "its band at the end, −0.10 to 0.50, no longer covers where it was"
    )
    wide = {name: path.assign(high=path["beta"] + 1) for name, path in paths.items()}
    assert "still covers" in title(charts.beta_path(wide, HOMES, **EVENT, case="", **LOOK).figure)


def test_path_that_ends_before_the_day_claims_nothing(paths: dict[str, pd.DataFrame]) -> None:
    early = {name: path.loc[:"2025-03-28"] for name, path in paths.items()}
    fig = charts.beta_path(early, HOMES, **EVENT, case="", **LOOK).figure
    assert title(fig) == "The data end before the duty, so no beta can be followed past it"


# Disclosed ----------------------------------------------------------------------------------------


def test_makers_below_their_disclosure_are_named_and_those_without_a_share_left_out(
    compared: pd.DataFrame,
) -> None:
    fig = charts.disclosed_vs_estimated(compared, HOMES, case="", **LOOK).figure
    assert title(fig) == "Of 2 makers that disclose, the shares of 1 move less than disclosed: Kia"
    assert "Mazda" not in said(fig)
    none = charts.disclosed_vs_estimated(compared.assign(looks_hedged=False), HOMES, case="", **LOOK).figure
    assert title(none) == "Of 2 makers that disclose, the shares of none move less than disclosed"


def test_what_an_analyst_says_is_not_called_disclosed(compared: pd.DataFrame) -> None:
    guessed = compared.assign(basis=["disclosed", "estimated by an analyst", "disclosed"])
    fig = charts.disclosed_vs_estimated(guessed, HOMES, case="", **LOOK).figure
    assert title(fig) == "Of 1 makers that disclose, the shares of none move less than disclosed"
    assert "the company discloses none: Kia" in said(fig) and "less than estimated" in said(fig)
    assert "Hollow" not in said(charts.disclosed_vs_estimated(compared, HOMES, case="", **LOOK).figure)


def test_a_line_that_goes_on_ends_in_an_arrow(compared: pd.DataFrame) -> None:
    ax = charts.disclosed_vs_estimated(compared, HOMES, case="", **LOOK).figure.axes[0]
    heads = [(line.get_marker(), *line.get_xydata()[0]) for line in ax.lines if line.get_marker() in "<>"]
    edge = ax.get_xlim()[1]
    assert heads == [(">", edge, pytest.approx(0 - 0.17))]  # Kia, on top, by profit 40
    assert edge < 10


def test_a_negative_beta_is_not_read_as_a_hedge(compared: pd.DataFrame) -> None:
    warning = "not from hedges"
    assert warning not in said(charts.disclosed_vs_estimated(compared, HOMES, case="", **LOOK).figure)
    falling = compared.assign(beta_fx=compared["beta_fx"] - 2)
    assert warning in said(charts.disclosed_vs_estimated(falling, HOMES, case="", **LOOK).figure)


# The move that pays -------------------------------------------------------------------------------


def test_headline_is_about_disclosed_sensitivities(pays: pd.DataFrame) -> None:
    """Kia's 2% is nearer, but rests on a beta."""
    fig = draw_move(pays)
    assert title(fig) == (
        "For none of 1 makers that disclose does the currency pay the tariff; nearest is Toyota's, "
        "5.0% weaker than before the tariff, "
        "and 10.0% weaker would pay"
    )
    assert "Hollow, sensitivity estimated from the share, not disclosed: Kia" in said(fig)
    assert "Hollow" not in said(draw_move(pays.loc[["Toyota"]]))
    assert "Sensitivity older than 24 months: Kia (said 2024-05)" in said(fig)


def test_a_currency_that_stands_beyond_the_move_pays(pays: pd.DataFrame) -> None:
    fig = draw_move(pays, TODAY | {"JPY": 165.1})
    assert (
        title(fig) == "For 1 of 1 makers that disclose the currency stands where it pays the tariff: Toyota"
    )
    strong = title(draw_move(pays, TODAY | {"JPY": 144.0}))
    assert "4.0% stronger than before the tariff" in strong


def test_today_is_marked_where_the_currency_stands(pays: pd.DataFrame) -> None:
    ax = draw_move(pays).axes[0]
    bars = next(lines for lines in ax.collections if len(getattr(lines, "get_segments", list)()) == 2
                and lines.get_linewidth()[0] > 1)  # fmt: skip
    places = {round(segment[:, 1].mean()): segment[0, 0] for segment in bars.get_segments()}
    assert places == {0: pytest.approx(1330 / 1400 - 1), 1: pytest.approx(157.5 / 150 - 1)}


def test_makers_without_a_move_are_named_with_the_reason(pays: pd.DataFrame) -> None:
    note = said(draw_move(pays))
    assert "the share falls when the home currency weakens: BMW" in note and "owes nothing: Mazda" in note
    assert title(draw_move(pays.loc[["BMW", "Mazda"]])) == "No bill that a move of a currency would pay"


def test_an_endless_range_is_cut_at_the_edge(pays: pd.DataFrame) -> None:
    ax = draw_move(pays).axes[0]
    assert np.isfinite(ax.get_xlim()).all()
    assert [line.get_marker() for line in ax.lines if line.get_marker() in "<>"] == [">"]


def test_real_moves_are_drawn(known: Facts, law: Policy, before: Policy) -> None:
    rows = currency.offset(case(law, before, data=known))
    fig = charts.paying_move(rows, known.makers["home"].to_dict(), case="", **LOOK).figure
    assert f"{rows.at['Toyota', 'ahead_rate_needed']:.2f}" in list(words(fig))
    assert "157.25" in list(words(fig))  # as fixed: not rounded to even


# Duty and exchange rate, in a table ---------------------------------------------------------------


def test_corners_are_shares_of_the_profit_before(corners: pd.DataFrame) -> None:
    fig = draw_grid(corners)
    assert title(fig) == (
        "Duty and currency together leave 88% of the operating profit before, Toyota, the one maker with both"
    )
    note = said(fig)
    assert "no profit before, or no duty on its vehicles: Mazda" in note
    assert "currency: no sensitivity, or reports in dollars: BMW, GM" in note
    marks = [m.get_offsets() for m in fig.axes[0].collections if len(m.get_offsets()) > 1]
    places = {tuple(np.round(point, 2)) for group in marks for point in np.ma.filled(group, np.nan)}
    assert {(0.9, 0), (0.8, 1), (0.88, 1), (1.1, 1), (0.6, 2)} <= places


def test_title_of_several_names_the_ends_and_a_deep_loss_is_cut(corners: pd.DataFrame) -> None:
    worse = corners.loc[["Toyota"]].rename(index={"Toyota": "Mazda"}, level="maker")
    columns = [column for column in worse if "operating" in column]
    worse[columns] = worse[columns].to_numpy() * np.array([[1], [1.2], [-3], [-2.5]])
    fig = draw_grid(pd.concat([corners.loc[["Toyota"]], worse]))
    assert "most is left of Toyota's (88%), least of Mazda's (−220%)" in title(fig)
    assert fig.axes[0].get_xlim()[0] == -0.6 and "−220%" in list(words(fig))


def test_table_without_profits_draws_nothing(corners: pd.DataFrame) -> None:
    assert title(draw_grid(corners.loc[["Mazda"]])) == "No maker whose profit a duty would touch"


def test_real_corners_are_drawn(known: Facts, law: Policy, before: Policy) -> None:
    rows = currency.grid(case(law, before, data=known))
    fig = charts.profit_grid(rows, known.makers["home"].to_dict(), case="", **LOOK).figure
    assert "Toyota" in list(words(fig))


# Duty against exchange rate -----------------------------------------------------------------------


def test_note_says_whose_sensitivity_it_is_and_why_a_line_misses_its_point(
    iso: IsoProfit, known: Facts, law: Policy, before: Policy
) -> None:
    assert "Disclosed for Toyota: 50 bn JPY" in said(draw_iso(iso))
    kia = currency.iso_profit(case(law, before, data=known), "Kia")
    assert "Estimated by an analyst for Kia: 22 bn KRW" in said(draw_iso(kia))
    lifted = dataclasses.replace(iso, curves=iso.curves * 1.01)
    assert "Lines carry what is booked beyond duty on vehicles" in said(draw_iso(lifted))


def test_needed_rate_earns_the_bill_at_todays_duty(iso: IsoProfit) -> None:
    """κ (S − S₀) = B S, with B read back from the last month: κ (S₁ − S₀) − B S₁ is its change of profit."""
    kappa, start, now = iso.profit_per_unit_bn, iso.before[1], iso.path.iloc[-1]
    bill = (kappa * (now["per_usd"] - start) - now["profit_change_bn"]) / now["per_usd"]
    needed, low, high = (kappa * start / (kappa - share * bill) for share in (1.0, 0.8, 1.2))
    found = re.search(r"before with ([\d.]+) JPY per dollar \(([\d.]+) to ([\d.]+)\)", title(draw_iso(iso)))
    assert found
    np.testing.assert_allclose([float(text) for text in found.groups()], [needed, low, high], atol=0.02)


def test_band_closes_where_the_bill_is_sure_and_opens_where_it_takes_the_position(iso: IsoProfit) -> None:
    needed = re.search(r"with ([\d.]+) JPY per dollar \(([\d.]+) to ([\d.]+)\)", title(draw_iso(iso, (1, 1))))
    assert needed and len(set(needed.groups())) == 1
    assert "to without limit" in title(draw_iso(iso, (0.8, 100.0)))


def test_lines_of_profit_are_labelled_at_their_ends_in_their_order(iso: IsoProfit) -> None:
    for drawn in (iso, dataclasses.replace(iso, curves=iso.curves.assign(today=iso.curves["before"] + 30))):
        ax = draw_iso(drawn).axes[0]
        heights = {text.get_text(): text.get_position()[1] for text in ax.texts if "earns" in text.get_text()}
        above = heights["earns\nas now"] > heights["earns\nas before"]
        assert above == (drawn.curves["today"].iloc[-1] > drawn.curves["before"].iloc[-1])


def test_a_maker_that_loses_by_a_weak_currency_has_no_line(data: Path) -> None:
    table = data / "companies/fx_sensitivity.csv"
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    mine = (rows["company"] == "Mazda") & (rows["selected"] == "true")
    rows.loc[mine, ["effect", "low", "high"]] = ["-0.3", "", ""]
    rows.to_csv(table, index=False)
    mazda = currency.iso_profit(case(data=facts.load(data)), "Mazda")
    fig = draw_iso(mazda)
    assert "no weaker currency gives Mazda the profit it had before" in title(fig)
    assert "earns as before" not in said(fig)


def test_one_month_is_enough(iso: IsoProfit) -> None:
    single = dataclasses.replace(iso, path=iso.path.iloc[[0]])
    assert "Apr 2025 averages" in title(draw_iso(single))
