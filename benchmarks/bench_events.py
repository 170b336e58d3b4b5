"""How fast is the event study? `make bench`. Figures are printed, never asserted.

The two registry packages run only where they are installed; each must first agree with us under its
own conventions. ``extra_info`` holds microseconds for each firm-event.
"""

from __future__ import annotations

import resource

import numpy as np
import pandas as pd
import pytest

from tariffmodel import event_tests, events, facts, market, placebo

NAMES = [name for name, test in event_tests.TESTS.items() if test.law != "draws"]
WINDOW = (-1, 1)


def panel(firms: int, days: int) -> tuple[pd.DataFrame, pd.Series]:
    random = np.random.default_rng(0)
    index = pd.bdate_range("2010-01-01", periods=days, name="date")
    benchmark = pd.Series(random.normal(0, 0.01, days), index=index, name="market")
    own = random.normal(0, 0.02, (days, firms))
    beta = random.uniform(0.5, 1.5, firms)
    returns = pd.DataFrame(own + np.outer(benchmark, beta), index, [f"F{i}" for i in range(firms)])
    return returns, benchmark


def common_events(returns: pd.DataFrame, count: int, first: int = 300) -> pd.DataFrame:
    days = returns.index[np.linspace(first, len(returns) - 30, count).astype(int)]
    return pd.DataFrame(
        {
            "event": np.repeat(days.strftime("%Y-%m-%d"), returns.shape[1]),
            "firm": np.tile(returns.columns, count),
            "date": np.repeat(days, returns.shape[1]),
        }
    )


def per_row(benchmark, rows: int) -> None:
    if benchmark.stats:  # none with --benchmark-disable
        benchmark.extra_info["us_per_firm_event"] = round(1e6 * benchmark.stats.stats.mean / rows, 1)


