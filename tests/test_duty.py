"""Offsets and credits obey their own laws, and arithmetic by hand; a mistake in a credit is named."""

from __future__ import annotations

from datetime import date
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import HEAD, MFN, PERIODS, build, policies

from tariffmodel import case, duty, exposure, facts, goods, periods, policy
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import PRODUCTION

EASY = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LINES = ("vehicles", "parts", "offset", "credits.saved", "credits.repaid", "credits.sold", "total")
VEHICLES = ["car", "light_truck"]


def bill(known, one, period="CY2025", beside=()):
    return duty.bill(known, one, goods.entered(known, period, [one, *beside]))


def of(owed, maker, line="saved"):
    return getattr(owed.credits, line)[0, owed.goods.makers.index(maker)]


def charge(rate=0.25, origin="*", start=date(2025, 1, 1), product=VEHICLES, **more):
    body = {"id": f"a-{origin.lower().strip('*')}{start}", "measure": "one", "source": "test"}
    return {**body, "origin": origin, "product": product, "rate": rate, "from": start, **more}


def credit(granted=None, start=date(2025, 1, 1), **more):
    body = {"id": "c", "origin": "*", "product": VEHICLES, "from": start, "source": "test"}
    return {**body, **({"granted": granted} if granted else {}), **more}


# ---------------------------------------------------------------- laws


@EASY
@given(one=policies(), period=st.sampled_from(PERIODS))
def test_nobody_is_owed_duty_and_no_instrument_pays_more_than_is_due(known, one, period):
    owed = bill(known, one, period)
    scale = 1e-9 * (owed.vehicles + owed.parts) + 1e-3
    assert (owed.total >= -scale).all()
    assert (owed.offset <= owed.parts + scale).all()
    assert (owed.credits.saved <= owed.vehicles + scale).all()
    assert (owed.credits.repaid >= -scale).all() and (owed.credits.sold >= -scale).all()


@pytest.mark.parametrize("name", policy.names())
@pytest.mark.parametrize("period", ["FY2026-03", "2026Q4"])
def test_nobody_is_owed_duty_under_a_bundled_policy(known, name, period):
    owed = bill(known, policy.load(name), period)
    assert (owed.total >= -1e-3).all()
    assert (owed.offset <= owed.parts + 1e-3).all() and (owed.credits.saved <= owed.vehicles + 1e-3).all()


@EASY
@given(one=policies(relieved=False, credited=False), period=st.sampled_from(PERIODS))
def test_offset_never_exceeds_duty_of_its_measure_on_parts(known, one, period):
    """Without ordinary duty and other measures, duty on parts is that of the measure alone."""
    free = [entry.model_copy(update={"rate": 0.0}) for entry in one.mfn]
    for measure in {entry.measure for entry in one.offset}:
        own = {
            kind: [e for e in getattr(one, kind) if e.measure == measure] for kind in ("additional", "offset")
        }
        owed = bill(known, one.model_copy(update={"mfn": free, **own}), period)
        assert (owed.offset <= owed.parts * (1 + 1e-9) + 1e-3).all()


@EASY
@given(one=policies(), cut=st.dates(date(2025, 2, 1), date(2026, 5, 30)))
def test_sub_periods_add_up_to_the_period(known, one, cut):
    """Credits and the offset included, and claw-back is due once."""
    after = date.fromordinal(cut.toordinal() + 1)
    first, second = bill(known, one, f"2025-01-20..{cut}"), bill(known, one, f"{after}..2026-06-10")
    whole = bill(known, one, "2025-01-20..2026-06-10")
    for line in LINES:
        parts = attrgetter(line)(first)[0] + attrgetter(line)(second)[0]
        np.testing.assert_allclose(parts, attrgetter(line)(whole)[0], rtol=1e-8, atol=0.01, err_msg=line)


@EASY
@given(one=policies(), other=policies(), period=st.sampled_from(PERIODS))
def test_bill_does_not_depend_on_the_policies_beside_it(known, one, other, period):
    alone, beside = bill(known, one, period), bill(known, one, period, [other])
    for line in LINES:
        found = attrgetter(line)(beside)[0]
        np.testing.assert_allclose(found, attrgetter(line)(alone)[0], rtol=1e-8, atol=0.01, err_msg=line)


