"""The policy lab computes what the tables compute, keeps what it shows, and explains what it refuses."""

from __future__ import annotations

import ast
import os
import re
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

import tariffmodel
from tariffmodel import (
    Valuation,
    case,
    comparison,
    exposure,
    facts,
    game,
    incentives,
    lab,
    net_bill,
    policy,
    report,
    schedule,
)
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.lab.drawing import headline, page
from tariffmodel.lab.knobs import own_text

YEAR = "FY2026-03"
JAPAN = "japan-flexible-linear-firm"
SLOPE, FLOOR = "relief.japan.slope", "relief.japan.floor"
WEIGHT = "relief.japan.score.{}.weight"
SHAPES = [
    JAPAN,
    "japan-smooth",
    "auto-pact-1965",
    "taiwan-capacity-multiple",
    "current-law",
    "mfn-only",
    "none",
]


@pytest.fixture(scope="module")
def bench(known, before, law) -> lab.Workbench:
    return lab.Workbench(case(law, before, data=known))


@pytest.fixture
def session(known, tmp_path) -> lab.Lab:
    return lab.open_lab(case(data=known), folder=tmp_path / "kept")


def numbers(one: policy.Policy) -> list[dict]:
    return [{**entry.model_dump(exclude={"quality", "note"}), "kind": type(entry)} for entry in one.entries]


# What it brings about -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_outcome_equals_the_tables_made_one_by_one(known, bench, before, law, name):
    one = policy.load(name)
    found = lab.outcome(bench, one)
    tables = {
        "": exposure.table(case(one, before, data=known)),
        "_baseline": exposure.table(case(law, before, data=known)),
    }
    for suffix, table in tables.items():
        prefix = "baseline" if suffix else "bill"
        for end in ("", "_low", "_high"):
            theirs = table[f"bill{end}_usd"].reindex(found.index)
            np.testing.assert_allclose(found[f"{prefix}{end}_usd"], theirs, rtol=1e-9, atol=1e-3)
        theirs = table["effective_rate"].reindex(found.index)
        np.testing.assert_allclose(found[f"effective_rate{suffix}"], theirs, rtol=1e-9)
    ranked = comparison.ranked(case(law, before, data=known), one)["change_usd"].reindex(found.index)
    np.testing.assert_allclose(found["change_usd"], ranked, rtol=1e-9, atol=1e-2)
    net = net_bill.table(case(one, before, data=known))["net_bill_usd"].reindex(found.index)
    np.testing.assert_allclose(found["net_bill_usd"], net, rtol=1e-9, atol=1e-2)
    worth = incentives.marginal(case(one, before, data=known)).reindex(found.index)
    for column in ("worth_us_built_usd", "worth_exported_usd"):
        np.testing.assert_allclose(found[column], worth[column], rtol=1e-9, atol=1e-6)


def test_range_of_the_change_is_that_of_the_difference_in_every_run(known, bench, law):
    """Moved one at a time, each input moves both bills: the difference is taken before the range."""
    one = policy.load(JAPAN)
    moves = exposure.drivers(case(one, law, data=known))  # the one policy against the other, input by input
    found = lab.outcome(bench, one)
    for maker in ("Toyota", "Mazda", "Subaru"):
        fall, rise = np.sqrt((moves.loc[maker, ["fall_usd", "rise_usd"]] ** 2).sum())
        assert found.at[maker, "change_low_usd"] == pytest.approx(found.at[maker, "change_usd"] - fall)
        assert found.at[maker, "change_high_usd"] == pytest.approx(found.at[maker, "change_usd"] + rise)
        width = found.at[maker, "change_high_usd"] - found.at[maker, "change_low_usd"]
        assert width < found.at[maker, "bill_high_usd"] - found.at[maker, "bill_low_usd"]


