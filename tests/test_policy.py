"""Policy files say what the law says, and a mistake in one is named with its key and remedy."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from tariffmodel import entries, facts, policy
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.rates import Flows, rates
from tariffmodel.tariff.relief import terms

HEAD = 'title = "T"\ndescription = "D"\nstatus = "counterfactual"\n'
BASE = HEAD + 'base = "current-law"\n'
EXTRA = """
[[additional]]
id = "{id}"
measure = "section-232-autos"
origin = "{origin}"
product = "car"
rate = {rate}
from = {start}
source = "test"
"""

OFFSET = """
[[offset]]
id = "mine"
measure = "section-232-autos"
rate = 0.01
from = 2026-01-01
usable_from = 2026-01-01
source = "test"
"""


def write(tmp_path, text, name="reform.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def car_rate(known, one, origin, day, maker="Toyota", q=0.0, u=0.0, product="car"):
    """All-in rate of one product from one origin on one day."""
    product = {"part": "listed_part"}.get(product, product)
    flows = Flows(np.array([maker]), np.array([origin]), np.array([product]))
    card = rates(one, known, flows, [Period(day, day)], np.ones((1, 1, 1)))
    return card.effective(np.full((1, 1, 1), q), np.full((1, 1, 1), u)).item()


@pytest.mark.parametrize(
    ("origin", "day", "product", "rate"),
    [
        ("JP", "2025-04-02", "car", 0.025),
        ("JP", "2025-04-03", "car", 0.275),
        ("JP", "2025-09-15", "car", 0.275),
        ("JP", "2025-09-16", "car", 0.15),
        ("JP", "2025-09-16", "light_truck", 0.25),
        ("JP", "2025-06-01", "light_truck", 0.50),
        ("JP", "2025-05-02", "part", 0.025),
        ("JP", "2025-05-03", "part", 0.275),
        ("JP", "2025-09-16", "part", 0.15),
        ("EU", "2025-07-31", "car", 0.275),
        ("EU", "2025-08-01", "car", 0.15),
        ("KR", "2025-04-02", "car", 0.0),
        ("KR", "2025-04-03", "car", 0.25),
        ("KR", "2025-10-31", "car", 0.25),
        ("KR", "2025-11-01", "car", 0.15),
        ("KR", "2025-04-02", "light_truck", 0.25),
        ("GB", "2025-06-29", "car", 0.275),
        ("GB", "2025-06-30", "car", 0.10),
        ("XX", "2026-10-01", "car", 0.275),
        ("TW", "2026-04-30", "part", 0.275),
        ("TW", "2026-05-01", "part", 0.15),
        ("CN", "2025-06-01", "car", 0.025 + 0.25 + 0.25),
        ("JP", "2025-10-31", "certified_part", 0.025),
        ("JP", "2025-11-01", "certified_part", 0.15),
        ("XX", "2025-11-01", "certified_part", 0.275),
        ("GB", "2025-11-01", "certified_part", 0.10),
        ("TW", "2026-05-01", "certified_part", 0.15),
        ("JP", "2026-02-23", "general_part", 0.025),
        ("JP", "2026-02-24", "general_part", 0.125),
        ("JP", "2026-07-23", "general_part", 0.125),
        ("JP", "2026-07-24", "general_part", 0.125),
        ("KR", "2026-03-01", "general_part", 0.10),
        ("KR", "2026-07-24", "general_part", 0.125),
        ("EU", "2026-07-24", "general_part", 0.10),
        ("GB", "2026-07-24", "general_part", 0.125),
        ("CN", "2026-07-24", "general_part", 0.025 + 0.25 + 0.125),
        ("JP", "2026-07-24", "part", 0.15),
        ("CA", "2026-09-14", "part", 0.275),
        ("CA", "2026-09-15", "part", 0.275 + 0.03 * 0.5),
        ("CA", "2026-09-15", "service_part", 0.275 + 0.03 * 0.5),
        ("CN", "2026-03-01", "car", 0.025 + 0.25 + 0.25),
    ],
)
def test_current_law_on_its_dates(known, law, origin, day, product, rate):
    assert car_rate(known, law, origin, date.fromisoformat(day), product=product) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("day", "q", "u", "rate"),
    [
        ("2025-02-01", 1, 0.4, 0.0),
        ("2025-03-05", 1, 0.4, 0.25),
        ("2025-03-10", 1, 0.4, 0.0),
        ("2025-03-10", 0, 0.0, 0.275),
        ("2025-06-01", 1, 0.4, 0.25 * 0.6),
        ("2025-06-01", 0, 0.4, 0.275),
        ("2025-06-01", 0.5, 0.4, 0.5 * 0.15 + 0.5 * 0.275),
    ],
)
def test_usmca_goods_pay_on_their_foreign_content(known, law, day, q, u, rate):
    """As customs collected it: the emergency duties of March 2025 were void."""
    assert car_rate(known, policy.as_paid(law), "MX", date.fromisoformat(day), q=q, u=u) == pytest.approx(
        rate
    )


def test_qualifying_parts_are_exempt(known, law):
    assert car_rate(known, law, "MX", date(2025, 6, 1), q=1, product="part") == 0
    assert car_rate(known, law, "MX", date(2025, 6, 1), q=0, product="part") == pytest.approx(0.275)


@pytest.mark.parametrize(
    ("origin", "product", "day", "q", "rate"),
    [
        ("MX", "general_part", "2026-07-24", 1, 0.0),
        ("MX", "general_part", "2026-07-24", 0, 0.125),
        ("MX", "general_part", "2026-03-01", 1, 0.0),
        ("MX", "certified_part", "2025-11-01", 1, 0.0),
        ("CA", "part", "2026-09-15", 1, 0.03 * 0.5),
        ("CA", "general_part", "2026-09-15", 1, 0.10 * 0.5),
    ],
)
def test_a_claim_under_usmca_frees_parts_but_not_of_section_338(known, law, origin, product, day, q, rate):
    assert car_rate(known, law, origin, date.fromisoformat(day), q=q, product=product) == pytest.approx(rate)


def test_void_duty_is_not_owed_but_was_paid_and_was_believed_to_be_law(known, law):
    day = date(2025, 6, 1)
    paid, believed = policy.as_paid(law), policy.as_known(law, date(2025, 7, 1))
    known_void = policy.as_known(law, date(2026, 2, 20))
    rates = [car_rate(known, one, "CN", day) for one in (law, paid, believed, known_void)]
    assert rates == pytest.approx([0.525, 0.725, 0.725, 0.525])
    assert not paid.void and {e.id for e in law.void} <= {e.id for e in paid.entries}
    assert not policy.frozen(law, date(2025, 2, 3)).void


def test_what_can_be_asked_back_is_void_by_then(law):
    opened = {entry.refundable_from for entry in law.void}
    assert opened == {date(2026, 4, 20)} and all(entry.voided < date(2026, 4, 20) for entry in law.void)
    assert len(policy.as_paid(law, *opened).additional) == len(policy.as_paid(law).additional)
    assert policy.as_paid(law, date(2026, 4, 21)).additional == law.additional
    entry = {"id": "x", "measure": "m", "origin": "JP", "product": "car", "rate": 0.1, "source": "a law"}
    entry |= {"from": date(2025, 1, 1), "refundable_from": date(2026, 1, 1)}
    for voided in ({}, {"voided": date(2026, 2, 1)}):
        with pytest.raises(PolicyError, match="refundable_from .* has no effect here"):
            policy.load({"additional": [{**entry, **voided}]})


def test_general_parts_paid_what_was_void(known, law):
    paid = policy.as_paid(law)
    for origin, day, rate in (
        ("JP", "2025-07-01", 0.125),
        ("JP", "2025-09-01", 0.15),
        ("KR", "2025-09-01", 0.15),
    ):
        owed, then = (
            car_rate(known, one, origin, date.fromisoformat(day), product="general_part")
            for one in (law, paid)
        )
        assert (owed, then) == pytest.approx((0.0 if origin == "KR" else 0.025, rate))
    assert car_rate(known, paid, "CA", date(2025, 9, 1), product="general_part") == pytest.approx(0.375)


def test_part_is_every_class_of_parts_and_a_listed_one_may_be_for_dealers(tmp_path):
    every = EXTRA.replace('"car"', '"part"').format(id="x", origin="JP", rate=0.1, start="2027-01-01")
    one = policy.load(write(tmp_path, BASE + every))
    assert one.additional[-1].product == list(entries.PARTS)
    listed = policy.load(write(tmp_path, BASE + every.replace('"part"', '["listed_part"]')))
    assert listed.additional[-1].product == ["listed_part", "service_part"]
    again = policy.load(write(tmp_path, BASE + every), settings={"additional.x.rate": 0.2})
    assert again.additional[-1].product == list(entries.PARTS)


def test_every_rule_of_the_law_says_how_far_it_was_followed(law):
    rules = policy.checked(law)
    assert rules[["checked_through", "entry", "start"]].notna().all().all()
    assert set(rules["standing"]) == {"in the bill", "void", "not modelled"}
    assert rules.loc[rules["standing"] != "not modelled", "hts_revision"].notna().all()


def test_law_before_april_2025_is_ordinary_duty_only(known, before):
    for day in (date(2025, 1, 1), date(2025, 3, 10), date(2026, 6, 1)):
        assert car_rate(known, before, "JP", day) == 0.025
        assert car_rate(known, before, "KR", day) == 0
        assert car_rate(known, before, "MX", day, q=1) == 0
        assert car_rate(known, before, "CN", day) == pytest.approx(0.275)
    assert not before.offset


def test_flat_25_spares_nobody(known):
    flat = policy.load("flat-25")
    for origin in ("JP", "MX", "GB"):
        assert car_rate(known, flat, origin, date(2026, 1, 1)) == pytest.approx(0.275)
    assert car_rate(known, flat, "MX", date(2026, 1, 1), q=1, u=0.5) == pytest.approx(0.25)
    assert not flat.offset


def test_more_contribution_never_raises_the_rate(known):
    one = policy.load("japan-flexible-linear-firm")
    paid = {
        m: car_rate(known, one, "JP", date(2026, 1, 1), m)
        for m in ("Toyota", "Honda", "Nissan", "Subaru", "Mazda", "Mitsubishi Motors")
    }
    relief = one.relief[0]
    from tariffmodel import contribution

    weights = {k: v.weight for k, v in relief.score.items()}
    targets = {k: v.target for k, v in relief.score.items()}
    scored = contribution.score(known, weights, targets, makers=list(paid))
    order = sorted(paid, key=lambda maker: scored[maker])
    falling = [paid[maker] for maker in order]
    assert all(a >= b for a, b in pairwise(falling))
    assert paid["Mitsubishi Motors"] == pytest.approx(0.275)
    assert paid["Toyota"] == pytest.approx(0.025 + 0.25 - 0.20 * scored["Toyota"])


def test_country_level_gives_every_japanese_maker_one_rate(known):
    one = policy.load("japan-flexible-linear-country")
    paid = {
        car_rate(known, one, "JP", date(2026, 1, 1), maker)
        for maker in ("Toyota", "Mazda", "Mitsubishi Motors")
    }
    assert len(paid) == 1


def test_only_makers_at_home_earn_relief(known):
    one = policy.load("japan-flexible-linear-firm")
    assert car_rate(known, one, "JP", date(2026, 1, 1), "GM") == pytest.approx(0.275)
    assert car_rate(known, one, "EU", date(2026, 1, 1), "BMW") == pytest.approx(0.15)


def test_overlay_with_nothing_is_its_base(tmp_path, law):
    copy = policy.load(write(tmp_path, BASE))
    assert [e.model_dump() for e in copy.entries] == [e.model_dump() for e in law.entries]


def test_overlay_wins_on_its_dates_even_with_a_star(tmp_path, known):
    one = policy.load(
        write(tmp_path, BASE + EXTRA.format(id="all", origin="*", rate=0.4, start="2026-02-01"))
    )
    assert car_rate(known, one, "JP", date(2026, 1, 31)) == pytest.approx(0.15)
    assert car_rate(known, one, "JP", date(2026, 2, 1)) == pytest.approx(0.425)


def test_settings_replace_numbers(law):
    changed = policy.load("current-law", settings={"additional.japan-deal.rate": 0.1})
    assert {e.id: e.rate for e in changed.additional}["japan-deal"] == 0.1
    assert {e.id: e.rate for e in law.additional}["japan-deal"] == 0.15
    nested = policy.load(
        "japan-flexible-linear-firm", settings={"relief.japan.score.export_ratio.target": 0.5}
    )
    assert nested.relief[0].score["export_ratio"].target == 0.5


def test_every_entry_has_a_legal_source_and_says_when_it_is_our_construction():
    for name in policy.names():
        for entry in policy.load(name).entries:
            assert entry.source
            assert entry.url or entry.quality in ("derived", "constructed"), (name, entry.id)


FAULTS = [
    ("", 'base: missing, and no [[mfn]] to start from; add base = "current-law"'),
    (HEAD + "ratte = 1", "ratte: unknown key; the keys here are name, title"),
    (HEAD + 'satus = "law"', "satus: unknown key; did you mean 'status'?"),
    (HEAD + 'name = "other"', "name: a policy is called as its file"),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=-0.1, start="2026-01-01"),
        "additional.x.rate: Input should be greater than or equal to 0",
    ),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate='"15 minus MFN"', start="2026-01-01"),
        "additional.x.rate: write a number such as 0.15, without quotes or percent sign (got '15 minus MFN')",
    ),
    *(
        (BASE + EXTRA.format(**{"id": "x", "origin": "JP", "rate": 0.1, "start": "2026-01-01", **slip}), said)
        for slip, said in (
            ({"rate": '"0.1"'}, "additional.x.rate: write a number such as 0.15, without quotes"),
            ({"rate": "true"}, "additional.x.rate: write a number such as 0.15"),
            (
                {"rate": "15"},
                "additional.x.rate: a rate is a fraction, at most 2; write 0.15 for 15% (got 15)",
            ),
            ({"rate": "2.5"}, "additional.x.rate: a rate is a fraction, at most 2; write 0.15 for 15%"),
            ({"rate": "nan"}, "additional.x.rate: Input should be a finite number"),
            ({"rate": "inf"}, "additional.x.rate: Input should be a finite number"),
            ({"start": '"January 2026"'}, "additional.x.from: write a day such as 2026-01-31 (got 'January"),
            ({"start": "2026"}, "additional.x.from: write a day such as 2026-01-31 (got 2026)"),
            ({"start": "2026-01-01T00:00:00"}, "additional.x.from: write a day such as 2026-01-31"),
            ({"origin": "Japan"}, "additional.x.origin.0: write a code of two capitals"),
            ({"origin": "DE"}, "additional.x.origin.0: its goods are entered as those of EU; write that"),
            ({"origin": "UK"}, "additional.x.origin.0: its goods are entered as those of GB"),
        )
    ),
    (
        BASE + EXTRA.replace("rate", "rte").format(id="x", origin="JP", rte=1, start="2026-01-01"),
        "did you mean 'rate'",
    ),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01").replace("rate = 0.1", ""),
        "additional.x.rate: missing; add it",
    ),
    (
        BASE
        + EXTRA.replace("[[additional]]", "[additional]").format(
            id="x", origin="JP", rate=0, start="2026-01-01"
        ),
        "additional: write entries under [[additional]], in double brackets",
    ),
    (
        BASE + EXTRA.format(id="japan-deal", origin="JP", rate=0.1, start="2026-01-01"),
        "id 'japan-deal' occurs twice, here and in its base",
    ),
    (
        BASE + EXTRA.replace("autos", "auto").format(id="x", origin="JP", rate=0.1, start="2026-01-01"),
        "measure: 'section-232-auto' would be charged on top of 'section-232-autos'",
    ),
    (
        BASE + OFFSET.replace("autos", "cars"),
        "offset.mine.measure: nothing is charged under 'section-232-cars'",
    ),
    (BASE.replace('"current-law"', "5"), 'base: write one name, such as base = "current-law" (got 5)'),
    (BASE + 'frozen_on = "2025-01-01"', "frozen_on: write a day such as 2026-01-31, without quotes"),
    (BASE.replace('title = "T"', 'title = ""'), "title: String should have at least 1 character"),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01") + "to = 2025-01-01",
        "additional.x: 'to' (2025-01-01) is before 'from'",
    ),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01") + "quota_units_per_year = 5",
        "a quota needs both",
    ),
    (BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01") * 2, "id 'x' occurs twice"),
    (
        BASE
        + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01")
        + EXTRA.format(id="y", origin="JP", rate=0.2, start="2026-03-01"),
        "x and y overlap from 2026-03-01",
    ),
    (BASE.replace("current-law", "no-such-law"), "base: no policy 'no-such-law'; choose from"),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01") + "voided = 2025-12-31",
        "additional.x: voided (2025-12-31) is before 'from' (2026-01-01)",
    ),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01") + 'quota_window = "quarter"',
        "quota_window has no effect here: it needs quota_units_per_year",
    ),
    (
        BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01") + "covers = 0",
        "additional.x.covers: Input should be greater than 0",
    ),
    (HEAD + "frozen_on = 2025-01-01", "frozen_on needs a base"),
    (HEAD + "title = ", "not readable as TOML"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_a_mistake_names_file_key_and_remedy(tmp_path, text, message):
    with pytest.raises(PolicyError) as caught:
        policy.load(write(tmp_path, text))
    assert message in str(caught.value)
    assert str(caught.value).startswith("reform.toml: ")


def relief(tmp_path, **changes):
    source = (facts.data_dir() / "policies/japan-flexible-linear-firm.toml").read_text(encoding="utf-8")
    for old, new in changes.values():
        assert old in source
        source = source.replace(old, new)
    return write(tmp_path, source)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight = 0.5", "weight = 0.6", "weights of score sum to 1.1; they must sum to 1"),
        (
            "export_ratio =",
            "exprot_ratio =",
            "unknown metric 'exprot_ratio'; choose from local_build_share",
        ),
        ("floor = 0.0", "floor = -0.1", "floor: Input should be greater than or equal to 0"),
        ("cap = 0.25", "cap = -1", "cap"),
        (
            "cap = 0.25",
            "cap = 0.25\nexponent = 2.0",
            'exponent has no effect here: it needs schedule = "smooth"',
        ),
        ("cap = 0.25", "cap = 0.25\nmidpoint = 0.3", "midpoint has no effect here: it needs steepness"),
        (
            'schedule = "linear"',
            'schedule = "smooth"\nsteepness = 5.0\nexponent = 2.0',
            "exponent has no effect here: it needs a curve without steepness",
        ),
        ("firm_weight = 1.0", "firm_weight = 2.0", "firm_weight: Input should be less than or equal to 1"),
        (
            'schedule = "linear"',
            'schedule = "cubic"',
            "schedule: Input should be 'linear', 'smooth' or 'tiered'",
        ),
    ],
)
def test_a_mistake_in_relief_is_named(tmp_path, old, new, message):
    with pytest.raises(PolicyError) as caught:
        policy.load(relief(tmp_path, one=(old, new)))
    assert message in str(caught.value)


def test_all_mistakes_are_listed(tmp_path):
    with pytest.raises(PolicyError) as caught:
        policy.load(
            relief(tmp_path, one=("floor = 0.0", "floor = -1"), two=("slope = 0.20", 'slope = "steep"'))
        )
    assert "floor" in str(caught.value) and "slope" in str(caught.value)


def test_missing_metric_of_a_score_is_an_error_unless_the_policy_says_otherwise(tmp_path, known):
    korea = ('origin = "JP"', 'origin = "KR"')
    strict = policy.load(relief(tmp_path, one=korea))
    with pytest.raises(DataError, match="investment_intensity of Kia is missing"):
        car_rate(known, strict, "KR", date(2026, 1, 1), "Kia")
    lenient = policy.load(
        relief(tmp_path, one=korea, two=("firm_weight = 1.0", 'missing = "reweight"\nfirm_weight = 1.0'))
    )
    assert 0 < car_rate(known, lenient, "KR", date(2026, 1, 1), "Kia") < 0.25


def test_a_circle_of_bases_is_refused(data):
    for name, base in (("a", "b"), ("b", "a")):
        (data / f"policies/{name}.toml").write_text(HEAD + f'base = "{base}"', encoding="utf-8")
    with pytest.raises(PolicyError, match="leads back to itself"):
        policy.load("a", data)


def test_a_file_may_bear_the_name_of_its_bundled_base(tmp_path, law):
    mine = policy.load(write(tmp_path, 'base = "current-law"', "current-law.toml"))
    assert mine.entries == law.entries


def test_a_base_is_looked_for_beside_the_file_that_names_it(tmp_path, law):
    write(tmp_path, BASE, "mine.toml")
    write(tmp_path, 'base = "mine.toml"')
    assert policy.load(tmp_path / "reform.toml").entries == law.entries


def test_a_fault_of_a_base_is_named_with_the_file_of_the_base(tmp_path):
    write(tmp_path, BASE + EXTRA.format(id="x", origin="JP", rate=-1, start="2026-01-01"), "mine.toml")
    path = write(tmp_path, 'base = "mine.toml"\nfrozen_on = 2025-12-31')
    with pytest.raises(PolicyError, match=r"^mine.toml: additional.x.rate: "):
        policy.load(path)


def test_a_file_of_a_base_and_what_changes_is_enough(tmp_path):
    text = EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01")
    one = policy.load(write(tmp_path, 'base = "current-law"' + text))
    assert (one.name, one.title, one.label, one.status) == ("reform", "reform", "reform", "proposal")
    assert one.additional[-1].rate == 0.1 and one.additional[-1].layer == 1


def test_a_mapping_is_read_as_the_file_it_stands_for(tmp_path):
    text = BASE + EXTRA.format(id="x", origin="JP", rate=0.1, start="2026-01-01")
    told = {
        "base": "current-law", "title": "T", "description": "D", "status": "counterfactual",
        "additional": [{
            "id": "x", "measure": "section-232-autos", "origin": "JP", "product": "car", "rate": 0.1,
            "from": date(2026, 1, 1), "source": "test",
        }],
    }  # fmt: skip
    assert policy.load(told) == policy.load(write(tmp_path, text))
    assert list(told) == ["base", "title", "description", "status", "additional"]
    assert policy.load({**told, "name": "mine"}).name == "mine"
    del told["additional"][0]["rate"]
    with pytest.raises(PolicyError, match=r"^mine: additional.x.rate: missing; add it"):
        policy.load({**told, "name": "mine"})


def test_days_may_be_quoted_and_numbers_may_come_from_numpy():
    settings = {"additional.japan-deal.to": "2026-06-30", "additional.japan-deal.rate": np.float64(0.1)}
    deal = next(e for e in policy.load("current-law", settings=settings).additional if e.id == "japan-deal")
    assert (deal.end, deal.rate) == (date(2026, 6, 30), 0.1)


def test_the_id_may_be_left_out_where_one_entry_can_be_meant():
    short, long = (
        policy.load("japan-flexible-linear-firm", settings={f"relief.{middle}slope": 0.15})
        for middle in ("", "japan.")
    )
    assert short == long and short.relief[0].slope == 0.15
    deep = {"relief.score.export_ratio.target": 0.5, "relief.score.export_ratio.weight": 0.3,
            "relief.score.local_build_share.weight": 0.4}  # fmt: skip
    changed = policy.load("japan-flexible-linear-firm", settings=deep).relief[0].score
    assert (changed["export_ratio"].target, changed["local_build_share"].weight) == (0.5, 0.4)
    steps = policy.load("japan-tiered-production-ratio", settings={"relief.bracket.1.rate": 0.12})
    assert [step.rate for step in steps.relief[0].bracket] == [0.20, 0.12, 0.10, 0.05]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "additional.rate",
            0.1,
            "'additional.rate' may be that of several entries; write one of additional.232-vehicles.rate",
        ),
        ("offset.rate", 0.1, "write one of offset.msrp-offset.rate, offset.msrp-offset-extended.rate"),
        ("credit.rate", 0.1, "no key 'credit.rate' to set; write kind.id.field with one of mfn.cars"),
        (
            "relief.firm.slope",
            0.1,
            "no key 'relief.firm.slope' to set; write kind.id.field with one of relief.japan",
        ),
        ("relief", 0.1, "no key 'relief' to set"),
        ("slope", 0.1, "no key 'slope' to set"),
        ("title", "T", "no key 'title' to set"),
        ("relief.japan.slop", 0.1, "relief.japan has no 'slop' to set; did you mean 'slope'?"),
        ("relief.slope.x", 0.1, "relief.japan has no 'slope.x' to set"),
        ("relief.bracket.9.rate", 0.1, "relief.japan has no 'bracket.9.rate' to set"),
        ("relief.score.exports.weight", 0.1, "relief.japan has no 'score.exports.weight' to set"),
        (
            "relief.score.export_ratio.wait",
            0.1,
            "relief.japan.score.export_ratio.wait: unknown key; the keys here are weight, target",
        ),
        ("relief.slope", "steep", "relief.japan.slope: write a number such as 0.15, without quotes"),
        ("relief.slope", None, "relief.japan.slope: Input should be a valid number"),
        ("relief.floor", -0.1, "relief.japan.floor: Input should be greater than or equal to 0"),
        ("relief.floor", 0.3, "relief.japan: floor 0.3 is above cap 0.25; swap them"),
        (
            "relief.score.export_ratio.weight",
            0.3,
            "relief.japan: the weights of score sum to 1.1; they must sum to 1",
        ),
        ("additional.korea-deal.origin", "JP", "japan-deal and korea-deal overlap from 2025-11-01"),
    ],
)
def test_a_mistaken_setting_names_file_key_and_remedy(key, value, message):
    with pytest.raises(PolicyError) as caught:
        policy.load("japan-flexible-linear-firm", settings={key: value})
    assert str(caught.value).startswith("japan-flexible-linear-firm.toml: ")
    assert message in str(caught.value)


def test_goods_without_ordinary_duty_are_refused(known):
    cars = {
        "id": "m",
        "origin": "KR",
        "product": "car",
        "rate": 0.0,
        "from": date(1900, 1, 1),
        "source": "test",
    }
    with pytest.raises(PolicyError, match="no mfn rate for car from JP"):
        car_rate(known, policy.load({"mfn": [cars]}), "JP", date(2026, 1, 1))


def test_label_is_the_files_own_and_else_its_name(tmp_path):
    overlay = HEAD + 'base = "korea-25"\n'
    for name, text in {"mine": overlay, "copy": overlay + 'label = "Korea at 25%"\n'}.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    mine, copy = (policy.load(tmp_path / f"{name}.toml") for name in ("mine", "copy"))
    assert (mine.label, copy.label) == ("mine", "Korea at 25%")
    assert policy.labels([mine, copy]) == {"mine": "mine", "copy": "Korea at 25%"}
    assert policy.labels([copy, policy.load("korea-25")]) == {"copy": "copy", "korea-25": "korea-25"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("japan-flexible-linear-firm", "25% less 0.2 × score, between 0% and 25%"),
        ("japan-smooth", "25% less 0.2 / (1 + exp(−8 × (score − 0.5))), between 0% and 25%"),
        ("japan-increments", "25% less 2 × production_ratio of growth since CY2024, between 0% and 25%"),
        ("auto-pact-1965", "25%, with production_ratio from 0.75 on 0%"),
    ],
)
def test_a_relief_says_its_schedule_in_words(name, said):
    assert policy.load(name).relief[0].rule == said


def test_terms_of_a_relief_are_its_weights_or_the_one_ratio_it_goes_by():
    scored, single = (policy.load(name).relief[0] for name in ("japan-smooth", "auto-pact-1965"))
    assert terms(scored)["target"].to_dict() == {m: part.target for m, part in scored.score.items()}
    assert terms(single).loc["production_ratio", ["weight", "target"]].isna().tolist() == [False, True]