@EASY
@given(one=policies(), period=st.sampled_from(PERIODS))
def test_a_credit_never_raises_the_bill(known, one, period):
    unaided = one.model_copy(update={"credit": []})
    owed, before = bill(known, one, period), bill(known, unaided, period)
    assert (owed.credits.saved >= -1e-3).all()
    np.testing.assert_allclose(owed.vehicles, before.vehicles)
    assert (owed.total - owed.credits.repaid <= before.total + 1e-3).all()


@pytest.mark.parametrize("name", policy.names())
def test_overlay_with_nothing_bills_as_its_base(known, name, tmp_path):
    path = tmp_path / "nothing.toml"
    path.write_text(f'{HEAD}base = "{name}"\n', encoding="utf-8")
    np.testing.assert_array_equal(bill(known, policy.load(path)).total, bill(known, policy.load(name)).total)


# ---------------------------------------------------------------- credits by hand


@pytest.fixture(scope="module")
def lines(known):
    """BMW's streams of 2025 at 27.5%: units and duty per vehicle."""
    one = build(additional=[charge()])
    table = exposure.by_origin(case(one, build(mfn=[{**m, "rate": 0.0} for m in MFN]), "CY2025", data=known))
    table = table[(table["maker"] == "BMW") & table["product"].isin(["car", "light_truck"])]
    return table.assign(each=table["duty_usd"] / table["units"]).sort_values("each", ascending=False)


def test_credits_pay_for_the_dearest_vehicles_first(known, lines):
    first, second = lines["units"].iloc[:2]
    vehicles = first + second / 2
    expected = first * lines["each"].iloc[0] + second / 2 * lines["each"].iloc[1]
    owed = bill(known, build(additional=[charge()], credit=[credit({"BMW": vehicles})]))
    assert of(owed, "BMW") == pytest.approx(expected)
    assert owed.credits.saved[0].sum() == pytest.approx(expected)


def test_pro_rata_credits_pay_for_all_vehicles_alike(known, lines):
    vehicles = 0.3 * lines["units"].sum()
    one = build(additional=[charge()], credit=[credit({"BMW": vehicles}, order="pro_rata")])
    assert of(bill(known, one), "BMW") == pytest.approx(0.3 * lines["duty_usd"].sum())


def test_multiple_times_what_was_granted_may_enter(known, lines):
    vehicles = lines["units"].sum() / 5
    one = build(additional=[charge()], credit=[credit({"BMW": vehicles}, multiple=2.5, order="pro_rata")])
    assert of(bill(known, one), "BMW") == pytest.approx(lines["duty_usd"].sum() / 2)


def test_reduced_rate_saves_the_difference(known, lines):
    one = build(additional=[charge()], credit=[credit({"BMW": 1e9}, rate=0.10)])
    assert of(bill(known, one), "BMW") == pytest.approx(lines["duty_usd"].sum() * 0.175 / 0.275)


def test_no_credit_is_spent_on_goods_that_already_pay_no_more(known):
    more = {"rate": 0.30, "unused": "sell", "price_usd": 10.0}
    owed = bill(known, build(additional=[charge()], credit=[credit({"BMW": 1_000.0}, **more)]))
    assert of(owed, "BMW") == 0 and of(owed, "BMW", "sold") == pytest.approx(10_000)


def test_credit_of_customs_value_covers_value_not_vehicles(known, lines):
    dollars = 0.25 * lines["customs_value_usd"].sum()
    more = {"unit": "customs_value", "order": "pro_rata"}
    owed = bill(known, build(additional=[charge()], credit=[credit({"BMW": dollars}, **more)]))
    assert of(owed, "BMW") == pytest.approx(0.275 * dollars)


def test_a_later_credit_pays_only_for_what_the_earlier_left(known, lines):
    most = lines["units"].sum()
    half, all_ = credit({"BMW": most / 2}, order="pro_rata"), credit({"BMW": 2 * most}, order="pro_rata")
    sold = {"id": "d", "unused": "sell", "price_usd": 1.0}
    owed = bill(known, build(additional=[charge()], credit=[half, {**all_, **sold}]))
    assert of(owed, "BMW") == pytest.approx(lines["duty_usd"].sum())
    assert of(owed, "BMW", "sold") == pytest.approx(1.5 * most)