def test_implied_move_is_the_yearly_change_after_tax_discounted_year_by_year(known, before, law):
    quarter = lab.Workbench(case(law, before, "2025Q4", data=known), Valuation(0.3, 0.1, 4.0))
    found = lab.outcome(quarter, policy.load(JAPAN))
    cap = exposure.table(case(law, before, "2025Q4", data=known))["market_cap_usd"]
    for maker in ("Toyota", "Mazda"):
        yearly = found.at[maker, "change_usd"] / 92 * 365.25
        worth = sum(-yearly * (1 - 0.3) / 1.1**year for year in (1, 2, 3, 4))
        assert found.at[maker, "implied_usd"] == pytest.approx(worth)
        assert found.at[maker, "implied_share_of_market_cap"] == pytest.approx(worth / cap[maker])
        assert np.sign(found.at[maker, "implied_usd"]) == -np.sign(found.at[maker, "change_usd"])
    low, high = (found[f"implied_share_of_market_cap_{end}"] for end in ("low", "high"))
    priced = found["implied_share_of_market_cap"].notna()
    assert (low[priced] <= high[priced]).all()
    assert found["implied_share_of_market_cap"].isna()[cap[cap.isna()].index].all()


def test_output_is_the_game_of_the_policy_and_its_curves_go_through_it(bench, session):
    session.turn(SLOPE, 0.1)
    found, one = session.output, session.policy
    asked = bench.case.replace(policy=one)
    rates = schedule.schedule(asked, "JP")
    for end, column in zip(
        ("high", "central", "low"),
        found.makers[["moved_low_units", "moved_units", "moved_high_units"]],
        strict=True,
    ):
        moved = game.nash(rates, game.costs(asked, rates, cost=end))
        assert found.total[column] == pytest.approx(moved.total)
    curve = found.curves["moved_units"]
    assert curve["slope", 0.1] == curve["base", 0.25] == found.total["moved_units"]
    steeper = game.nash(
        schedule.schedule(asked.replace(policy=policy.load(JAPAN)), "JP").with_relief(slope=0.5),
        game.costs(asked, rates),
    )
    assert curve["slope", 0.5] == pytest.approx(steeper.total)
    assert f"makers move {found.total['moved_units'] / 1e3:,.0f} thousand" in session._page.value
    assert session._page.value.count('class="supply"') == 2


def test_a_policy_without_relief_says_that_no_output_is_rewarded(session):
    session.start("flat-25")
    assert session.output in session._page.value and "no relief for one origin" in session.output
    with pytest.raises(DataError, match="no relief for one origin"):
        lab.supply(session.bench, session.policy)


def test_share_prices_after_the_day_asked_for_are_not_used(known, before, law):
    day = date(2025, 6, 30)
    early = lab.Workbench(case(law, before, as_of=day, data=known))
    theirs = exposure.table(case(law, before, YEAR, as_of=day, data=known))["market_cap_usd"]
    pd.testing.assert_series_equal(early.market_cap_usd.sort_index(), theirs.sort_index())


def test_what_is_kept_between_calls_never_changes_a_result(known, bench, before, law):
    """Dates move away and back, policies change: always as if computed for the first time."""
    moved = [
        policy.load(JAPAN, settings={"relief.japan.from": date(2025, 4, 3) + timedelta(n)})
        for n in (0, 90, 1)
    ]
    granted = policy.load(
        "taiwan-capacity-multiple", settings={"credit.under-construction.from": date(2025, 7, 1)}
    )
    for one in (*moved, policy.load("current-law"), granted, moved[0]):
        fresh = lab.outcome(lab.Workbench(case(law, before, data=known)), one)
        pd.testing.assert_frame_equal(lab.outcome(bench, one), fresh)


def test_makers_keep_their_order_while_a_slider_moves(bench):
    orders = [
        list(lab.outcome(bench, policy.load(JAPAN, settings={SLOPE: s})).index) for s in (0.0, 0.2, 0.4)
    ]
    assert orders[0] == orders[1] == orders[2]
    assert lab.outcome(bench, policy.load(JAPAN))["baseline_usd"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("wrong", "said"), [({"tax_rate": 1.2}, "tax_rate is 1.2"), ({"life_years": 0.0}, "life_years")]
)
def test_assumption_that_makes_no_sense_is_named(known, wrong, said):
    with pytest.raises(DataError, match=said):
        lab.open_lab(case(data=known), valuation=Valuation(**wrong))


