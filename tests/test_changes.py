"""Is every difference between two runs found, put in order and told right?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tariffmodel
from tariffmodel import changes, policy, report
from tariffmodel.errors import DataError
from tariffmodel.runs import diff

BILLS = pd.Series({"Toyota": 5.5e9, "Kia": 1.5e9})


def manifest_of(folder: Path, **changed) -> dict:
    """What `report.run` writes, as far as a comparison reads it."""
    kept = [changes.CONCLUSIONS, *changes.INPUTS.values()]
    numbers = sorted(set(pd.read_csv(folder / changes.CONCLUSIONS, dtype=str)["notebook"]))
    return {
        "run": folder.name,
        "parameters": {"policy": "current-law", "against": "before-april-2025", "period": "FY2026-03"},
        "as_of": "2026-10-30",
        "tariffmodel": "0.1.0",
        "git": {"commit": "a" * 40, "dirty": False},
        "python": "3.11.7",
        "packages": {"pandas": "3.1.0"},
        "data": [{"file": "facts/volumes.csv", "size": 1, "sha256": "0" * 64}],
        "notebooks": [{"file": f"{n}_x.ipynb", "sha256": "1" * 64, "status": "ok"} for n in numbers],
        "outputs": [
            {"file": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
            for name in kept
        ],
        **changed,
    }


def write(folder: Path, **changed) -> Path:
    text = json.dumps(manifest_of(folder, **changed))
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def few(known):
    """The bundled facts with a few days of prices."""
    facts = replace(known)
    some = known.prices.columns[:2]
    vars(facts).update(prices=known.prices[some].dropna().iloc[-5:], fx=known.fx.iloc[-5:])
    return facts


@pytest.fixture(scope="module")
def template(few, law, before, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    changes.keep_inputs(folder, few, law, before)
    return folder


@pytest.fixture
def make(few, law, before, tmp_path):
    """A run's folder with these conclusions of notebook 02; facts and policies as bundled or given."""

    def make(name: str, found=BILLS, quantity="bill_usd", unit="usd", facts=None, policy=law, **changed):
        folder = tmp_path / name
        changes.keep_inputs(folder, facts or few, policy, before)
        changes.conclude("02", quantity, found, folder, unit=unit)
        return write(folder, **changed)

    return make


def numbers(value, standard_error=None, p_value=None) -> pd.DataFrame:
    columns = {"value": value, "standard_error": standard_error, "p_value": p_value}
    return pd.DataFrame({k: [v] for k, v in columns.items() if v is not None}, index=["Toyota"])


def flag(make, one: pd.DataFrame, two: pd.DataFrame) -> str:
    (row,) = changes.between(make("a", one), make("b", two)).conclusions.itertuples()
    return row.flag


# Recording


def test_a_conclusion_is_one_row_with_its_error_range_and_unit(tmp_path):
    found = pd.DataFrame({"value": [0.25], "standard_error": [0.1], "p_value": [0.012]}, index=["Kia"])
    changes.conclude("05", "fx_beta", found, tmp_path, unit="fraction per fraction")
    assert (tmp_path / "conclusions.csv").read_text() == (
        "notebook,quantity,subject,value,standard_error,low,high,unit,p_value\n"
        "05,fx_beta,Kia,0.25,0.1,,,fraction per fraction,0.012\n"
    )


def test_saying_it_again_replaces_what_was_said(tmp_path):
    for bills in (BILLS, BILLS * 2):
        changes.conclude("02", "bill_usd", bills, tmp_path, unit="usd")
    assert list(pd.read_csv(tmp_path / "conclusions.csv")["value"]) == [1.1e10, 3e9]


def test_the_table_is_the_same_whatever_is_said_first(tmp_path):
    calls = [("02", "bill_usd", BILLS / 3, "usd"), ("01", "score", BILLS / 7e9, "0 to 1")]
    for name, order in (("a", calls), ("b", calls[::-1])):
        for notebook, quantity, found, unit in order:
            changes.conclude(notebook, quantity, found, tmp_path / name, unit=unit)
    one, two = ((tmp_path / name / "conclusions.csv").read_bytes() for name in "ab")
    assert one == two