def test_entitlement_of_a_year_pays_for_goods_of_any_day_of_it(known):
    """The duty is owed from October; what was earned since January pays it."""
    one = build(
        mfn=[{**m, "rate": 0.0} for m in MFN],
        additional=[charge(start=date(2025, 10, 1))],
        credit=[credit(earned_by=PRODUCTION, per_unit=1.0)],
    )
    owed = bill(known, one)
    built, arriving = (
        facts.identity(known, "CY2025")[column] for column in ("production_units", "import_units")
    )
    late = 92 / 365 * arriving["Honda"]
    at = owed.goods.makers.index("Honda")
    assert late < built["Honda"] and owed.total[0, at] == pytest.approx(owed.parts[0, at], abs=1)


@pytest.mark.parametrize(
    ("unused", "vehicles"), [("expire", 10_000), ("carry_over", 20_000), ("sell", 10_000)]
)
def test_unused_credits_end_with_the_year_unless_carried_over(known, unused, vehicles):
    """Nothing is dutiable in 2025, everything in 2026."""
    more = {"unused": unused, "price_usd": 100.0 if unused == "sell" else 0.0, "order": "pro_rata"}
    one = build(
        mfn=[{**m, "rate": 0.0} for m in MFN],
        additional=[charge(start=date(2026, 1, 1))],
        credit=[credit({"BMW": 10_000.0}, **more)],
    )
    used = bill(known, one, "CY2026")
    share = vehicles / facts.identity(known, "CY2026").loc["BMW", "import_units"]
    assert of(used, "BMW") == pytest.approx(share * used.vehicles[0, used.goods.makers.index("BMW")])
    expected = 1_000_000 if unused == "sell" else 0
    assert of(bill(known, one, "CY2025"), "BMW", "sold") == pytest.approx(expected)
    assert of(used, "BMW", "sold") == pytest.approx(0, abs=1e-6)


def test_a_period_without_the_end_of_the_year_sells_nothing(known):
    one = build(credit=[credit({"BMW": 1_000.0}, origin="TW", unused="sell", price_usd=1.0)])
    assert of(bill(known, one, "2025Q3"), "BMW", "sold") == 0
    assert of(bill(known, one, "2025Q4"), "BMW", "sold") == pytest.approx(1_000)


def test_granted_vehicles_are_of_a_calendar_year(known):
    """Neither a leap year nor a period that spans two years changes what a year grants."""
    one = build(
        credit=[credit({"BMW": 1_000.0}, origin="TW", start=date(2024, 1, 1), unused="sell", price_usd=1.0)]
    )
    for period, years in (("CY2024", 1), ("CY2025", 1), ("2024-07-01..2026-06-30", 2)):
        assert of(bill(known, one, period), "BMW", "sold") == pytest.approx(1_000 * years), period


def test_above_counts_growth_of_yearly_output_only(known):
    more = {"origin": "TW", "unused": "sell", "price_usd": 1.0}
    one = build(credit=[credit(earned_by=PRODUCTION, above="CY2024", **more)])
    then, now = (facts.identity(known, year)["production_units"] for year in ("CY2024", "CY2025"))
    owed = bill(known, one)
    np.testing.assert_allclose(owed.credits.sold[0], (now - then).clip(lower=0), atol=1e-6)


@pytest.mark.parametrize(
    ("variable", "per_unit", "expected"),
    [
        ("us_employment", 2.0, 100_000),
        ("us_export_units", 0.5, None),
        ("us_investment_cumulative", 1e-6, None),
    ],
)
def test_each_contribution_earns_its_rate_a_year(known, variable, per_unit, expected):
    more = {"origin": "TW", "unused": "sell", "price_usd": 1.0, "missing": "zero"}
    owed = bill(known, build(credit=[credit(earned_by=variable, per_unit=per_unit, **more)]))
    known_for = [m for m in known.makers.index if known.origins(m, variable)]
    spans = [periods.parse("CY2025")]
    values = facts.resolve(known, [(m, variable, "US") for m in known_for], spans).value[0]
    found = [of(owed, m, "sold") for m in known_for]
    np.testing.assert_allclose(found, per_unit * values)
    assert expected is None or found[known_for.index("Toyota")] == pytest.approx(expected)