# What can be turned -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", policy.names())
def test_every_knob_is_a_number_or_date_of_the_file_and_can_be_set(name):
    knobs = lab.adjustable(name)
    assert len({knob.key for knob in knobs}) == len(knobs)
    bundled, written = policy.load(name), own_text(name, None)
    assert lab.settings_of(knobs, {}) == {}
    for knob in knobs:
        assert knob.low <= knob.value <= knob.high and knob.step > 0
        kind, entry, *way = knob.key.split(".")
        stated = next(e for e in written[kind] if e["id"] == entry)
        for part in way:
            stated = stated[int(part) if part.isdigit() else part]
        assert stated == knob.value
        if "bracket" not in way:
            assert numbers(policy.load(name, settings={knob.key: knob.value})) == numbers(bundled)


def test_base_of_an_overlay_is_left_alone():
    assert {knob.entry for knob in lab.adjustable("eu-25")} == {"additional.eu-25"}
    assert lab.adjustable("before-april-2025") == []


def test_date_that_stands_for_always_is_no_knob():
    keys = [knob.key for knob in lab.adjustable("current-law")]
    assert "mfn.cars.from" not in keys and "mfn.cars.rate" in keys


def test_step_of_a_bracket_is_set_with_its_neighbours():
    name = "japan-tiered-production-ratio"
    chosen = lab.settings_of(lab.adjustable(name), {"relief.japan.bracket.1.rate": 0.12})
    assert list(chosen) == ["relief.japan.bracket"]
    steps = policy.load(name, settings=chosen).relief[0].bracket
    assert [(s.reach, s.rate) for s in steps] == [(1, 0.20), (2, 0.12), (3, 0.10), (4, 0.05)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    weights=st.lists(st.floats(0.01, 1), min_size=2, max_size=6).map(lambda w: [x / sum(w) for x in w]),
    value=st.floats(0, 1),
    data=st.data(),
)
def test_weights_sum_to_one_and_the_others_keep_their_proportions(weights, value, data):
    named = {f"m{k}": weight for k, weight in enumerate(weights)}
    moved = data.draw(st.sampled_from(list(named)))
    found = lab.reweighted(named, moved, value)
    assert list(found) == list(named) and found[moved] == value
    assert sum(found.values()) == pytest.approx(1, abs=1e-9)
    first, *rest = [name for name in named if name != moved]
    for name in rest:
        assert found[name] * named[first] == pytest.approx(found[first] * named[name], abs=1e-9)


def test_weights_that_were_all_given_away_come_back_alike():
    assert lab.reweighted({"a": 1.0, "b": 0.0, "c": 0.0}, "a", 0.4) == {"a": 0.4, "b": 0.3, "c": 0.3}


# Keeping it ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(name=st.sampled_from([name for name in policy.names() if lab.adjustable(name)]), data=st.data())
def test_written_policy_has_the_numbers_of_the_policy_with_these_settings(name, data):
    knobs = lab.adjustable(name)
    values = {}
    for knob in data.draw(
        st.lists(st.sampled_from(knobs), min_size=1, max_size=4, unique_by=lambda k: k.key)
    ):
        if isinstance(knob.value, date):
            values[knob.key] = data.draw(st.dates(knob.low, knob.high))
        else:
            values[knob.key] = data.draw(st.floats(knob.low, knob.high))
    chosen = lab.settings_of(knobs, values)
    try:
        wanted = policy.load(name, settings=chosen)
    except PolicyError:
        assume(False)
    with TemporaryDirectory() as folder:
        path = lab.write_policy(Path(folder) / "mine.toml", name, chosen)
        assert numbers(policy.load(path)) == numbers(wanted)
        assert [path.name for path in Path(folder).iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    "name", [JAPAN, "japan-tiered-production-ratio", "current-law", "canada-remission-quota"]
)
def test_written_policy_keeps_every_comment_and_says_what_changed(tmp_path, name):
    knob = next(knob for knob in lab.adjustable(name) if knob.unit == "%")
    path = lab.write_policy(tmp_path / "mine.toml", name, lab.settings_of([knob], {knob.key: 0.07}))
    old, new = (
        (p.read_text(encoding="utf-8")) for p in (facts.data_dir() / "policies" / f"{name}.toml", path)
    )
    assert re.findall("#.*", old) == re.findall("#.*", new)
    before, after = policy.load(name), policy.load(path)
    assert (after.status, after.title) == ("proposal", f"{before.title} (changed in the policy lab)")
    field = ".".join(knob.key.split(".")[2:])
    for one, two in zip(before.entries, after.entries, strict=True):
        if knob.entry.endswith(f".{one.id}"):
            assert two.quality == "constructed"
            assert two.note.startswith(one.note)
            assert f"changed in the policy lab (our construction): {field} {knob.value:g} → 0.07" in two.note
        else:
            assert one == two


