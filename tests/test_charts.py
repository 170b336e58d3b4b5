"""Every chart draws real results and odd ones, says what its data say, and exports reproducibly."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import IPython.display
import matplotlib
import numpy as np
import pandas as pd
import pytest
from legible import faults
from matplotlib import style
from matplotlib.figure import Figure
from PIL import Image

from tariffmodel import (
    case,
    charts,
    comparison,
    contribution,
    exposure,
    facts,
    net_bill,
    periods,
    policy,
    validation,
)
from tariffmodel.charts import house, spoken
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.tariff.entries import Policy

LOOK = {"source": "a source", "as_of": date(2026, 10, 30)}
ALT = "Bars of something – with a dash."
Draw = Callable[..., Figure]


@pytest.fixture(scope="module")
def bills(known: Facts, law: Policy, before: Policy) -> pd.DataFrame:
    return exposure.table(case(law, before, data=known))


@pytest.fixture(scope="module")
def net(known: Facts, law: Policy, before: Policy) -> pd.DataFrame:
    return net_bill.table(case(law, before, data=known))


@pytest.fixture(scope="module")
def identity(known: Facts) -> pd.DataFrame:
    return facts.identity(known)


@pytest.fixture(scope="module")
def origins(known: Facts, law: Policy, before: Policy) -> pd.DataFrame:
    return exposure.by_origin(case(law, before, "CY2024", data=known), inside=True)


@pytest.fixture(scope="module")
def metrics(known: Facts) -> pd.DataFrame:
    return contribution.metrics(known)


@pytest.fixture(scope="module")
def disclosed(known: Facts, law: Policy, before: Policy) -> tuple[pd.DataFrame, pd.Series]:
    frame = validation.disclosed(case(law, before, data=known))
    rates = [
        facts.fx_rate(known, currency, periods.parse(period), known.as_of)
        for currency, period in zip(frame["currency"], frame["period"], strict=True)
    ]
    return frame, 1 / pd.Series(rates, index=frame.index)


@pytest.fixture(scope="module")
def path(known: Facts, law: Policy) -> pd.DataFrame:
    return exposure.car_rates(case(law, law, "2025-01-01..2026-10-30", data=known))


@pytest.fixture(scope="module")
def change(known: Facts, law: Policy, before: Policy) -> pd.DataFrame:
    bills = comparison.bills(
        case(law, before, data=known), [policy.load("flat-25"), policy.load("eu-netting")]
    )
    return bills.drop(columns=law.name).sub(bills[law.name], axis=0)


@pytest.fixture(scope="module")
def moves(known: Facts, law: Policy, before: Policy) -> pd.DataFrame:
    return exposure.drivers(case(law, before, data=known))


@pytest.fixture(scope="module")
def every(
    known: Facts,
    bills: pd.DataFrame,
    identity: pd.DataFrame,
    origins: pd.DataFrame,
    metrics: pd.DataFrame,
    disclosed: tuple[pd.DataFrame, pd.Series],
    path: pd.DataFrame,
    change: pd.DataFrame,
    moves: pd.DataFrame,
    net: pd.DataFrame,
) -> dict[str, Draw]:
    """Each chart on the bundled data, ready but for its width."""
    return {
        "contribution_bars": lambda **k: (
            charts.contribution_bars(metrics, known.makers, year="CY2024", **LOOK, **k).figure
        ),
        "where_sold_cars_come_from": lambda **k: (
            charts.where_sold_cars_come_from(
                identity, origins, known.makers, year="CY2024", **LOOK, **k
            ).figure
        ),
        "residuals": lambda **k: charts.residuals(identity, year="CY2024", **LOOK, **k).figure,
        "bill_bars": lambda **k: charts.bill_bars(bills, case="a case", **LOOK, **k).figure,
        "burden": lambda **k: charts.burden(bills, case="a case", **LOOK, **k).figure,
        "rate_path": lambda **k: (
            charts.rate_path(path, policy="law", until=date(2026, 10, 30), **LOOK, **k).figure
        ),
        "policy_comparison": lambda **k: (
            charts.policy_comparison(
                {"one": bills, "other": bills.assign(bill_usd=bills["bill_usd"] * 2)},
                case="a case",
                **LOOK,
                **k,
            ).figure
        ),
        "model_vs_disclosed": lambda **k: (
            charts.model_vs_disclosed(*disclosed, known.makers, case="a case", **LOOK, **k).figure
        ),
        "tornado": lambda **k: charts.tornado(moves, case="a case", **LOOK, **k).figure,
        "gains_and_losses": lambda **k: (
            charts.gains_and_losses(change, baseline="law", case="a case", **LOOK, **k).figure
        ),
        "gross_and_net": lambda **k: charts.gross_and_net(net, case="a case", **LOOK, **k).figure,
        "worth_of_one_more": lambda **k: (
            charts.worth_of_one_more(
                change.iloc[:-1] / 1e6, unit="vehicle", case="a case", **LOOK, **k
            ).figure
        ),
    }


NAMES = [
    "contribution_bars", "where_sold_cars_come_from", "residuals", "bill_bars", "burden", "rate_path",
    "policy_comparison", "model_vs_disclosed", "tornado", "gains_and_losses", "worth_of_one_more",
    "gross_and_net",
]  # fmt: skip


def words(fig: Figure) -> Iterator[str]:
    """All texts of a figure, without line breaks."""
    for text in fig.findobj(matplotlib.text.Text):
        yield text.get_text().replace("\n", " ")


def test_a_tornado_has_the_widest_bars_first_and_names_the_first(moves: pd.DataFrame) -> None:
    fig = charts.tornado(moves, case="a case", rows=5, **LOOK).figure
    swing = (moves["rise_usd"] - moves["fall_usd"]).sort_values(ascending=False)
    widths = np.array([bar.get_width() for bar in fig.axes[0].patches]) * 1e9
    np.testing.assert_allclose(widths[5:] - widths[:5], swing.iloc[:5])
    assert fig.get_suptitle().startswith(f"To research next: {swing.index[0][0]}'s")
    still = charts.tornado(moves * 0, case="a case", **LOOK).figure
    assert still.get_suptitle() == "No input is an estimate that moves a bill"


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_legible_at_either_width(every: dict[str, Draw], name: str, width: float) -> None:
    fig = every[name](width_cm=width)
    assert fig.get_figwidth() == pytest.approx(width / 2.54)
    assert faults(fig) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_names_source_and_day(every: dict[str, Draw], name: str) -> None:
    note = next(text for text in words(every[name]()) if "Source: a source" in text)
    assert note.endswith("As of 30 Oct 2026.")


def test_no_chart_touches_global_state(every: dict[str, Draw]) -> None:
    before = dict(matplotlib.rcParams)
    every["bill_bars"]()
    assert dict(matplotlib.rcParams) == before


def test_user_settings_do_not_leak_into_charts(every: dict[str, Draw]) -> None:
    plain = house.render(every["residuals"](), "png", ALT)
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        assert house.render(every["residuals"](), "png", ALT) == plain


# Titles state what the data say -------------------------------------------------------------------


def test_bill_title_names_the_largest_bill_and_the_total_without_parts_of_others(bills: pd.DataFrame) -> None:
    title = charts.bill_bars(bills, case="", **LOOK).figure.get_suptitle().replace("\n", " ")
    total = bills.loc[bills["consolidated_in"].isna(), "bill_usd"].sum() / 1e9
    assert title.startswith(f"{bills['bill_usd'].idxmax()} owes most")
    assert title.endswith(f"USD {total:.1f} bn")


@pytest.mark.parametrize("draw", [charts.bill_bars, charts.burden], ids=["bill", "burden"])
def test_title_changes_with_the_data(bills: pd.DataFrame, draw: Draw) -> None:
    scaled = bills.assign(
        **{
            c: bills[c] * 3
            for c in ("bill_usd", "bill_low_usd", "bill_high_usd", "share_of_operating_profit")
        }
    )
    assert draw(bills, case="", **LOOK).title != draw(scaled, case="", **LOOK).title


def test_savings_are_called_savings(bills: pd.DataFrame) -> None:
    less = bills.copy()
    money = ["bill_usd", "vehicle_duty_usd", "parts_duty_usd", "offset_usd"]
    less[money] = -less[money]
    less[["bill_low_usd", "bill_high_usd"]] = -bills[["bill_high_usd", "bill_low_usd"]].to_numpy()
    title = charts.bill_bars(less, case="", **LOOK).figure.get_suptitle()
    assert "saves most" in title and "owe" not in title


def test_small_bills_are_stated_in_millions(bills: pd.DataFrame) -> None:
    money = [c for c in bills if c.endswith("_usd")]
    small = bills.copy()
    small[money] = small[money] / 1000
    fig = charts.bill_bars(small, case="", **LOOK).figure
    assert f"USD {small['bill_usd'].max() / 1e6:.1f} m" in fig.get_suptitle()
    assert any("USD m" in text for text in words(fig))


def test_comparison_with_disclosures_counts_latest_rows_only(
    known: Facts, disclosed: tuple[pd.DataFrame, pd.Series]
) -> None:
    frame, usd = disclosed
    title = charts.model_vs_disclosed(frame, usd, known.makers, case="", **LOOK).figure.get_suptitle()
    drawn = (frame["latest"] & (frame["judged"] == "amount")).sum()
    assert (
        f"of the {drawn} disclosures" in " ".join(title.split())
        and len(frame) > frame["latest"].sum() > drawn
    )


def test_comparison_names_the_row_that_speaks_for_its_maker(
    known: Facts, disclosed: tuple[pd.DataFrame, pd.Series]
) -> None:
    frame, usd = disclosed
    said = set(words(charts.model_vs_disclosed(frame, usd, known.makers, case="", **LOOK).figure))
    named = set(frame.loc[frame["headline"], "maker"])
    assert named <= said and not (set(frame["maker"]) - named) & said


def test_residuals_of_solved_makers_are_no_test(identity: pd.DataFrame) -> None:
    solved = identity.assign(closes_by_construction=True)
    assert "No gap tests" in charts.residuals(solved, year="CY2024", **LOOK).figure.get_suptitle()


# Odd data -----------------------------------------------------------------------------------------


def test_one_maker_is_enough(
    known: Facts,
    bills: pd.DataFrame,
    identity: pd.DataFrame,
    origins: pd.DataFrame,
    metrics: pd.DataFrame,
    disclosed: tuple[pd.DataFrame, pd.Series],
) -> None:
    one = ["Toyota"]
    frame, usd = disclosed
    titles = [
        charts.contribution_bars(metrics.loc[one], known.makers, year="CY2024", **LOOK).figure,
        charts.where_sold_cars_come_from(
            identity.loc[one], origins, known.makers, year="CY2024", **LOOK
        ).figure,
        charts.residuals(identity.loc[one], year="CY2024", **LOOK).figure,
        charts.bill_bars(bills.loc[one], case="", **LOOK).figure,
        charts.burden(bills.loc[one], case="", **LOOK).figure,
        charts.policy_comparison({"law": bills.loc[one]}, case="", **LOOK).figure,
        charts.model_vs_disclosed(
            frame[frame["maker"] == "Toyota"], usd, known.makers, case="", **LOOK
        ).figure,
    ]
    assert all(fig.get_suptitle() for fig in titles)


def test_bills_of_zero_are_drawn_as_nothing_owed(known: Facts, before: Policy) -> None:
    nothing = exposure.table(case(before, before, data=known))
    assert "No maker owes" in charts.bill_bars(nothing, case="", **LOOK).figure.get_suptitle()
    assert charts.burden(nothing, case="", **LOOK).figure.get_suptitle() == "No maker's profit is touched"
    same = charts.policy_comparison({"a": nothing, "b": nothing}, case="", **LOOK).figure.get_suptitle()
    assert "under every policy" in same.replace("\n", " ")


def test_makers_without_a_share_are_named_and_not_drawn(known: Facts, bills: pd.DataFrame) -> None:
    lossmaking = bills.copy()
    lossmaking.loc["Nissan", "share_of_operating_profit"] = np.nan
    texts = list(words(charts.burden(lossmaking, case="", **LOOK).figure))
    assert "Nissan" not in texts
    assert any("no profit to compare with: Nissan" in text for text in texts)


def test_missing_metrics_are_drawn_as_dashes(known: Facts, metrics: pd.DataFrame) -> None:
    gaps = metrics.copy()
    gaps.loc["Toyota", ["jobs_intensity", "jobs_intensity_low", "jobs_intensity_high"]] = np.nan
    assert "–" in list(words(charts.contribution_bars(gaps, known.makers, year="CY2024", **LOOK).figure))
    unknown = gaps.assign(local_build_share=np.nan)
    assert (
        "No maker"
        in charts.contribution_bars(unknown, known.makers, year="CY2024", **LOOK).figure.get_suptitle()
    )


def test_disclosures_may_be_absent(known: Facts, disclosed: tuple[pd.DataFrame, pd.Series]) -> None:
    frame, usd = disclosed
    assert (
        "No disclosure"
        in charts.model_vs_disclosed(frame[:0], usd, known.makers, case="", **LOOK).figure.get_suptitle()
    )
    zero = frame.assign(model=0.0, model_low=0.0, model_high=0.0)
    assert (
        "No disclosure"
        in charts.model_vs_disclosed(zero, usd, known.makers, case="", **LOOK).figure.get_suptitle()
    )


def test_countries_are_drawn_like_makers(known: Facts) -> None:
    pooled = contribution.metrics(known, level="country")
    assert (
        "home blocs"
        in charts.contribution_bars(pooled, known.makers, year="CY2024", **LOOK).figure.get_suptitle()
    )


# Rates --------------------------------------------------------------------------------------------


def test_car_rates_follow_the_law(path: pd.DataFrame) -> None:
    def on(day: str) -> pd.Series:
        return path.loc[:day].iloc[-1]

    assert on("2025-01-15")["JP"] == pytest.approx(0.025)
    assert on("2025-04-03")["JP"] == pytest.approx(0.275)
    assert on("2025-09-16")["JP"] == pytest.approx(0.15)
    assert on("2025-07-31")["EU"] == pytest.approx(0.275)
    assert on("2025-08-01")["EU"] == pytest.approx(0.15)
    assert on("2025-06-30")["GB"] == pytest.approx(0.10)  # inside the quota
    assert 0 < on("2026-01-01")["MX"] < 0.275  # US content is not charged


def test_relief_shows_at_the_average_maker(known: Facts, law: Policy, path: pd.DataFrame) -> None:
    reform = policy.load("japan-flexible-linear-country")
    relieved = exposure.car_rates(case(reform, reform, "2025-01-01..2026-10-30", data=known))
    assert relieved["JP"].iloc[-1] != pytest.approx(path["JP"].iloc[-1])
    pd.testing.assert_series_equal(relieved["EU"].groupby(level=0).last(), path["EU"], check_freq=False)


# Style and export ---------------------------------------------------------------------------------


def test_style_loads_by_its_dotted_name() -> None:
    with style.context("tariffmodel.house"):
        assert matplotlib.rcParams["figure.figsize"][0] == pytest.approx(9 / 2.54, abs=0.01)
        assert matplotlib.rcParams["svg.hashsalt"]


def test_letters_that_the_font_lacks_come_from_an_installed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # stands for Japanese where no such font is installed: matplotlib brings STIX, and DejaVu has no ℊ
    monkeypatch.setattr(spoken, "_ASIAN", ("No Such Font", "STIXGeneral"))
    draw = house.in_house_style(
        lambda width_cm: house.finish(house.figure("A", "ℊ", [], width_cm, 2), "Nothing")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as for a glyph that is missing
        house.render(draw(9).figure, "svg", ALT)
    monkeypatch.setattr(spoken, "_ASIAN", ())
    with pytest.warns(UserWarning, match="missing from font"):
        draw(9)


@pytest.mark.parametrize(
    ("high", "labels"), [(0.05, ["−2.5%", "0%", "2.5%", "5%"]), (0.4, ["−20%", "0%", "20%", "40%"])]
)
def test_ticks_in_percent_say_where_they_stand(high: float, labels: list[str]) -> None:
    ax = Figure().subplots()
    ax.set_xticks([-high / 2, 0, high / 2, high])
    house.percent_ticks(ax.xaxis)
    assert [label.get_text() for label in ax.get_xticklabels()] == labels


def test_a_minus_is_no_hyphen_and_a_date_keeps_its_own() -> None:
    assert house.true_minus("-5% on 2026-08-20, days -1 to 2, current-law (-3)") == (
        "−5% on 2026-08-20, days −1 to 2, current-law (−3)"
    )


def test_colors_are_told_apart_without_hue() -> None:
    """Homes differ in lightness or in blueness, which all common kinds of colour vision keep."""
    rgb = np.array([matplotlib.colors.to_rgb(color) for color in charts.HOME_COLOR.values()])
    kept = np.column_stack([rgb @ [0.3, 0.59, 0.11], rgb[:, 2]])
    distance = np.abs(kept[:, None] - kept[None]).max(axis=-1) + np.eye(len(rgb))
    assert distance.min() > 0.1


@pytest.fixture(scope="module")
def chart(bills: pd.DataFrame) -> charts.Chart:
    drawn = charts.bill_bars(bills, case="a case", **LOOK, width_cm=charts.PAGE_CM)
    return dataclasses.replace(drawn, alt=ALT)


def test_export_writes_png_svg_and_data_the_same_each_time(
    chart: charts.Chart, bills: pd.DataFrame, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        charts.export(chart, "bill", bills, folder)
    files = [
        sorted(path.relative_to(folder / "charts").as_posix() for path in folder.glob("charts/**/*.*"))
        for folder in folders
    ]
    column = [f"9cm/bill.{kind}" for kind in ("pdf", "png", "svg")]
    page = [f"bill.{kind}" for kind in ("csv", "json", "pdf", "png", "svg")]
    assert files == [["16x9/bill.png", *column, *page]] * 2
    with Image.open(folders[0] / "charts" / "16x9" / "bill.png") as image:
        assert image.width / image.height == pytest.approx(16 / 9, rel=0.01)
        assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    for name in files[0]:
        one, two = ((folder / "charts" / name).read_bytes() for folder in folders)
        assert one == two, name
    svg = (folders[0] / "charts" / "bill.svg").read_text(encoding="utf-8")
    assert ALT in svg and "<dc:date>" not in svg
    for name, width in (("bill.png", charts.PAGE_CM), ("9cm/bill.png", charts.COLUMN_CM)):
        with Image.open(folders[0] / "charts" / name) as image:
            assert image.width == pytest.approx(width / 2.54 * 300, abs=1)
            assert image.info["Description"] == ALT
    data = pd.read_csv(folders[0] / "charts" / "bill.csv", index_col="maker")
    np.testing.assert_allclose(data["bill_usd"], bills["bill_usd"], rtol=1e-9)


@pytest.mark.parametrize("folder", ["", None])
def test_without_a_folder_nothing_is_written(
    chart: charts.Chart,
    bills: pd.DataFrame,
    folder: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    charts.export(chart, "bill", bills, folder)
    charts.export_table(bills[["bill_usd"]], "bill", folder, as_of=date(2026, 10, 30), title="Bills")
    assert list(tmp_path.iterdir()) == []


def test_a_chart_needs_words(chart: charts.Chart, bills: pd.DataFrame, tmp_path: Path) -> None:
    mute = dataclasses.replace(chart, alt=" ")
    with pytest.raises(ValueError, match="alt is empty"):
        charts.export(mute, "bill", bills, tmp_path)
    with pytest.raises(ValueError, match="alt is empty"):
        charts.show(mute)


def test_words_say_what_is_drawn_of_what_and_the_finding(bills: pd.DataFrame) -> None:
    drawn = charts.bill_bars(bills, case="a case", **LOOK)
    assert drawn.alt.startswith("Horizontal bars, one per maker. Duty owed, gross of mitigation, USD bn")
    assert "a case" in drawn.alt and drawn.alt.endswith(f"{drawn.title}.") and "\n" not in drawn.alt


def test_notebook_image_keeps_its_words_and_printed_proportion(
    chart: charts.Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[IPython.display.Image] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    charts.show(chart, "02_bill")
    (image,) = shown
    assert image.alt == ALT and image.metadata["chart"] == "02_bill"
    assert image.width == round(charts.PAGE_CM / 2.54 * 96 * charts.SCREEN_SCALE)


def test_tables_travel_with_title_and_units(tmp_path: Path) -> None:
    frame = pd.DataFrame({"bill_usd": [0.1 + 0.2, np.nan]}, index=pd.Index(["Toyota", "Škoda"], name="maker"))
    charts.export_table(frame, "bill", tmp_path, as_of=date(2026, 10, 30), title="Bills")
    assert (tmp_path / "tables" / "bill.csv").read_bytes().decode() == "maker,bill_usd\nToyota,0.3\nŠkoda,\n"
    about = json.loads((tmp_path / "tables" / "bill.json").read_text(encoding="utf-8"))
    units, headings = {"bill_usd": "usd"}, {"maker": "Maker", "bill_usd": "Bill"}
    assert about == {"title": "Bills", "units": units, "headings": headings, "as_of": "2026-10-30"}
    with pytest.raises(DataError, match="no row in columns.csv for column 'bil_usd'"):
        charts.export_table(
            frame.set_axis(["bil_usd"], axis=1), "bill", tmp_path, as_of=date(2026, 10, 30), title="Bills"
        )


def test_matrix_of_policies_names_the_largest_gain_and_loss(change: pd.DataFrame) -> None:
    title = charts.gains_and_losses(change, baseline="law", case="x", **LOOK).figure.get_suptitle()
    makers = change.iloc[:-1]
    for extreme, word in ((makers.stack().idxmin(), "gains most"), (makers.stack().idxmax(), "loses most")):
        assert f"{extreme[0]} {word}" in title.replace("\n", " ") and extreme[1] in title
    nothing = charts.gains_and_losses(0 * change, baseline="law", case="x", **LOOK).figure.get_suptitle()
    assert nothing == "No policy changes any bill against law"


def test_figure_whose_sign_the_inputs_leave_open_stands_in_brackets() -> None:
    one = pd.DataFrame({"p": [-2e8, 2e8, 0.0]}, index=["Toyota", "Honda", "US Treasury"])
    unsure = pd.DataFrame({"p": [True, True]}, index=["Toyota", "US Treasury"])
    said = list(words(charts.gains_and_losses(one, unsure, baseline="law", case="x", **LOOK).figure))
    assert {"(−200)", "+200", "·"} <= set(said) and any(text.startswith("In brackets") for text in said)
    said = list(words(charts.gains_and_losses(one, baseline="law", case="x", **LOOK).figure))
    assert "−200" in said and not any("In brackets" in text for text in said)


def test_matrix_is_blue_where_the_bill_falls_and_orange_where_it_rises(change: pd.DataFrame) -> None:
    one = pd.DataFrame({"p": [-2e8, 2e8, 0.0]}, index=["Toyota", "Honda", "US Treasury"])
    for fig in (
        charts.gains_and_losses(one, baseline="law", case="x", **LOOK).figure,
        charts.worth_of_one_more(-one, unit="vehicle", case="x", **LOOK).figure,
    ):
        falls, rises, none = fig.axes[0].images[0].get_array()[:, 0, :3]
        assert falls[2] > falls[0] and rises[0] > rises[2] and np.allclose(none, 1, atol=0.01)