def test_only_makers_at_home_use_or_sell_a_credit_for_home(known):
    more = {"earned_by": PRODUCTION, "per_unit": 1.0, "unused": "sell", "price_usd": 1.0}
    owed = bill(
        known, build(additional=[charge()], credit=[credit(makers="home", **{**more, "origin": "JP"})])
    )
    home = known.makers["home"].to_numpy() == "JP"
    assert (owed.credits.saved[0, ~home] == 0).all() and (owed.credits.sold[0, ~home] == 0).all()
    assert owed.credits.saved[0, home].sum() > 0 and owed.credits.sold[0, home].sum() > 0


def test_every_maker_is_at_home_where_every_origin_is_meant(known):
    everyone, home = (
        bill(
            known, build(additional=[charge()], credit=[credit(earned_by=PRODUCTION, makers=makers)])
        ).credits.saved
        for makers in ("all", "home")
    )
    np.testing.assert_array_equal(everyone, home)


@pytest.mark.parametrize(("promise", "missed"), [(1e12, 1.0), (1_000.0, 0.0), (140_000.0, 0.5)])
def test_claw_back_takes_the_share_of_growth_that_is_missing(known, promise, missed):
    """Hyundai built 70,000 more in 2025 than in 2024; half of a promise of 140,000."""
    then, now = (
        facts.identity(known, year).loc["Hyundai Motor", "production_units"] for year in ("CY2024", "CY2025")
    )
    assert now - then == 70_000
    more = {"claw_back_on": date(2026, 3, 1), "grown_since": "CY2024", "order": "pro_rata"}
    one = build(additional=[charge()], credit=[credit({"Hyundai Motor": promise}, **more)])
    before = of(bill(known, one, "2025-01-01..2026-02-28"), "Hyundai Motor")
    owed = bill(known, one, "2026Q1")
    assert of(owed, "Hyundai Motor", "repaid") == pytest.approx(missed * before, rel=1e-9, abs=1e-3 * before)
    assert of(bill(known, one, "2026Q2"), "Hyundai Motor", "repaid") == 0


def test_claw_back_on_new_year_judges_the_year_that_ended(known):
    more = {"claw_back_on": date(2025, 1, 1), "grown_since": "CY2024"}
    one = build(
        additional=[charge(start=date(2024, 1, 1))],
        credit=[credit({"Kia": 1_000.0}, date(2024, 1, 1), **more)],
    )
    saved, repaid = of(bill(known, one, "CY2024"), "Kia"), of(bill(known, one, "2025Q1"), "Kia", "repaid")
    assert saved > 0 and repaid == pytest.approx(saved)


# ---------------------------------------------------------------- offset by hand


def offset(name="o", start=date(2025, 1, 1), **more):
    body = {"id": name, "measure": "one", "rate": 0.05, "from": start, "usable_from": start, "source": "test"}
    return {**body, **more}


def test_credit_that_keeps_outlives_one_that_lapses(known):
    """Duty on parts starts in July; an offset that lapses in June takes nothing of another with it."""
    duty_on_parts = charge(product=["part"], start=date(2025, 7, 1))
    lapsing = offset("lapsing", to=date(2025, 6, 30), carry_forward=False)
    alone, both, gone = (
        bill(known, build(additional=[duty_on_parts], offset=entries)).offset
        for entries in ([offset()], [offset(), lapsing], [lapsing])
    )
    np.testing.assert_allclose(both, alone)
    assert alone.sum() > 0 and (gone == 0).all()


def test_engines_earn_a_credit_beside_vehicles(known):
    """On 0.1% of MSRP the duty on parts is not used up, so that engines add their own credit in full."""
    duty_on_parts = charge(product=["part"])
    small = offset("small", rate=0.001)
    engines = offset("engines", rate=0.001, accrues_on="engines")
    alone, both = (
        bill(known, build(additional=[duty_on_parts], offset=entries))
        for entries in ([small], [small, engines])
    )
    inside = both.goods.inside
    msrp, worth = (
        getattr(both.goods, f"assembled_{name}_usd")[0, inside].sum(axis=0) for name in ("msrp", "engines")
    )
    more = (both.offset - alone.offset)[0]
    np.testing.assert_allclose(more * msrp, alone.offset[0] * worth, rtol=1e-6, atol=1)
    assert dict(zip(both.goods.makers, more > 0, strict=True)).items() >= {"GM": True, "BMW": False}.items()