def test_kernels_that_conclude_at_once_lose_nothing(tmp_path):
    code = (
        "import sys; import pandas as pd; from tariffmodel import changes\n"
        "for n in range(40): changes.conclude(sys.argv[1], f'q{n:02d}', pd.Series({'Kia': n}), '.', unit='1')"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(tariffmodel.__file__).parents[1])}
    kernels = [
        subprocess.Popen([sys.executable, "-c", code, number], cwd=tmp_path, env=environment)
        for number in ("01", "02")
    ]
    assert [kernel.wait() for kernel in kernels] == [0, 0]
    said = pd.read_csv(tmp_path / "conclusions.csv", dtype={"notebook": str})
    expected = [(number, f"q{n:02d}", n) for number in ("01", "02") for n in range(40)]
    assert list(said[["notebook", "quantity", "value"]].itertuples(index=False, name=None)) == expected


def test_levels_of_the_index_make_one_subject(tmp_path):
    index = pd.MultiIndex.from_tuples([(pd.Timestamp("2025-07-22"), "Kia")])
    changes.conclude("04", "car", pd.Series([0.1], index), tmp_path, unit="log return")
    assert pd.read_csv(tmp_path / "conclusions.csv")["subject"][0] == "2025-07-22 / Kia"


def test_what_has_no_finite_value_is_left_out(tmp_path):
    found = pd.Series({"Kia": np.nan, "GM": np.inf, "Ford": 0.0})
    changes.conclude("02", "share", found, tmp_path, unit="fraction")
    assert list(pd.read_csv(tmp_path / "conclusions.csv")["subject"]) == ["Ford"]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes.conclude("02", "bill_usd", BILLS, "", unit="usd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("notebook", "found", "message"),
    [
        ("two", BILLS, "'two': write the two digits"),
        ("02", BILLS.to_frame("bill_usd"), "columns are bill_usd; expected value and any of standard_error"),
        ("02", numbers(1.0).assign(t_value=2.0), "columns are value, t_value"),
        ("02", numbers("much"), "could not convert string to float: 'much'; expected numbers"),
        ("02", pd.Series([1, 2], ["Kia", "Kia"]), "faulty for Kia; expected each subject once"),
        ("02", numbers(1.0, -0.1), "faulty for Toyota; expected standard_error >= 0"),
        ("02", numbers(1.0, p_value=1.2), "faulty for Toyota; expected p_value from 0 to 1"),
    ],
)
def test_a_faulty_conclusion_is_refused_even_where_none_is_kept(notebook, found, message):
    with pytest.raises(DataError, match=message):
        changes.conclude(notebook, "bill_usd", found, None, unit="usd")


def test_inputs_of_a_run_take_less_than_350_kilobytes(known, law, before, tmp_path):
    changes.keep_inputs(tmp_path, known, law, before)
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) < 350_000


# Conclusions


def test_a_run_compared_with_itself_has_not_changed(make):
    run = make("a")
    found = changes.between(run, run)
    assert found.nothing and found.inputs.empty and found.facts.empty and found.prices.empty
    assert found.summary() == "No input changed.\nAll 2 conclusions are the same."


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (numbers(1.0, 0.1), numbers(-1.0, 0.1), "sign flip"),
        (numbers(1.0, 0.1), numbers(1.0, 0.6), "significance lost"),
        (numbers(1.0, 0.6), numbers(1.0, 0.1), "significance gained"),
        (numbers(1.0, 0.1, 0.2), numbers(1.0, 0.1, 0.04), "significance gained"),  # p decides
        (numbers(1.0, 0.1), numbers(1.1, 0.1), "moved"),
        (numbers(0.0), numbers(1.0), "moved"),
        (numbers(1.0), numbers(1.0, 0.9), "same"),  # untested before: nothing gained, nothing lost
        (numbers(1.0), numbers(1.0 + 1e-10), "same"),
        (numbers(1e-15), numbers(-1e-15), "same"),
    ],
)
def test_flag(make, one, two, expected):
    assert flag(make, one, two) == expected


