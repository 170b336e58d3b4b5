"""A version names a state of the data: equal for equal tables, another for any change that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from tariffmodel import facts, store
from tariffmodel.facts.version import Version, data_version


def test_two_copies_of_the_data_have_one_version(known, data):
    assert data_version(data) == known.version == data_version(known.folder)


def test_a_version_is_a_day_and_a_short_digest(known):
    day, digest = str(known.version).rsplit("-", 1)
    assert day == str(known.version.day)
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    assert str(Version(None, "0123abcd")) == "undated-0123abcd"


def test_a_what_if_says_that_it_is_one(known):
    halved = known.with_values({("Subaru", "us_import_units", "JP"): lambda units: units / 2})
    assert halved.version == replace(known.version, changed=True)
    assert str(halved.version) == f"{known.version}-changed"


def test_a_changed_figure_is_another_version(data):
    before = data_version(data)
    volumes = data / "facts/volumes.csv"
    volumes.write_text(volumes.read_text(encoding="utf-8").replace("165007", "165008"), encoding="utf-8")
    assert data_version(data).digest != before.digest
    assert data_version(data).day == before.day


def test_a_changed_policy_and_a_changed_price_are_other_versions(data):
    seen = {data_version(data).digest}
    law = data / "policies/current-law.toml"
    law.write_text(law.read_text(encoding="utf-8") + "\n# read again\n", encoding="utf-8")
    seen.add(data_version(data).digest)
    prices = data / "market/prices.parquet"
    pd.read_parquet(prices).iloc[:-1].to_parquet(prices)
    seen.add(data_version(data).digest)
    assert len(seen) == 3


def test_notes_golden_results_and_line_ends_do_not_count(data):
    before = data_version(data)
    note = data / "facts/volumes.SOURCE.md"
    note.write_text("other words\n", encoding="utf-8")
    (data / "policies/flat-25.golden.csv").unlink()
    (data / "codebook.csv").unlink()
    for table in (data / "facts").glob("*.csv"):
        table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    assert data_version(data) == before


def test_the_day_is_the_newest_on_which_a_row_was_read(data):
    for path in data.rglob("*.csv"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("2026-11-", "2026-10-"), encoding="utf-8")
    makers = data / "companies/makers.csv"
    rows = pd.read_csv(makers, dtype=str, keep_default_na=False)
    rows.loc[0, "source_date"] = "2026-12"  # a month is no day
    rows.loc[1, "source_date"] = "2026-11-01"
    rows.to_csv(makers, index=False)
    assert data_version(data).day == date(2026, 11, 1)


def test_a_snapshot_is_another_version_of_its_own_day_and_the_old_facts_keep_theirs(data):
    loaded = facts.load(data)
    before = data_version(data)
    assert loaded.overlay == data
    with store.writing(data, "a test") as staging:
        (staging / "market").mkdir()
        fx = pd.read_parquet(data / "market/fx.parquet")
        fx.iloc[:-1].to_parquet(staging / "market/fx.parquet")
    after = data_version(data)
    assert after.digest != before.digest
    assert after.day == max(before.day, date.fromisoformat(f"{Path(store.overlay(data)).name[:8]}"))
    assert loaded.version == before
    assert replace(loaded).version == after
    store.restore(data, store.BUNDLED)
    assert data_version(data) == before