def test_offset_that_lapses_is_used_before_one_that_keeps(known):
    """Either pays the duty of the first half alone; what kept is there for the second."""
    duty_on_parts = charge(rate=0.02, product=["part"])
    keeps = offset("keeps", rate=0.003, to=date(2025, 6, 30))
    lapses = offset("lapses", rate=0.003, to=date(2025, 6, 30), carry_forward=False)
    owed = [
        bill(known, build(additional=[duty_on_parts], offset=[*pair]))
        for pair in ((keeps, lapses), (lapses, keeps))
    ]
    np.testing.assert_allclose(owed[0].offset, owed[1].offset)
    first = bill(known, build(additional=[duty_on_parts], offset=[lapses])).offset
    assert (owed[0].offset >= first - 1e-3).all() and owed[0].offset.sum() > first.sum()


def test_offset_waits_until_it_is_usable(known):
    early = build(additional=[charge(product=["part"])], offset=[offset(usable_from=date(2025, 4, 1))])
    assert (bill(known, early, "2025Q1").offset == 0).all()
    assert bill(known, early, "2025Q2").offset.sum() > bill(known, early, "2025Q3").offset.sum() > 0


# ---------------------------------------------------------------- mistakes

CREDIT = """
[[credit]]
id = "x"
origin = "JP"
product = "car"
from = 2026-01-01
source = "test"
{more}
"""
EARNED = f'earned_by = "{PRODUCTION}"'