def test_change_is_in_standard_errors_of_the_first_run(make):
    found = changes.between(make("a", numbers(1.0, 0.2)), make("b", numbers(1.5, 0.9)))
    (row,) = found.conclusions.itertuples()
    assert (row.change, row.relative_change) == pytest.approx((0.5, 0.5))
    assert row.change_in_standard_errors == pytest.approx(2.5)


def test_another_unit_is_another_conclusion(make):
    found = changes.between(make("a"), make("b", BILLS / 1e9, unit="usd_bn"))
    assert sorted(found.conclusions["flag"]) == ["appeared"] * 2 + ["gone"] * 2


FIGURES = st.floats(-100, 100).map(lambda x: round(x, 3))
STATED = st.dictionaries(
    st.sampled_from("ABCDEF"),
    st.tuples(FIGURES, st.none() | st.floats(0.01, 50), st.none() | st.floats(0, 1)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STATED, STATED)
def test_flags_are_those_of_a_plain_loop_and_mirror_when_runs_are_swapped(
    template, tmp_path_factory, one, two
):
    runs = []
    for stated in (one, two):
        folder = tmp_path_factory.mktemp("run")
        for name in changes.INPUTS.values():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes((template / name).read_bytes())
        frame = pd.DataFrame.from_dict(stated, "index", columns=["value", "standard_error", "p_value"])
        changes.conclude("05", "beta", frame, folder, unit="1")
        notebooks = [{"file": "05_x.ipynb", "sha256": "1", "status": "ok"}]
        runs.append(write(folder, notebooks=notebooks))

    def sure(value, error, p):
        return p < 0.05 if p is not None else None if error is None else abs(value) > 1.96 * error

    expected = {}
    for subject in one.keys() | two.keys():
        old, new = one.get(subject), two.get(subject)
        if old is None or new is None:
            expected[subject] = "appeared" if old is None else "gone"
        elif old[0] * new[0] < 0:
            expected[subject] = "sign flip"
        elif {sure(*old), sure(*new)} == {True, False}:
            expected[subject] = "significance lost" if sure(*old) else "significance gained"
        else:
            expected[subject] = "same" if old[0] == new[0] else "moved"
    there, back = (changes.between(*pair).conclusions for pair in (runs, runs[::-1]))
    assert dict(zip(there["subject"], there["flag"], strict=True)) == expected
    mirror = {"appeared": "gone", "gone": "appeared"}
    mirror |= {"significance lost": "significance gained", "significance gained": "significance lost"}
    reversed_flags = {subject: mirror.get(flag, flag) for subject, flag in expected.items()}
    assert dict(zip(back["subject"], back["flag"], strict=True)) == reversed_flags
    places = [changes.FLAGS.index(f) for f in there["flag"]]
    assert places == sorted(places)
    moved = there[there["flag"] == "moved"]
    size = moved["change_in_standard_errors"].fillna(moved["relative_change"]).abs().fillna(0)
    assert list(size) == sorted(size, reverse=True)


def test_ranks_come_after_other_moves_and_are_told_as_places(make):
    one, two = make("a", BILLS), make("b", BILLS * [1.1, 1.0])
    for folder, places in ((one, [1, 2]), (two, [2, 1])):
        changes.conclude("02", "bill_rank", pd.Series(places, BILLS.index), folder, unit="rank")
        write(folder)
    found = changes.between(one, two)
    assert list(found.moved["quantity"]) == ["bill_usd", "bill_rank", "bill_rank"]
    assert found.summary().splitlines()[-3:] == [
        "4 conclusions: moved 3, same 1.",
        "Largest moves: bill_usd of Toyota USD 5.50 bn → USD 6.05 bn (+10.0%).",
        "Bill_rank: Kia 2 → 1; Toyota 1 → 2.",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1_400_000, 6, "1,400,000"),
        (0.1234567, 6, "0.123457"),
        (12_345.6, 4, "12,346"),
        (-123.45, 4, "-123.5"),
    ],
)
def test_number_is_written_without_a_power_of_ten(value, digits, text):
    assert diff._digits(float(value), digits) == text