def test_thousand_firms_hundred_events_all_tests(benchmark):
    """Estimation, and every parametric, rank and sign test of one window."""
    returns, index = panel(1000, 2600)
    asked = common_events(returns, 100)

    def run():
        study = events.study(returns, asked, market=index, estimation=(-260, -11))
        return study, study.tests(WINDOW, NAMES)

    study, tests = benchmark.pedantic(run, rounds=3, warmup_rounds=0)
    assert len(study) == 100_000 and np.isfinite(tests["statistic"]).all()
    per_row(benchmark, len(study))
    benchmark.extra_info["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


def test_thousand_firms_hundred_events_estimation_only(benchmark):
    returns, index = panel(1000, 2600)
    asked = common_events(returns, 100)
    study = benchmark.pedantic(
        events.study, (returns, asked), {"market": index, "estimation": (-260, -11)}, rounds=3
    )
    per_row(benchmark, len(study))


@pytest.fixture(scope="module")
def bundled():
    """The 59 lines of the panel, with gaps and ragged ends, 72 dates, each line's own market index."""
    known = facts.load()
    returns = market.returns(known, kind="simple")
    own = pd.DataFrame({line: returns[market.benchmark(known, line)] for line in returns})
    days = returns.index[np.linspace(280, len(returns) - 150, 72).astype(int)]
    asked = pd.DataFrame(
        [(f"{day:%Y-%m-%d}", line, day) for day in days for line in returns],
        columns=["event", "firm", "date"],
    )
    return returns, asked, own, known.instruments.loc[returns.columns, "exchange_calendar"].to_dict()


def test_bundled_panel_all_tests_and_events(benchmark, bundled):
    returns, asked, own, calendars = bundled

    def run():
        study = events.study(returns, asked, market=own, calendars=calendars)
        return study, study.tests(WINDOW), study.by_event(WINDOW)

    study, *_ = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    per_row(benchmark, len(study))


def test_randomisation_over_400_placebo_days_for_72_events_of_20_makers(benchmark):
    """Both studies, correlations, means and slopes with home effects and GLS, p, power and family."""
    returns, index = panel(20, 900)
    homes = pd.Series(np.repeat(["JP", "KR", "EU", "US"], 5), returns.columns)
    asked, others = common_events(returns, 72), common_events(returns, 400)
    labels = pd.Index(asked["event"].unique())
    size = np.random.default_rng(0).normal(0, 0.02, (len(labels), 20))
    delta = pd.DataFrame(np.where(size > 0.01, size, 0.0), labels, returns.columns)
    full = pd.Series(-3.0, labels)

    def run():
        event, quiet = (
            events.study(returns, days, market=index, estimation=(-250, -11), window=(0, 1))
            for days in (asked, others)
        )
        found = placebo.randomised(placebo.reference(event, quiet, (0, 1)), delta, homes)
        every = np.ones(len(labels), dtype=bool)
        return [
            (one.p, one.power(full), one.minimum_detectable(), one.held_out_size(), one.stepdown(every))
            for one in found.values()
        ]

    tables = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    assert all(part.notna().all() for part in tables[1])
    per_row(benchmark, 72 * 400 * 20)


def test_package_eventstudy(benchmark, tmp_path):
    """Eventstudy 0.1a12: market model and t of the mean; we agree with σ² over T.

    One of the hundred events above. It tests nothing else, so the like of it is `estimation_only`.
    """
    other = pytest.importorskip("eventstudy", reason="make peers, to compare with it")
    returns, index = panel(1000, 2600)
    asked = common_events(returns, 100).iloc[:1000]
    ours = events.study(returns, asked, market=index, estimation=(-250, -11))
    returns.join(index).to_csv(tmp_path / "returns.csv")
    other.Single.import_returns(str(tmp_path / "returns.csv"))
    wanted = [
        {"event_date": day.to_datetime64(), "security_ticker": firm, "market_ticker": "market"}
        for firm, day in zip(asked["firm"], asked["date"], strict=True)
    ]

    def run():
        return other.Multiple.from_list(
            wanted, other.Single.market_model, (-10, 10), 240, 0, ignore_errors=False
        )

    theirs = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    assert np.allclose(theirs.AAR, ours.aar["mean"])
    t = ours.tests(which="brown_warner")["statistic"].item()
    assert theirs.tstat[-1] == pytest.approx(t * np.sqrt(240 / 238))
    per_row(benchmark, len(wanted))


def test_package_event_study_toolkit(benchmark):
    """event-study-toolkit 1.0.0 on the data it ships: market model, t, Patell and sign tests."""
    toolkit = pytest.importorskip("event_study_toolkit.eventstudy", reason="make peers, to compare with it")
    data, asked = toolkit.open_example_data(), toolkit.open_example_events()

    def run():
        study = toolkit.eventstudy(
            estperiod=110, gap=50, start=-5, end=5, data=data, events=asked, unique_id="subject_id",
            groups=["CCAR"],
        )  # fmt: skip
        return study, study.getFullSampleTestStatistic("market").iloc[0]

    study, theirs = benchmark.pedantic(run, rounds=1)
    sessions = study.cal["EVT_DATE"]  # two of its estimation days have no data
    sessions = sessions[sessions.between(data["date"].min(), data["date"].max())].to_numpy()
    returns = data.pivot(index="date", columns="subject_id", values="ret_dlst_adj").reindex(sessions)
    index = data.drop_duplicates("date").set_index("date")["vwretd"].reindex(sessions)
    ours = events.study(
        returns,
        asked.rename(columns={"subject_id": "firm", "EVT_DATE": "date"}),
        market=index,
        estimation=(-165, -56),
        window=(-5, 5),
    )
    cars = study.getCARS("market").drop_duplicates("subject_id").set_index("subject_id")["car"]
    assert np.allclose(ours.car()["car"].droplevel("event").sort_index(), cars.sort_index())
    tests = ours.tests(car_variance="simple")["statistic"]
    df = ours.car()["df"]
    tests["patell"] *= np.sqrt((df / (df - 2)).mean())  # theirs takes 1 for the variance of Student's t
    for name, value in (("cross_sectional", theirs["car_t"]), ("patell", theirs["tpatell"]),
                        ("generalised_sign", theirs["gen_z"]), ("sign", theirs["tsign"])):  # fmt: skip
        assert tests[name] == pytest.approx(value), name
    per_row(benchmark, len(cars))