@pytest.mark.parametrize(
    ("more", "key", "message"),
    [
        ("", "credit.x", "give either earned_by or granted, not both"),
        (EARNED + "\ngranted = { Toyota = 1 }", "credit.x", "give either earned_by or granted, not both"),
        ("granted = { Toyota = -1 }", "credit.x", "granted vehicles must be >= 0"),
        (EARNED + "\nclaw_back_on = 2027-01-01", "credit.x", "claw_back_on needs granted"),
        (EARNED + '\nunused = "sell"', "credit.x", 'unused = "sell" needs price_usd'),
        (EARNED + '\nunused = "burn"', "credit.x.unused", "'expire', 'carry_over' or 'sell'"),
        ('earned_by = "us_smiles"', "credit.x.earned_by", "'us_production_units', 'us_export_units'"),
        (EARNED + "\nper_unit = -1", "credit.x.per_unit", "greater than or equal to 0"),
        (EARNED + "\nprice_usd = -1", "credit.x.price_usd", "greater than or equal to 0"),
        ("granted = { Toyota = 1 }\nmultiple = -1", "credit.x.multiple", "greater than or equal to 0"),
        (EARNED + '\nunit = "tons"', "credit.x.unit", "'vehicles' or 'customs_value'"),
        (EARNED + '\norder = "random"', "credit.x.order", "'highest_duty_first' or 'pro_rata'"),
        (EARNED + '\nmakers = "some"', "credit.x.makers", "'home' or 'all'"),
        (EARNED + '\nabove = "CY24"', "credit.x.above", "'CY24' is not understood; did you mean CY2024"),
        (
            EARNED + '\nabove = "2024H1"',
            "credit.x.above",
            "'2024H1' has 182 days; write a year such as CY2024",
        ),
        (
            'granted = { Toyota = 1 }\ngrown_since = "then"',
            "credit.x.grown_since",
            "period 'then' is not understood",
        ),
        ('granted = { Toyota = 1 }\nabove = "CY2024"', "credit.x", "above goes with earned_by"),
        (EARNED + "\nprice_usd = 900", "credit.x", 'price_usd has no effect here: it needs unused = "sell"'),
        (EARNED + "\nmultiple = 3", "credit.x", "multiple has no effect here: it needs granted"),
        (
            EARNED + '\ngrown_since = "CY2023"',
            "credit.x",
            "grown_since has no effect here: it needs claw_back_on",
        ),
        (
            "granted = { Toyota = 1 }\nper_unit = 3",
            "credit.x",
            "per_unit has no effect here: it needs earned_by",
        ),
        (
            "granted = { Toyota = 1 }\nclaw_back_on = 2026-01-01",
            "credit.x",
            "claw_back_on (2026-01-01) is not after 'from'",
        ),
        (EARNED + "\nto = 2025-01-01", "credit.x", "'to' (2025-01-01) is before 'from' (2026-01-01)"),
    ],
)
def test_a_mistake_in_a_credit_names_file_key_and_remedy(tmp_path, more, key, message):
    path = tmp_path / "reform.toml"
    path.write_text(HEAD + CREDIT.format(more=more), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        policy.load(path)
    assert f"reform.toml: {key}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_credit_is_for_vehicles_since_parts_have_the_offset(tmp_path):
    path = tmp_path / "reform.toml"
    path.write_text(HEAD + CREDIT.replace('"car"', '"part"').format(more=EARNED), encoding="utf-8")
    with pytest.raises(PolicyError, match="credit.x.product.0: Input should be 'car' or 'light_truck'"):
        policy.load(path)


def test_an_unknown_maker_of_a_grant_is_named_with_the_choice(known):
    with pytest.raises(PolicyError, match="credit.c.granted names 'Toyoda'; choose from Toyota, Honda"):
        bill(known, build(credit=[credit({"Toyoda": 1.0})]))


def test_a_missing_contribution_is_an_error_unless_the_credit_says_otherwise(known):
    earned = {"earned_by": "us_investment_cumulative", "per_unit": 1e-6}
    assert not known.origins("Ford", "us_investment_cumulative")
    with pytest.raises(DataError, match='us_investment_cumulative of .* is missing; .* missing = "zero"'):
        bill(known, build(additional=[charge()], credit=[credit(**earned)]))
    lenient = bill(known, build(additional=[charge()], credit=[credit(**earned, missing="zero")]))
    assert of(lenient, "Ford") == 0 < of(lenient, "Toyota")


@pytest.mark.parametrize("order", ["highest_duty_first", "pro_rata"])
def test_variants_of_credits_and_offset_equal_one_at_a_time(known, order):
    def made(per_unit, rate, share):
        return build(
            additional=[charge(), charge(product=["part"], id="parts"), charge(0.1, "MX")],
            offset=[offset(rate=share)],
            credit=[
                credit(earned_by=PRODUCTION, per_unit=per_unit, rate=rate, order=order),
                {**credit({"BMW": 9e8, "Kia": 1e9}, order=order, unit="customs_value"), "id": "d"},
            ],
        )

    cases = [(0.02, 0.0, 0.01), (0.3, 0.1, 0.0), (2.0, 0.2, 0.05)]
    keys = ("credit.c.per_unit", "credit.c.rate", "offset.o.rate")
    stock = goods.entered(known, "FY2026-03", [made(*cases[0])])
    many = duty.bill(known, made(*cases[0]), stock, dict(zip(keys, np.array(cases).T, strict=True))).total
    for row, numbers in zip(many, cases, strict=True):
        np.testing.assert_allclose(row, duty.bill(known, made(*numbers), stock).total[0], rtol=1e-12)


def test_offset_of_an_overlay_earns_in_place_of_its_base(known):
    """As enacted, the second year earned less and the third nothing: the bill can only be higher."""
    law, enacted = policy.load("current-law"), policy.load("offset-as-enacted")
    for period in ("FY2026-03", "2026Q3", "CY2027", "CY2028"):
        assert (bill(known, enacted, period).total >= bill(known, law, period).total - 1e-3).all()
    assert bill(known, enacted, "CY2028").offset.sum() < bill(known, law, "CY2028").offset.sum()


def test_a_credit_that_saves_nothing_leaves_the_goods_to_the_next(known):
    """Its rate is above the duty: it is not spent, so what follows it saves as if it stood alone."""
    idle = credit({"Toyota": 5_000}, id="idle", rate=0.5)
    useful = credit({"Toyota": 100}, id="useful")
    alone = bill(known, build(additional=[charge()], credit=[useful]))
    both = bill(known, build(additional=[charge()], credit=[idle, useful]))
    assert of(alone, "Toyota") > 0
    assert of(both, "Toyota") == pytest.approx(of(alone, "Toyota"))