def test_summary_names_flips_and_says_what_significant_means(make):
    subjects = ["Kia", "GM", "Ford"]
    frame = pd.DataFrame({"value": [0.5, 0.3, 0.1], "standard_error": 0.1}, index=subjects)
    after = frame.assign(value=[-0.5, 0.1, 0.11])
    found = changes.between(
        make("a", frame, quantity="fx_beta", unit="1"), make("b", after, quantity="fx_beta", unit="1")
    )
    assert found.summary().splitlines()[1:] == [
        "3 conclusions: sign flip 1, significance lost 1, moved 1.",
        "Sign flip: fx_beta of Kia 0.5 → -0.5 (-10.0 standard errors).",
        "Significance lost: fx_beta of GM 0.3 → 0.1 (-2.0 standard errors).",
        "Significant means p < 0.05 or, without a p-value, more than 1.96 standard errors from zero.",
        "Largest moves: fx_beta of Ford 0.1 → 0.11 (+0.1 standard errors).",
    ]
    assert diff._errors(-0.04) == "<0.1"
    assert list(found.table(2)["Verdict"]) == ["sign flip", "significance lost"]


def test_a_notebook_that_failed_or_did_not_run_is_not_called_gone(make):
    one, two = make("a"), make("b")
    failed = [{"file": "02_x.ipynb", "sha256": "1", "status": "failed"}]
    for notebooks, word in ((failed, "failed"), ([], "did not run")):
        found = changes.between(one, write(two, notebooks=notebooks))
        assert found.conclusions.empty
        assert found.left_out == (f"Conclusions of notebook 02 are not compared: it {word} in b.",)
        assert found.left_out[0] in found.summary()
    ok = {"sha256": "1", "status": "ok"}
    three = write(make("c"), notebooks=[{"file": f"{number}_x.ipynb", **ok} for number in ("02", "03", "04")])
    said = changes.between(write(one, notebooks=[{"file": "02_x.ipynb", **ok}]), three).left_out
    assert said == ("Conclusions of notebooks 03 and 04 are not compared: they did not run in a.",)


# Inputs


def test_versions_parameters_and_code_are_told_with_both_values(make):
    two = make("b", as_of="2026-11-20", packages={"pandas": "3.2.0", "rich": "15.0"}, git=None)
    found = changes.between(make("a"), two).inputs
    assert found.to_numpy().tolist() == [
        ["parameter", "as_of", "2026-10-30", "2026-11-20"],
        ["package", "pandas", "3.1.0", "3.2.0"],
        ["package", "rich", None, "15.0"],
        ["code", "revision", "a" * 12, None],
    ]


def test_a_changed_file_is_an_input_of_its_kind(make):
    files = ["facts/volumes.csv", "market/prices.parquet", "market/fx.parquet", "policies/x.toml", "a.csv"]
    data = [{"file": name, "size": 1, "sha256": "2" * 64} for name in files]
    found = changes.between(make("a"), make("b", data=data)).inputs
    assert list(found["what"]) == ["policy", "facts", "prices", "fx", "data"]
    assert found["after"].eq("2" * 12).all()


