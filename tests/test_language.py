"""Labels in Japanese: what charts share is translated, makers are called as there, no empty boxes."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from matplotlib.text import Text
from test_pictures import DRAWN

from tariffmodel import charts, facts
from tariffmodel.charts import house, spoken
from tariffmodel.errors import DataError

# what test charts make up, policies by their file names, and names that are written so in Japan too
CHARTS = [
    "car_vs_exposure", "slopes_by_event", "implied_and_priced", "gross_and_net", "bill_bars", "burden",
    "rate_path", "tornado", "gains_and_losses",
]  # fmt: skip
STAYS = {
    "a case",
    "a source",
    "law",
    "to",
    "double",
    "flat-25",
    "one-to-one",
    "none",
    "Japan deal",
    "BMW",
    "p",
}


@pytest.fixture
def japanese(monkeypatch):
    """In Japanese, whether or not this machine has the letters."""
    monkeypatch.setattr(house, "refuse_unset", lambda texts: None)
    with charts.language("ja"):
        yield


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", CHARTS)
def test_no_label_of_a_chart_is_forgotten(japanese, name):
    fig = DRAWN[name](width_cm=charts.COLUMN_CM)
    texts = {text.get_text().replace("\n", " ") for text in fig.findobj(Text)}
    texts -= {fig.get_suptitle().replace("\n", " ")}
    stays = "|".join(sorted(map(re.escape, STAYS), key=len, reverse=True))
    kept = re.compile(rf"(?<![A-Za-z])({stays})(?![a-z])")
    left = {text for text in texts if re.search(r"[A-Za-z]{3}", kept.sub("", text))}
    assert left == set()
    assert re.search("[A-Za-z]{3}", fig.get_suptitle())  # a sentence, which stays English


def test_every_label_has_a_translation_with_the_same_parts():
    rows = pd.read_csv(spoken.Path(spoken.__file__).parents[1] / "labels.csv", keep_default_na=False)
    assert rows["english"].is_unique and (rows[["english", "ja"]] != "").all(axis=None)
    assert (rows["english"].str.count("{}") == rows["ja"].str.count("{}")).all()
    house_notes = [
        *house.QUALITY_NOTE.values(),
        house.PART_NOTE,
        house.SOLVED_NOTE,
        *house.ORIGIN_NAME.values(),
    ]
    assert set(house_notes) <= set(rows["english"])


def test_every_maker_has_a_name_in_japan_and_at_home_by_which_it_is_found(known):
    names = pd.read_csv(facts.data_dir() / "companies/names.csv").set_index(["language", "maker"])["name"]
    for tongue in ("ja", "home"):
        assert set(names[tongue].index) == set(known.makers.index)
        for maker, name in names[tongue].items():
            assert facts.companies.find(known, name) == maker
    with charts.language("en", names="home"):
        assert spoken.said("Kia") == names["home", "Kia"] and spoken.said("no bill") == "no bill"


def test_days_units_and_parts_of_a_label_are_said_and_a_sentence_is_not_said_by_halves():
    with charts.language("ja"):
        assert spoken.said("As of 30 Oct 2026.") == "2026年10月30日現在"
        assert spoken.said("Bill, USD bn, lines are low to high; a case").endswith(
            "10億ドル、線は下限から上限; a case"
        )
        assert spoken.said("Toyota: customs value") == "トヨタ自動車: 課税価格"
        untold = "set against a rival's currency, and at the end"
        assert spoken.said(untold) == untold
    assert spoken.said("no bill") == "no bill"


def test_letters_that_no_font_has_are_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr(spoken, "fonts", lambda: ["DejaVu Sans"])
    with charts.language("ja"), pytest.raises(DataError, match=r"fonts-noto-cjk.*tariffmodel\[ja\]"):
        DRAWN["tornado"]()
    with pytest.raises(DataError, match="language 'fr' is unknown; one of en, ja"), charts.language("fr"):
        pass


def test_commands_refuse_before_they_compute(tm, monkeypatch):
    monkeypatch.setattr(spoken, "fonts", lambda: ["DejaVu Sans"])
    for words in (("run", "--only", "01"), ("maker", "Toyota", "--format", "png")):
        code, _, err = tm(*words, "--language", "ja")
        assert code == 1 and "no font here has the letters" in err
    assert tm("run", "--language", "xx")[0] == 1


def test_japanese_is_broken_between_its_signs_but_not_before_a_mark_of_closing():
    lines = house.wrapped("推計値を一つ以上含む。出所: a source", width=0.5, size=7).split("\n")
    assert len(lines) > 2 and not any(line[0] in "。:" for line in lines)
    assert "".join(lines).replace(" ", "") == "推計値を一つ以上含む。出所:asource"