def test_written_policy_can_be_changed_again_and_tells_its_history(tmp_path):
    first = lab.write_policy(tmp_path / "first.toml", JAPAN, {SLOPE: 0.15})
    second = policy.load(lab.write_policy(tmp_path / "second.toml", first, {SLOPE: 0.1}))
    assert second.relief[0].slope == 0.1
    assert second.title.count("changed in the policy lab") == 1
    assert second.label == second.name  # not that of the policy it comes from
    assert re.findall(r"slope ([\d.]+) → ([\d.]+)", second.relief[0].note) == [
        ("0.2", "0.15"),
        ("0.15", "0.1"),
    ]


def test_settings_without_an_id_are_kept_as_well(tmp_path):
    path = lab.write_policy(tmp_path / "mine.toml", JAPAN, {"relief.slope": 0.1})
    assert policy.load(path).relief[0].slope == 0.1


def test_policy_that_was_not_changed_is_copied_as_it_is(tmp_path):
    path = lab.write_policy(tmp_path / "mine.toml", JAPAN, {SLOPE: 0.2})
    assert path.read_bytes() == (facts.data_dir() / "policies" / f"{JAPAN}.toml").read_bytes()


@pytest.mark.parametrize(
    ("file", "chosen", "said"),
    [
        (f"{JAPAN}.toml", {SLOPE: 0.1}, "name of a bundled policy; choose another"),
        ("mine.txt", {SLOPE: 0.1}, r"ends in \.toml"),
        ("there.toml", {SLOPE: 0.1}, "exists and may hold work of yours"),
        ("mine.toml", {FLOOR: 0.3}, "floor 0.3 is above cap 0.25"),
        ("mine.toml", {"relief.japan.incline": 0.3}, "relief.japan has no 'incline' to set"),
        ("mine.toml", {"additional.jp-deal.rate": 0.1}, "no key 'additional.jp-deal"),
        ("mine.toml", {"additional.japan-deal.rate": 0.1}, "stands in its base 'current-law'"),
        ("mine.toml", {SLOPE: 9.0}, "less than or equal to 5"),
    ],
)  # fmt: skip
def test_policy_that_cannot_be_written_is_refused_and_leaves_nothing_behind(tmp_path, file, chosen, said):
    (tmp_path / "there.toml").write_text("mine")
    with pytest.raises(PolicyError, match=said):
        lab.write_policy(tmp_path / file, JAPAN, chosen)
    assert [path.name for path in tmp_path.iterdir()] == ["there.toml"]
    assert (tmp_path / "there.toml").read_text() == "mine"


def test_bundled_file_is_never_overwritten(data):
    path = data / "policies" / "eu-25.toml"
    before = path.read_bytes()
    with pytest.raises(PolicyError, match="bundled policy"):
        lab.write_policy(path, "eu-25", {"additional.eu-25.rate": 0.3}, data)
    assert path.read_bytes() == before