def test_a_changed_number_of_a_policy_is_named_by_its_key(make, law):
    entry = next(entry for entry in law.additional if entry.origin == ["JP"] and entry.rate == 0.15)
    others = [e for e in law.additional if e is not entry]
    changed = law.model_copy(update={"additional": [entry.model_copy(update={"rate": 0.25}), *others]})
    found = changes.between(make("a"), make("b", policy=changed))
    edited = ["policy", f"policy: additional.{entry.id}.rate", "0.15", "0.25"]
    assert found.inputs.to_numpy().tolist() == [edited]
    assert f"additional.{entry.id}.rate 0.15 → 0.25" in found.summary()


def test_a_policy_with_an_overlay_keeps_the_entries_of_its_base_apart(make):
    found = changes.between(make("a"), make("b", policy=policy.load("japan-flexible-linear-firm"))).inputs
    told = found.set_index("name")
    assert told.loc["policy: relief.japan (layer 1).slope", ["before", "after"]].tolist() == [None, "0.2"]
    assert told.loc["policy.status", ["before", "after"]].tolist() == ["law", "proposal"]
    assert not told.index.str.contains("additional").any() and not told.index.str.startswith("against").any()


def edited(few, edit):
    """Facts whose selected rows went through `edit`."""
    facts = replace(few, table=edit(few.selected.copy()))
    vars(facts).update(prices=few.prices, fx=few.fx)
    return facts


def test_selected_facts_are_told_row_by_row(make, few):
    def edit(table):
        table.loc[3, "value"] *= 2
        other = "derived" if table.at[5, "quality"] != "derived" else "reported"
        table.loc[5, ["quality", "source_title"]] = [other, "another source"]
        added = table.loc[[0]].assign(origin="ZZ")
        return pd.concat([table.drop(index=8), added], ignore_index=True)

    old, new = few.selected, edited(few, edit).selected
    found = changes.between(make("a"), make("b", facts=edited(few, edit)))
    cell = ["maker", "variable", "origin", "period", "unit"]
    by_cell = {tuple(row): change for *row, change in found.facts[[*cell, "change"]].to_numpy()}
    assert by_cell == {
        tuple(old.loc[3, cell]): "changed",
        tuple(old.loc[5, cell]): "changed",
        tuple(old.loc[8, cell]): "removed",
        tuple(new.iloc[-1][cell]): "added",
    }
    told = found.facts.set_index("change")
    assert set(told.loc["changed", "fields"]) == {"value", "quality, source"}
    assert told.at["added", "after"] == new.iloc[-1]["value"] and np.isnan(told.at["added", "before"])
    assert f"{old.at[3, 'value']:,.0f} → {2 * old.at[3, 'value']:,.0f}" in found.summary()


def repriced(known, edit):
    """Facts with the prices that `edit` returns."""
    facts = replace(known)
    vars(facts)["prices"] = edit(known.prices.copy())
    return facts


def test_prices_are_told_line_by_line(make, known):
    ford = known.prices["F"].dropna().index

    def edit(prices):
        prices["7203.T"] *= 0.5
        prices.loc[ford[100], "F"] *= 1.01
        prices.loc[ford[-3:], "F"] = np.nan
        return prices.drop(columns="GM").assign(NEW=1.0)

    found = changes.between(make("a", facts=known), make("b", facts=repriced(known, edit)))
    lines = found.prices.set_index("name")
    assert sorted(lines.index) == ["7203.T", "F", "GM", "NEW"]
    assert lines.at["7203.T", "ratio"] == pytest.approx(0.5) and lines.at["7203.T", "days_changed"] == 0
    assert lines.loc["F", ["ratio", "days_changed", "rows_removed"]].tolist() == [1, 1, 3]
    assert lines.at["F", "first_changed"] == ford[100]
    assert (lines.at["F", "last_before"], lines.at["F", "last_after"]) == (ford[-1], ford[-4])
    assert lines.at["GM", "rows_removed"] == known.prices["GM"].count()
    assert lines.at["NEW", "rows_added"] == len(known.prices) and pd.isna(lines.at["NEW", "ratio"])
    assert "re-based: 7203.T ×0.5, values changed: F on 1 day from" in found.summary()


