"""Trees are drawn as their probabilities say, on any number of workers alike, and faults are named."""

from __future__ import annotations

import copy
import os
import signal
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from legible import faults_at_both_widths

from tariffmodel import case, charts, exposure, facts, net_bill, policy, scenarios, ticket
from tariffmodel.charts.events import id_title
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.response import equilibrium
from tariffmodel.scenarios import bills, draws, engine, hedges, net
from tariffmodel.tariff import duty, goods

MORNING = {
    "name": "two",
    "from": date(2027, 1, 1),
    "to": date(2027, 12, 31),
    "outcome": [
        {
            "id": "law",
            "title": "law",
            "probability": 0.7,
            "source": "a test",
            "step": [{"policy": "current-law"}],
        },
        {
            "id": "flat",
            "title": "flat",
            "probability": 0.3,
            "source": "a test",
            "step": [{"policy": "flat-25"}],
        },
    ],
}


BY_MONTH = {"first": date(2027, 3, 1), "last": date(2027, 9, 1), "hazard": 0.1}


def two(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(MORNING), **changes}


def still(array: np.ndarray) -> np.ndarray:
    """Every run as the central one."""
    return np.repeat(array[:1], len(array), axis=0)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No input has a range."""
    real = engine.entered
    names = ("units", "value_usd", "qualifying", "us_content", "borne", "production", "uptake")
    names += ("assembled_msrp_usd", "assembled_engines_usd")

    def entered(*args: Any, **more: Any) -> goods.Goods:
        found = real(*args, **more)
        return replace(found, **{name: still(getattr(found, name)) for name in names})

    monkeypatch.setattr(engine, "entered", entered)


@pytest.fixture(scope="module")
def june(known: facts.Facts) -> engine.Study:
    return engine.prepare(scenarios.load("june-2025-proposal"), known)


@pytest.fixture(scope="module")
def threats(known: facts.Facts) -> scenarios.Result:
    return scenarios.run("canada-and-deals", known, draws=2000)


@pytest.fixture(scope="module")
def left(known: facts.Facts, threats: scenarios.Result) -> engine.Measure:
    """Net bills of the tree, ready to be drawn."""
    return net.book(threats.study, threats.scenario, known, "prices")


# Trees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", scenarios.names())
def test_bundled_trees_say_where_each_probability_is_from(name):
    known = scenarios.load(name)
    assert abs(sum(branch.probability for branch in known.branches()) - 1) < 1e-12
    leaves = known.outcomes()
    assert (leaves["source_title"] != "").all() and leaves["quality"].eq("assumption").all()


def test_a_leaf_has_the_product_of_the_probabilities_above_it_and_their_steps():
    leaves = scenarios.load("canada-and-deals").outcomes()
    assert leaves.loc["canada-settles", "probability"] == pytest.approx(0.2 * 0.6)
    assert leaves.loc["canada-settles", "path"].startswith(
        "current-law; canada-50-from-2027 from 2027-01-01; "
    )


def test_a_day_drawn_by_month_is_geometric_and_cut_off():
    days = scenarios.When(first="2026-11-01", last="2027-02-01", hazard=0.25).days
    assert [day for day, _ in days] == [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
        date(2027, 2, 1),
    ]
    odds = [weight for _, weight in days]
    assert sum(odds) == pytest.approx(1) and odds[1] / odds[0] == pytest.approx(0.75)


def step(start: object, name: str = "flat-25") -> list[dict[str, object]]:
    return [{"policy": "current-law"}, {"policy": name, "from": start}]


def with_first(**changes: Any) -> dict[str, Any]:
    document = two()
    document["outcome"][0] |= changes
    return document


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (with_first(probability=0.6), "law, flat sum to 0.9; they must sum to 1"),
        (with_first(step=step(date(2026, 12, 1))), r"step 1 \(flat-25, from 2026-12-01\) overlaps"),
        (with_first(step=step(date(2028, 6, 1))), "after 'to'"),
        (
            with_first(step=[*step(BY_MONTH), *step(date(2027, 6, 1))[1:]]),
            "may begin as late as 2027-09-01",
        ),
        (with_first(step=step(date(2027, 3, 1), "flat-52")), "no policy 'flat-52'; choose from .*flat-25"),
        (with_first(life_years=0), r"outcome.law.life_years: .*greater than 0 \(got 0\)"),
        (with_first(life_years=-2), "outcome.law.life_years"),
        (with_first(probabilty=0.7), "outcome.law.probabilty: unknown key"),
        (with_first(step=step({"dates": [date(2027, 3, 1)], "weights": [0.5]})), "weights that sum to 0.5"),
        (two(correlation=[{"between": ["JPY", "EUR"], "value": 0.5}]), r"no \[fx.EUR\]; add it"),
        (two(to=date(2026, 1, 1)), "is not after 'from'"),
    ],
)  # fmt: skip
def test_a_fault_of_a_file_is_named_with_key_and_remedy(document, said):
    with pytest.raises(DataError, match=said) as error:
        scenarios.load(document)
    assert str(error.value).startswith("two: ")


def test_a_path_that_is_none_and_other_probabilities_are_refused(tmp_path):
    with pytest.raises(DataError, match="choose from canada-and-deals"):
        scenarios.load("canada")
    (tmp_path / "broken.toml").write_text("title = ")
    with pytest.raises(DataError, match=r"broken.toml: not readable as TOML"):
        scenarios.load(tmp_path / "broken.toml")
    with pytest.raises(DataError, match="no outcome 'war'"):
        scenarios.load(two()).with_probabilities({"war": 1.0})
    with pytest.raises(DataError, match="sum to 1.3"):
        scenarios.load(two()).with_probabilities({"law": 1.0})


def test_correlations_that_contradict_each_other_are_refused_by_name(known):
    fx = {unit: {"vol": 0.1, "source": "a test"} for unit in ("EUR", "JPY", "KRW")}
    pairs = [("EUR", "JPY", 0.9), ("JPY", "KRW", 0.9), ("EUR", "KRW", -0.9)]
    document = two(fx=fx, correlation=[{"between": [a, b], "value": v} for a, b, v in pairs])
    with pytest.raises(DataError, match="not positive definite .* contradict the others most"):
        draws.spec(scenarios.load(document), known, ["msrp"], ["Toyota"])
    document = with_first(fx_jump={"JPY": 0.1})
    with pytest.raises(DataError, match=r"outcome.law.fx_jump names JPY, which has no \[fx.JPY\]"):
        engine.prepare(scenarios.load(document), known)


# Bills --------------------------------------------------------------------------------------------


def drawn_units(plain: goods.Goods, drawn: draws.Drawn, some: int) -> np.ndarray:
    """Vehicles in the first draws (some, S, F): every input that moves them at its quantile."""
    central = plain.units[0]
    out = np.repeat(central[None], some, axis=0)
    for kind in range(len(goods.INPUTS)):
        low, high = plain.units[1 + 2 * kind : 3 + 2 * kind]
        span, flow = np.nonzero((low != high) & (central > 0))
        ends = [end[span, flow] / central[span, flow] for end in (low, high)]
        curves = draws.Curves.of((1 - ends[0]) / (ends[1] - ends[0]), "triangular")
        position = drawn.position[kind, plain.owner[flow], :some]
        out[:, span, flow] *= (ends[0][:, None] + (ends[1] - ends[0])[:, None] * curves.at(position)).T
    return out


def as_runs(made: bills.Plan, plain: goods.Goods, drawn: draws.Drawn, some: int) -> goods.Goods:
    """A second way to each draw: the goods with as many runs as draws."""
    quantiles = made.curves.at(drawn.position[made.kind, made.maker])
    cells = made.cells

    def runs(rows: np.ndarray) -> np.ndarray:
        return np.moveaxis(rows[..., :some], -1, 0)

    def share(level) -> np.ndarray:
        curve = level.curve[cells.of]
        return runs(np.where((curve >= 0)[..., None], quantiles[curve], 0.0)) * level.width + level.low

    return replace(
        plain,
        units=drawn_units(plain, drawn, some),
        value_usd=runs(cells.value.at(quantiles)[cells.of]) * cells.central_usd,
        borne=runs(cells.borne.at(quantiles)[cells.of]),
        qualifying=share(cells.qualifying),
        us_content=share(cells.us_content),
        **{name: runs(factors.at(quantiles)[of]) for name, (of, factors) in made.earning.items()},
    )


def test_contracted_bills_are_those_of_duty_on_the_same_goods(known, june):
    """`duty.bill` on goods with as many runs as draws."""
    made, drawn, some = june.plan, draws.block(june.spec, 5, 3, 60), 5
    asked = scenarios.load("june-2025-proposal")
    numbers = [k for k, b in enumerate(june.branches) if b.outcome in ("levy-stays", "threat")] + [1, 12]
    paths, against = engine._law(asked, known, [june.branches[k] for k in numbers])
    every, _ = engine._law(asked, known, june.branches)
    plain = goods.entered(known, asked.period, [*every, against], {date(y, 1, 1) for y in range(2025, 2030)})
    here, found = as_runs(made, plain, drawn, some), bills.attributable(made, drawn)
    for number, one in zip(numbers, paths, strict=True):
        there = duty.bill(known, one, here).total - duty.bill(known, against, here).total
        np.testing.assert_allclose(found[number][..., :some].sum(axis=0).T, there, rtol=1e-9, atol=1e-3)


def test_a_quota_is_filled_by_the_volumes_of_each_draw(known, law, before):
    """British volumes raised until the quota binds in some quarters and draws, and not in others."""
    asked, some = case(law, before, "CY2027", data=known), 30
    british = np.where(asked.goods.flows.origin == "GB", 1.3, 1.0)
    more = {name: getattr(asked.goods, name) * british for name in ("units", "value_usd")}
    plain = replace(asked.goods, **more)
    made = bills.plan(known, [law], before, plain, [asked.period], "triangular")
    spec = draws.spec(scenarios.load("canada-and-deals"), known, list(goods.INPUTS), made.makers)
    drawn = draws.block(spec, 1, 0, some)
    change = made.quotas.change(made.curves.at(drawn.position[made.kind, made.maker]))
    assert (change > 0.02).any() and (change < -0.02).any()
    here = as_runs(made, plain, drawn, some)
    there = duty.bill(known, law, here).total - duty.bill(known, before, here).total
    np.testing.assert_allclose(bills.attributable(made, drawn)[0, 0].T, there, rtol=1e-9, atol=1e-3)


def test_a_tree_of_one_leaf_without_ranges_is_the_table_of_exposure(known, fixed):
    document = two()
    document["outcome"] = [document["outcome"][0] | {"probability": 1.0}]
    found = scenarios.run(scenarios.load(document), known, draws=100).summary()
    table = exposure.table(case("current-law", period="CY2027", data=known))["bill_usd"]
    np.testing.assert_allclose(found.loc[table.index, "mean_usd"], table, rtol=1e-9, atol=1e-2)
    np.testing.assert_allclose(found["sd_usd"], 0, atol=1.0)
    whole = known.makers["consolidated_in"].isna()
    assert found.loc["ALL", "mean_usd"] == pytest.approx(table[whole.reindex(table.index)].sum())


def test_two_outcomes_of_fixed_bills_are_a_bernoulli_variable(known, fixed):
    drawn = scenarios.run(scenarios.load(two()), known, draws=100)
    found = drawn.summary().loc["Toyota"]
    low, high = drawn.by_outcome()["mean_usd"].unstack("outcome").loc["Toyota", ["law", "flat"]]
    assert found["mean_usd"] == pytest.approx(0.7 * low + 0.3 * high)
    assert found["sd_usd"] == pytest.approx(np.sqrt(0.7 * 0.3) * (high - low))
    assert found["outcome_share"] == pytest.approx(1)
    np.testing.assert_allclose(
        found[["low_usd", "median_usd", "high_usd", "shortfall_usd"]], [low, low, high, high]
    )
    assert drawn.exceeding((low + high) / 2)["Toyota"] == pytest.approx(0.3)


def test_a_joined_path_costs_each_law_on_its_days(known, law, before):
    flat, day = policy.load("flat-25"), date(2026, 7, 1)
    path = scenarios.joined([(law, date(2026, 1, 1)), (flat, day)])

    def owed(one: policy.Policy, period: str) -> np.ndarray:
        return duty.bill(known, one, goods.entered(known, period, [one])).total[0]

    np.testing.assert_allclose(owed(path, "2026H1"), owed(law, "2026H1"))
    np.testing.assert_allclose(owed(path, "2026H2"), owed(flat, "2026H2"))


def test_credits_and_a_figure_that_is_no_number_are_refused(known):
    document = two()
    document["outcome"][0]["step"] = [{"policy": "japan-export-credit"}]
    with pytest.raises(DataError, match="japan-export-credit grants volume credits"):
        engine.prepare(scenarios.load(document), known)
    entered = goods.entered(known, "2027Q1", [policy.load("mfn-only")])
    spoilt = entered.value_usd.copy()
    spoilt[6, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"value_usd of Toyota .* is no number \(customs value"):
        bills.plan(known, [], policy.load("mfn-only"), replace(entered, value_usd=spoilt), [], "triangular")


# Draws --------------------------------------------------------------------------------------------


def test_quantiles_of_inputs_are_those_of_their_distributions():
    at = np.linspace(0.001, 0.999, 333)[None]
    from scipy import stats

    for mode in (0.0, 0.3, 1.0):
        for shape, there in (
            ("triangular", stats.triang(mode)),
            ("pert", stats.beta(1 + 4 * mode, 5 - 4 * mode)),
        ):
            curve = draws.Curves.of(np.array([mode]), shape)
            np.testing.assert_allclose(curve.at(at)[0], there.ppf(at[0]), atol=2e-5)


def test_makers_share_as_much_of_an_error_as_the_facts_say(june):
    from scipy import special

    position = np.concatenate([draws.block(june.spec, 1, k).position for k in range(8)], axis=-1)
    normal = special.ndtri(position[:, :2])  # Toyota and Honda, both of Japan
    found = [np.corrcoef(one)[0, 1] for one in normal]
    np.testing.assert_allclose(found, june.spec.loading**2, atol=0.06)


def test_one_linear_input_has_its_closed_form_quantile(known, monkeypatch):
    """Customs values alone are unsure: of a maker without plants the bill is linear in them."""
    real = engine.entered

    def entered(*args: Any, **more: Any) -> goods.Goods:
        found = real(*args, **more)
        value = still(found.value_usd)
        ends = 1 + 2 * list(goods.INPUTS).index("customs_value")
        value[ends], value[ends + 1] = 0.8 * value[0], 1.5 * value[0]
        names = ("qualifying", "us_content", "borne", "production", "uptake", "assembled_msrp_usd")
        return replace(found, value_usd=value, **{name: still(getattr(found, name)) for name in names})

    monkeypatch.setattr(engine, "entered", entered)
    document = two()
    document["outcome"] = [document["outcome"][0] | {"probability": 1.0}]
    found = scenarios.run(scenarios.load(document), known, draws=20_000).summary().loc["Ferrari"]
    base = exposure.table(case("current-law", period="CY2027", data=known)).at["Ferrari", "bill_usd"]
    width, mode = 0.7, 0.2 / 0.7
    there = base * (0.8 + width * (1 - np.sqrt(0.05 * (1 - mode))))
    assert found["high_usd"] == pytest.approx(there, rel=0.004)
    assert found["mean_usd"] == pytest.approx(base * (0.8 + 1.0 + 1.5) / 3, abs=4 * found["mean_se_usd"])


def test_a_constant_bill_of_exponential_life_is_worth_its_annuity(known, fixed):
    document = two(life_years=5.0, pass_through={"most": 0.0})
    document["outcome"] = [document["outcome"][0] | {"probability": 1.0}]
    drawn = scenarios.run(scenarios.load(document), known, draws=20_000)
    found, study = drawn.summary("value").loc["Toyota"], drawn.study
    bill = drawn.summary().at["Toyota", "mean_usd"] / study.ends[-1]
    there = -bill * study.kept[0] / (study.rate[0] + 1 / 5)
    assert found["mean_usd"] == pytest.approx(there, abs=4 * found["mean_se_usd"])


def test_the_error_of_a_mean_falls_with_the_root_of_the_draws(known, threats):
    few = scenarios.run("canada-and-deals", known, draws=500)
    ratio = few.summary()["mean_se_usd"] / threats.summary()["mean_se_usd"]
    assert ratio.drop("Suzuki").between(1.75, 2.25).all()


def test_shares_of_the_variance_sum_to_one_and_a_late_law_has_timing(june, threats):
    shares = threats.summary()[["outcome_share", "timing_share", "input_share"]].dropna()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all(axis=None) and shares.at["Kia", "timing_share"] > 0


def test_a_tail_of_too_few_draws_and_an_unknown_maker_are_refused(known):
    thin = scenarios.run("canada-and-deals", known, draws=99)
    with pytest.raises(DataError, match="99 draws leave 4.95 in a tail of 5%.*draw 100 or more"):
        thin.summary()
    with pytest.raises(DataError, match="no maker or basket 'Tyota'; choose from Toyota"):
        thin.paths("Tyota", tail=0.1)


# Workers ------------------------------------------------------------------------------------------


def same(one: engine.Tally, other: engine.Tally) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def unordered(function: Callable[[int], Any], numbers: Iterable[int]) -> Iterator[Any]:
    """Later batches first, as when another worker is done sooner."""
    found = {number: function(number) for number in reversed(list(numbers))}
    return (found[number] for number in sorted(found))


def test_a_part_of_the_draws_is_no_result(june, monkeypatch):
    monkeypatch.setattr(engine, "BATCH", 1)
    whole = engine.tally(june, 1100, 1)
    assert whole.draws == 1100 and same(whole, engine.tally(june, 1100, 1, unordered))
    with pytest.raises(TariffModelError, match="gave 1,000 of 1,100 draws; a part is no result"):
        engine.tally(june, 1100, 1, lambda function, numbers: map(function, list(numbers)[:-1]))


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(TariffModelError, match=r"pip install 'tariffmodel\[cluster\]'"), scenarios.cluster():
        pass


def slowly(study: engine.Study, number: int) -> engine.Tally:
    time.sleep(0.3)
    return engine._counted(study, engine.evaluated(study, draws.block(study.spec, 1, number)))


@pytest.mark.slow
def test_workers_and_the_loss_of_one_change_no_bit(june, left, covered):
    """A real cluster of two processes, one of which is killed while it works; then net bills and a hedge."""
    distributed = pytest.importorskip("distributed")
    import dask

    numbers = range(6)
    alone = [engine._counted(june, engine.evaluated(june, draws.block(june.spec, 1, k))) for k in numbers]
    from functools import partial

    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),  # imports once
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        found = []
        for count, one in enumerate(scenarios.on_cluster(client)(partial(slowly, june), numbers)):
            found.append(one)
            if count == 0:
                process = next(iter(client.run(os.getpid).values()))
                os.kill(process, signal.SIGKILL)
        for book in (engine.placed(left, 1), covered.book):
            there = engine.tally(book, 700, 1, scenarios.on_cluster(client))
            assert there.draws == 700 and same(there, engine.tally(book, 700, 1))
    assert len(found) == len(numbers) and all(map(same, alone, found))


# Importance ---------------------------------------------------------------------------------------


def test_indices_of_ishigami_are_the_published_ones():
    def ishigami(x: np.ndarray) -> np.ndarray:
        return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])

    found = scenarios.sobol(ishigami, dict.fromkeys("abc", (-np.pi, np.pi)), n=8192)
    np.testing.assert_allclose(found["first_order"], [0.314, 0.442, 0.0], atol=0.01)
    np.testing.assert_allclose(found["total_order"], [0.558, 0.442, 0.244], atol=0.01)
    # what SALib 1.6.0 gives at n = 4096
    np.testing.assert_allclose(found["first_order"], [0.314, 0.443, -0.001], atol=0.01)
    np.testing.assert_allclose(found["total_order"], [0.559, 0.442, 0.244], atol=0.01)


def test_the_branch_has_the_share_of_the_variance_that_its_outcomes_and_days_have(threats):
    found = scenarios.of_tree(threats, "Hyundai Motor", n=500)
    shares = threats.summary().loc["Hyundai Motor", ["outcome_share", "timing_share"]].sum()
    branch = found.loc["which outcome, and when"]
    assert branch["first_order"] == pytest.approx(shares, abs=4 * branch["first_order_se"])
    assert found["total_order"].idxmax() == "which outcome, and when"


def test_tables_of_the_tree_can_be_asked_from_the_command_line(tm):
    code, out, _ = tm("scenarios", "canada-and-deals", "--draws", "2e2", "--by-outcome", "--value")
    assert code == 0 and "korea  Kia" in out and "assumptions" in out
    assert tm("scenarios", "canada-and-deals", "--draws", "1.5")[0] == 2
    assert "100 or more" in tm("scenarios", "canada-and-deals", "--draws", "50")[2]


def test_a_fan_draws_likelier_outcomes_wider_and_says_where_they_end(threats):
    paths, asked = threats.paths("GM"), threats.scenario
    look = {"start": asked.start, "case": asked.label, "source": "a source", "as_of": date(2026, 10, 30)}
    chart = charts.fan(paths, whose="GM", **look)
    ends = paths.groupby(level="outcome")["mean_usd"].last() / 1e9
    assert f"USD {ends.min():,.1f} to {ends.max():,.1f} bn" in chart.title
    assert faults_at_both_widths(chart) == []
    widths = [line.get_linewidth() for line in chart.figure.axes[0].lines]
    odds = paths["probability"].groupby(level="outcome").first().sort_values(ascending=False)
    np.testing.assert_allclose(widths, 0.6 + 7 * odds)
    split = charts.variance_split(
        threats.summary(), case="a tree", source="a source", as_of=date(2026, 10, 30)
    )
    assert "no bill in any draw: Suzuki" in " ".join(text.get_text() for text in split.figure.texts)
    assert faults_at_both_widths(split) == []


def test_a_tree_given_as_a_mapping_is_the_one_of_its_file():
    document = tomllib.loads((facts.data_dir() / "scenarios" / "canada-and-deals.toml").read_text())
    assert (
        scenarios.load({"name": "x", **document}).branches() == scenarios.load("canada-and-deals").branches()
    )


# Hedges and net bills -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def covered(known, threats) -> scenarios.Hedged:
    legs = ["KRW", "^KS11"]  # the tree moves the won
    one = ticket.ticket(scenarios.feared(threats, "000270.KS"), "000270.KS", instruments=legs, draws=49)
    return scenarios.hedged(threats, one, rows=0)


def test_profit_of_a_hedge_is_that_of_its_legs_in_every_draw(covered):
    money = covered.book.measured(1, 3, 50)[:, 0]
    np.testing.assert_allclose(money[:, :-1].sum(axis=1), money[:, -1])
    means = covered.summary()["mean_money"]
    assert means.drop("hedged").sum() == pytest.approx(means["hedged"])


def test_a_share_moves_by_its_bill_its_slopes_and_what_was_priced(covered, threats, known):
    """Without ordinary moves the position's mean under a leaf can be reckoned from the tree's tables."""
    value = threats.by_outcome("value").xs("Kia", level="maker")
    bill = value["market_cap_share"] - (value["market_cap_share"] * value["probability"]).sum()
    leaves = {leaf.outcome: leaf for leaf in threats.study.branches}
    slope = covered.slopes()["value"]["unhedged"]
    found = covered.by_outcome()["mean_money"].unstack("part")["unhedged"] / covered.book.notional.item()
    for name, leaf in leaves.items():
        by = {"sector": leaf.sector_jump, "KRW": leaf.fx_jump.get("KRW", 0.0)}
        for factor, jump in by.items():
            priced = sum(
                b.probability * (b.sector_jump if factor == "sector" else b.fx_jump.get("KRW", 0.0))
                for b in threats.study.branches
            )
            by[factor] = np.expm1(jump - priced)
        there = bill[name] + sum(slope[factor] * move for factor, move in by.items())
        assert found[name] == pytest.approx(there, abs=0.002)
    won = covered.by_outcome().xs("KRW", level="part")["mean_money"]
    assert won.idxmax() == "korea"  # dollars were bought, and the won falls there


def test_a_chart_of_a_hedge_says_what_is_left_of_the_worst_outcome(covered):
    frame = covered.by_outcome()
    look = {"case": "a tree", "source": "a source", "as_of": date(2026, 10, 30)}
    chart = charts.hedge_outcomes(frame, holding="Kia", currency="USD", **look)
    worst = frame["mean_money"].xs("unhedged", level="part").idxmin()
    bare, left = (f"{frame.at[(worst, part), 'mean_money'] / 1e6:,.2f}" for part in ("unhedged", "hedged"))
    said = f"under “{id_title(worst)}”, USD {bare}m on average; hedged, {left}m"
    assert said.replace("-", "\u2212") in chart.title.replace("-", "\u2212")
    assert faults_at_both_widths(chart) == []
    marks = [line.get_xdata() for line in chart.figure.axes[0].lines if line.get_marker() in "so"]
    np.testing.assert_allclose(marks[1], frame["mean_money"].xs("hedged", level="part") / 1e6)


def test_what_the_price_holds_is_no_news(covered, threats):
    certain = dict.fromkeys(threats.scenario.outcomes().index, 0.0) | {"law-stays": 1.0}
    found = scenarios.hedged(threats, covered.ticket, priced=certain, rows=0).by_outcome()["mean_money"]
    np.testing.assert_allclose(found["law-stays"], 0, atol=1e-6)
    assert found["korea", "unhedged"] < covered.by_outcome()["mean_money"]["korea", "unhedged"]


def test_a_hedge_over_a_tree_does_not_hang_on_workers_and_refuses(covered, threats, monkeypatch):
    monkeypatch.setattr(engine, "BATCH", 1)
    tally = engine.tally(covered.book, 1100, 1)
    assert same(tally, engine.tally(covered.book, 1100, 1, unordered))
    with pytest.raises(DataError, match="priced names korea and sums to 1; give each of law-stays"):
        scenarios.hedged(threats, covered.ticket, priced={"korea": 1.0})
    index = ticket.ticket(case("flat-25", against="current-law", period="CY2027"), "1622.T", draws=49)
    with pytest.raises(DataError, match="1622.T is of .* no bill in the tree or no market value; hold"):
        scenarios.hedged(threats, index)


def test_slopes_are_drawn_with_the_errors_of_least_squares():
    random = np.random.default_rng(3)
    x = random.normal(0, 0.03, (40, 2))
    y = x @ np.array([[1.0, 0.4], [-0.5, 0.2]]) + random.normal(0, 0.02, (40, 1)) + [0.01, 0.0]
    found = hedges.Slopes.of(y, x)
    for asset in range(2):
        there = sm.OLS(y[:, asset], sm.add_constant(x)).fit()
        np.testing.assert_allclose(found.value[asset], there.params[1:])
        np.testing.assert_allclose(found.errors[asset], there.bse[1:])
    drawn = found.drawn(random, 20_000)
    np.testing.assert_allclose(drawn.std(axis=0), found.errors * np.sqrt(37 / 35), rtol=0.03)
    assert np.corrcoef(drawn[:, 0, 0], drawn[:, 1, 0])[0, 1] > 0.99  # one noise moves both


def test_net_bills_on_the_grid_are_those_of_the_equilibrium(threats, known, left):
    law = engine.case_of(threats.scenario, known, threats.study.branches[0])
    taken = equilibrium.case_products(law)
    makers = list(threats.study.plan.makers)
    place = [makers.index(maker) for maker in taken.makers]
    for own, of_all in ((-4.559, -0.75), (-5.0, -0.5), (-3.4, -0.82)):
        there = net.solved(taken, np.array([own]), np.array([of_all]))[0][0]
        kept, gained = (one[0, place, 0] for one in left.grid.at(np.array([own]), np.array([of_all])))
        np.testing.assert_allclose(taken.gross_usd[0] * kept - gained, there, atol=2e7)
    central = net_bill.table(law)["net_bill_usd"].reindex(taken.makers)
    there = net.solved(taken, taken.own[0], taken.aggregate[0])[0][0]
    np.testing.assert_allclose(there, central, rtol=1e-6, atol=1.0)


def test_net_bills_are_drawn_beside_gross_ones(threats):
    found = threats.net()
    gross = threats.by_outcome()
    np.testing.assert_allclose(found["mean_usd"], gross["mean_usd"], rtol=1e-9, atol=1e-3)
    sector = found.xs("ALL", level="maker")
    assert (sector["net_usd"] < sector["mean_usd"]).all() and (
        sector["net_low_usd"] < sector["net_usd"]
    ).all()
    whole = threats.net(by_outcome=False)
    odds = threats.scenario.outcomes()["probability"]
    mixed = found["net_usd"].unstack("outcome")[odds.index] @ odds
    np.testing.assert_allclose(whole["net_usd"].dropna(), mixed.dropna(), rtol=1e-9)
    assert whole["net_usd"].isna().sum() == 1  # inside another maker
    with pytest.raises(DataError, match="'plants' is no response of a tree"):
        threats.net("plants")


def test_a_hedge_and_net_bills_can_be_asked_from_the_command_line(tm):
    words = ("scenarios", "canada-and-deals", "--draws", "100")
    code, out, _ = tm(*words, "--hedge", "7203.T", "--with", "JPY", "--weeks", "1")
    assert code == 0 and "unhedged" in out and "Held for 1 weeks" in out
    assert tm(*words, "--net", "--value")[0] == 2


# Days that are drawn ------------------------------------------------------------------------------


def test_days_drawn_agree_with_days_enumerated(known):
    """Two steps of 7 months each: 49 paths, or 16 drawn of them."""
    paths = {"first": date(2027, 2, 1), "last": date(2027, 8, 1), "hazard": 0.15}
    later = {"first": date(2027, 9, 1), "last": date(2028, 3, 1), "hazard": 0.1}
    document = two(to=date(2028, 12, 31))
    document["outcome"][1]["step"] = [
        *step(paths),
        {"policy": "repeal", "from": later},
    ]
    every = scenarios.run(scenarios.load(document), known, draws=100)
    some = scenarios.run(scenarios.load(document | {"days_drawn": 16}), known, draws=100)
    assert (len(every.study.branches), some.scenario.paths) == (50, 17)
    assert sum(branch.probability for branch in some.study.branches) == pytest.approx(1)
    there, here = (one.by_outcome().loc["flat", "mean_usd"] for one in (every, some))
    np.testing.assert_allclose(here, there, rtol=0.02)
    there, here = (one.summary() for one in (every, some))
    np.testing.assert_allclose(here["sd_usd"], there["sd_usd"], rtol=0.03)
    np.testing.assert_allclose(here["timing_share"], there["timing_share"], atol=0.02)


def test_more_days_than_can_be_enumerated_are_drawn_or_refused():
    days = [date(2027, 2, 1) + timedelta(days=k) for k in range(300)]
    document = two()
    document["outcome"][1]["step"] = step({"dates": days, "weights": [1 / 300] * 300})
    with pytest.raises(DataError, match="301 paths once every day is drawn, at most 240; set days_drawn"):
        scenarios.load(document)
    drawn = [b.path[1][1] for b in scenarios.load(document | {"days_drawn": 30}).branches()[1:]]
    tenths = np.bincount([days.index(day) // 10 for day in drawn], minlength=30)
    assert (tenths == 1).all()  # as often as they are likely