def test_a_file_that_rests_on_one_beside_it_can_be_kept_elsewhere(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "base.toml").write_text(
        (facts.data_dir() / "policies" / "eu-25.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    text = (facts.data_dir() / "policies" / "korea-25.toml").read_text(encoding="utf-8")
    source = tmp_path / "mine" / "both.toml"
    source.write_text(text.replace('base = "current-law"', 'base = "base.toml"'), encoding="utf-8")
    kept = policy.load(lab.write_policy(tmp_path / "kept.toml", source, {"additional.korea-25.rate": 0.3}))
    assert [e.rate for e in kept.additional if e.id in ("eu-25", "korea-25")] == [0.25, 0.3]


def test_a_file_without_a_title_is_kept_under_its_name(tmp_path):
    source = tmp_path / "mine.toml"
    source.write_text(
        'base = "current-law"\n\n[[additional]]\nid = "x"\nmeasure = "section-232-autos"\norigin = "JP"\n'
        'product = "car"\nrate = 0.1\nfrom = 2026-01-01\nsource = "test"\n',
        encoding="utf-8",
    )
    kept = policy.load(lab.write_policy(tmp_path / "kept.toml", source, {"additional.x.rate": 0.2}))
    assert (kept.title, kept.additional[-1].rate) == ("mine (changed in the policy lab)", 0.2)


# Turning by hand ----------------------------------------------------------------------------------


def test_slider_moves_figures_and_chart(session, bench):
    shown = session._page.value
    session.sliders[SLOPE].value = 15.0
    wanted = lab.outcome(bench, policy.load(JAPAN, settings={SLOPE: 0.15}))
    pd.testing.assert_frame_equal(session.frame, wanted)
    assert session.settings == {SLOPE: 0.15}
    assert session._page.value != shown and f"{SLOPE} = 0.15" in session._page.value
    session.sliders["relief.japan.from"].value = date(2025, 6, 1)
    assert session.policy.relief[0].start == date(2025, 6, 1)


def test_moved_weight_takes_from_the_others(session):
    session.sliders[WEIGHT.format("local_build_share")].value = 0.75
    shown = {key: slider.value for key, slider in session.sliders.items() if key.endswith(".weight")}
    assert list(shown.values()) == pytest.approx([0.75, 0.1, 0.1, 0.05])
    assert {k: m.weight for k, m in session.policy.relief[0].score.items()} == pytest.approx(
        {key.split(".")[3]: weight for key, weight in shown.items()}
    )
    assert "Weights sum to 1" in session._turning.children[1].children[-1].value
    session.sliders[WEIGHT.format("local_build_share")].value = 1.0
    assert "score.export_ratio.weight: Input should be greater than 0" in session._message.value
    session.sliders[WEIGHT.format("local_build_share")].value = 0.7
    assert [session.sliders[WEIGHT.format(name)].value for name in ("export_ratio", "jobs_intensity")] == [
        0.1,
        0.1,
    ]
    assert session._message.value.count("greater") == 0


def test_state_that_is_not_valid_is_explained_beside_the_last_that_was(session):
    good = session.frame
    session.sliders[FLOOR].value = 30.0
    assert "floor 0.3 is above cap 0.25" in session._message.value
    assert "last valid state" in session._message.value
    assert '"policy-lab old"' in session._page.value
    assert session.frame is good and session.policy.relief[0].floor == 0
    session.sliders[FLOOR].value = 5.0
    assert "above cap" not in session._message.value and '"policy-lab"' in session._page.value
    assert session.policy.relief[0].floor == 0.05


def test_policy_can_be_chosen_and_begun_again(session):
    session._choice.value = "canada-remission-quota"
    assert session.policy.name == "canada-remission-quota"
    assert "credit.as-granted.granted.Toyota" in session.sliders
    session.sliders["credit.as-granted.granted.Toyota"].value = 0
    assert session.settings
    entries = session._turning.children[0]
    entries.value = "credit.after-the-cut"
    assert all(key.startswith("credit.after-the-cut.") for key in session.sliders)
    session.start(session.name)
    assert not session.settings
    session._choice.value = "before-april-2025"
    assert "no number of its own" in session._turning.children[0].value
    assert (session.frame["bill_usd"] == 0).all()


def test_own_policy_is_read_from_its_text_and_a_fault_in_it_named_in_place(session):
    session._choice.value = "write one …"
    assert session._writing.layout.display == ""
    file = (facts.data_dir() / "policies" / f"{JAPAN}.toml").read_text(encoding="utf-8")
    assert session._text.value == re.sub(r"(?m)^label = .*\n", "", file)  # a changed policy is another one
    read = session._writing.children[1]
    good, text = session.frame, session._text.value
    session._text.value = text.replace("slope = 0.20", "slope = 0.20 0.30")
    read.click()
    assert "own-policy.toml: not readable as TOML" in session._message.value
    session._text.value = text.replace("slope = 0.20", "slop = 0.20")
    read.click()
    assert "relief.japan.slop: unknown key" in session._message.value
    assert session.frame is good and session.name == JAPAN
    session.sliders[SLOPE].value = 10.0  # still that of the policy before
    session._text.value = text.replace("slope = 0.20", "slope = 0.05")
    read.click()
    assert session.policy.name == "own-policy" and session.sliders[SLOPE].value == 5.0
    assert session._message.value.count("own-policy") == 0


def test_saved_policy_gives_the_figures_on_screen(session, bench, tmp_path):
    session._choice.value = "japan-tiered-production-ratio"
    session.sliders["relief.japan.bracket.1.rate"].value = 12.5
    session._file.value = "mine"
    assert session.save_policy() == f"Written: {tmp_path / 'kept' / 'mine.toml'}"
    saved = policy.load(tmp_path / "kept" / "mine.toml")
    pd.testing.assert_frame_equal(lab.outcome(bench, saved), session.frame)
    again = lab.open_lab(bench.case, tmp_path / "kept" / "mine.toml", folder=tmp_path)
    pd.testing.assert_frame_equal(again.frame, session.frame)


@pytest.mark.parametrize("name", ["", "../mine", JAPAN])
def test_name_that_is_none_is_refused_in_words(session, name):
    session._file.value = name
    keep = session.box.children[1].children[0].children[-2].children[1]
    keep.click()
    assert ("no name for a file" if name != JAPAN else "bundled policy") in session._message.value
    assert not session.folder.exists()


def test_saved_chart_comes_with_its_figures(session, tmp_path):
    session.sliders[SLOPE].value = 15.0
    session._file.value = "mine"
    session.save_chart()
    kept = {path.name for path in (tmp_path / "kept" / "charts").glob("*.*")}
    assert kept == {f"mine.{kind}" for kind in ("png", "svg", "pdf", "csv", "json")}
    figures = pd.read_csv(tmp_path / "kept" / "charts" / "mine.csv", index_col="maker")
    np.testing.assert_allclose(figures["bill_usd"], session.frame["bill_usd"], rtol=1e-9)
    assert (tmp_path / "kept" / "tables" / "mine.json").is_file()


# How it looks -------------------------------------------------------------------------------------


def test_page_states_what_is_drawn_in_which_unit_and_from_where(session):
    said = re.sub("<[^>]+>", " ", session._page.value)
    for part in (
        "USD bn",
        "law before April 2025",
        "FY2026-03 (1 Apr 2025 to 31 Mar 2026)",
        "law in force",
        "Source:",
        "As of",
    ):
        assert part in said
    assert not re.search(r"\bnan\b|\binf\b", said)
    toyota = session.frame.loc["Toyota"]
    assert f"{toyota['bill_usd'] / 1e9:,.2f}" in said
    revenue = session.frame.loc[session.frame["consolidated_in"].isna(), "change_usd"].sum() / 1e6
    assert f"US Treasury {revenue:+,.0f}.".replace("-", "\u2212") in said


def test_headline_names_who_gains_and_who_loses_most(session):
    change = session.frame["change_usd"]
    said = headline(session.frame, "A", "B")
    first, second = re.fullmatch(r"(.+); (.+): A instead of B", said).groups()
    for part, maker, verb in ((first, change.idxmin(), "gains"), (second, change.idxmax(), "loses")):
        name, amount, unit = re.fullmatch(rf"(.+) {verb} most, USD ([\d.]+) (bn|m)", part).groups()
        size = float(amount) * {"bn": 1e9, "m": 1e6}[unit]
        assert name == maker and size == pytest.approx(abs(change[maker]), rel=0.06)
    nothing = session.frame.assign(change_usd=0.0)
    assert headline(nothing, "A", "B") == "No bill under A differs from that under B"


def test_page_of_a_policy_without_any_bill_is_drawn(known, before):
    idle = lab.Workbench(case(before, before, data=known))
    said = page(idle, "<b>", lab.outcome(idle, before), {})
    assert "No bill under &lt;b&gt; differs" in said and "<b>" not in said
    assert "nan" not in said


# The notebook -------------------------------------------------------------------------------------


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(report.notebook_folder() / "policy_lab.ipynb", as_version=4)


def test_notebook_is_clean_and_opens_with_its_question(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert re.match(r"# .+\?\n", notebook.cells[0].source)
    assert code[0].metadata.tags == ["parameters"] and ast.parse(code[0].source)
    assert all(len(cell.source.splitlines()) <= 40 for cell in notebook.cells)


@pytest.mark.slow
def test_notebook_runs_without_a_browser(notebook, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(tariffmodel.__file__).parents[1])}
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources=where).execute(env=environment)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "stream"], "a warning or a print"
    assert any("application/vnd.jupyter.widget-view+json" in output.data for output in outputs)