def test_prices_that_go_on_are_counted_and_their_last_days_told(make, known):
    cut = repriced(known, lambda prices: prices[:"2025-12-31"])
    lines = changes.between(make("a", facts=cut), make("b", facts=known)).prices
    assert lines["rows_added"].sum() == known.prices["2026":].count().sum()
    assert (lines["kind"] == "prices").all() and (lines["last_before"] <= "2025-12-31").all()


def test_a_line_that_went_altogether_has_no_last_day(make, few):
    gone = few.prices.columns[few.prices.notna().any()][0]
    found = changes.between(make("a"), make("b", facts=repriced(few, lambda p: p.drop(columns=gone))))
    assert "1 price line changed" in found.summary() and "→ none" in found.summary()


def test_fractions_are_read_in_percent_and_their_changes_in_points(make):
    one, two = (numbers(value, 0.01) for value in (0.05, 0.06))
    found = changes.between(make("a", one, unit="fraction"), make("b", two, unit="fraction"))
    row = found.table().iloc[0]
    assert list(row[["Before", "After", "Change", "Relative"]]) == ["5%", "6%", "+1 pp", "+20.0%"]


def test_markdown_has_every_table_and_keeps_bars_inside_cells(make, few):
    def edit(table):
        return table.assign(maker=table["maker"].replace({"Toyota": "Toy|ota"}))

    text = changes.between(make("a"), make("b", BILLS * 2, facts=edited(few, edit))).to_markdown()
    assert text.startswith("# What changed from a to b\n\n- Selected facts: ")
    assert "## Conclusions" in text and "## Selected facts" in text and "Toy&#124;ota" in text
    rows = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {8, 10}  # seven columns, and nine


# Folders that cannot be compared


def test_a_folder_that_is_no_run_is_refused(make, tmp_path):
    with pytest.raises(DataError, match=r"not the folder of a run \(no manifest.json in it\); name one"):
        changes.between(tmp_path, make("a"))


def test_a_run_that_did_not_end_is_refused(make):
    cut_short = write(make("b"), outputs=[])
    with pytest.raises(DataError, match="holds a run that did not end; run the question again"):
        changes.between(make("a"), cut_short)


def test_half_a_manifest_is_refused(make):
    run = make("a")
    whole = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(whole[:100])
    with pytest.raises(DataError, match="no whole JSON file .*; run the question again"):
        changes.between(run, run)
    (run / "manifest.json").write_text('{"name": "an app"}')
    with pytest.raises(DataError, match="no manifest of a run; name a folder that"):
        changes.between(run, run)


def test_a_run_of_an_older_version_is_refused_by_its_version(make):
    run = write(make("a"), outputs=[{"file": "tables/02_bill.csv", "sha256": "0"}])
    with pytest.raises(DataError, match=r"made by tariffmodel 0.1.0, which kept no conclusions.csv; run the"):
        changes.between(run, run)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("notebook\n")])
def test_conclusions_that_were_altered_since_are_refused(make, damage):
    run = make("a")
    damage(run / "conclusions.csv")
    with pytest.raises(DataError, match=r"conclusions.csv is missing or not what the run wrote; restore it"):
        changes.between(make("b"), run)


@pytest.mark.slow
def test_what_two_runs_write_is_the_same_to_the_byte(executed, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(tariffmodel.__file__).parents[1]))  # installed or not
    again = report.run(
        policy="current-law",
        against="before-april-2025",
        period="FY2026-03",
        as_of=None,
        output=tmp_path,
        only=["03"],
        progress=False,
    )
    kinds = {".csv", ".json", ".svg", ".png"}
    tables = [path.relative_to(again) for path in again.rglob("03_*") if path.suffix in kinds]
    assert {path.suffix for path in tables} == kinds
    for table in tables:
        assert (again / table).read_bytes() == (executed / table).read_bytes()
    moved = changes.between(executed, again).moved
    assert moved.empty or not moved["notebook"].str.startswith("03").any()
