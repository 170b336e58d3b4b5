"""Does a refresh bring what the offices count, whole months only, and keep what was revised?"""

from __future__ import annotations

from dataclasses import replace

import offices
import pandas as pd
import pytest
from offices import Entry

import tariffmodel as tm
from tariffmodel import facts, store
from tariffmodel.errors import DataError
from tariffmodel.facts import trade
from tariffmodel.intake import census, fetching, official

NOW = pd.Timestamp("2025-08-20 12:00", tz="UTC")  # June 2025 is out, July may be
JUNE = [
    Entry("8703230190", "5880", 3_000_000_000, 750_000_000, 100_000),
    Entry("8703230190", "2010", 4_000_000_000, 0, 160_000, "S"),
    Entry("8703230190", "2010", 100_000_000, 25_000_000, 4_000),
    Entry("8704310120", "2010", 2_000_000_000, 100_000_000, 60_000, "S+", dutiable=400_000_000),
    Entry("8703800000", "4280", 1_500_000_000, 412_500_000, 25_000),
    Entry("8703800000", "4359", 500_000_000, 137_500_000, 12_000),
    Entry("8703230190", "4120", 300_000_000, 82_500_000, 3_000),
    Entry("8703230190", "7910", 60_000_000, 16_500_000, 1_500),
    Entry("8703900190", "5880", 10_000_000, 250_000, 900),  # used
    Entry("8708295160", "2010", 900_000_000, 9_000_000, 1_234_567, "S"),
    Entry("8458110050", "5880", 77_000_000, 3_000_000, 50),  # a lathe
]


class Desk:
    """A data folder, and offices to ask."""

    def __init__(self, folder, server, known) -> None:
        self.folder, self.server, self.known = folder, server, known
        self.slept: list[float] = []
        self.options = {"sources": ["imdb"], "months": "2025-06", "pause": 0.0}

    def refresh(self, **options) -> official.Report:
        given = {"session": self.server.session(), "now": NOW, "sleep": self.slept.append, "environment": {}}
        return official.refresh(self.facts(), **(given | {"timeout": 5.0} | self.options | options))

    def facts(self) -> facts.Facts:
        """Those of the test session, reading what the folder holds now."""
        return replace(self.known, folder=self.folder)

    def imports(self, month="2025-06") -> pd.DataFrame:
        rows = trade.in_use(self.facts())
        return rows[rows["period"] == month].set_index(["goods", "origin"])


@pytest.fixture
def desk(data, known):
    # the bundled month would be newer than a file of 2025; what a file brings is to be seen alone
    place = data / trade.US_IMPORTS
    table = pd.read_csv(place, dtype=str)
    table[~table["period"].str.startswith("2025")].to_csv(place, index=False)
    with offices.serving() as server:
        yield Desk(data, server, known)


def only(report: official.Report) -> pd.Series:
    assert len(report.table) == 1
    return report.table.iloc[0]


# ---- the files of Census


def test_a_month_is_summed_by_goods_and_origin_from_the_documented_positions(desk):
    desk.server.publish("2025-06", JUNE)
    report = desk.refresh()
    assert only(report)["outcome"] == "new" and report.snapshot == store.current(desk.folder)
    rows = desk.imports()
    japan = rows.loc[("car", "JP")]
    assert japan[["value_usd", "duty_usd", "units"]].to_list() == [3e9, 7.5e8, 1e5]  # without the used ones
    mexico = rows.loc[("vehicle", "MX")]
    assert mexico["value_usd"] == 6.1e9 and mexico["usmca_usd"] == 6e9 and mexico["dutiable_usd"] == 5e8
    assert rows.loc[("light_truck", "MX"), "duty_usd"] == 1e8
    europe = rows.loc[("car", "EU")]  # Germany and Slovakia
    assert europe["value_usd"] == 2e9 and europe["units"] == 37_000
    assert rows.loc[("car", "XX"), "value_usd"] == 6e7
    everything = rows.loc[("vehicle", "ALL")]
    assert (
        everything["value_usd"] == sum(e.value for e in JUNE[:8]) and everything["duty_usd"] == 1_524_000_000
    )
    parts = rows.loc[("part", "MX")]
    assert parts["value_usd"] == 9e8 and pd.isna(parts["units"])
    assert pd.isna(rows.loc[("car", "JP"), "usmca_usd"])
    assert rows["source_url"].unique() == [census.FILES.format(year="2025", short="2506")]
    assert facts.check(desk.folder) == []


def test_customs_compares_with_what_came(desk):
    desk.server.publish("2025-06", JUNE)
    desk.refresh()
    case = tm.case(period="2025-06", data=desk.facts())
    row = tm.customs.totals(tm.customs.table(case)).loc[("car", "JP")]
    assert row["official_units"] == 100_000 and row["official_rate"] == 0.25
    assert row["value_ratio"] == pytest.approx(row["units_ratio"] * row["value_per_unit_ratio"])


def test_amounts_may_be_padded_with_spaces(desk):
    text = "\r\n".join(offices.detail(entry, "2025-06") for entry in JUNE)
    head, rest = text[:28], text[28:]
    spaced = head + " " * 14 + rest[14:]  # cards: 15 positions that nobody reads
    place = len(offices.detail(JUNE[0], "2025-06")[:73])
    padded = spaced[:place] + f"{3_000_000_000:15d}" + spaced[place + 15 :]
    desk.server.publish("2025-06", JUNE, **{"imp_detl.txt": padded + "\r\n\x1a"})
    assert only(desk.refresh())["outcome"] == "new"
    assert desk.imports().loc[("car", "JP"), "value_usd"] == 3e9


FIRST = offices.detail(JUNE[0], "2025-06")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"imp_detl.txt": "too short\r\n"}, "IMDB2506.ZIP, line 1: positions 1-10 hold 'too short'"),
        (
            {"imp_detl.txt": f"{FIRST}\r\n {FIRST}"},
            "line 2: positions 1-10 hold ' 870323019', expected the commodity; the layout may have changed",
        ),
        (
            {"imp_detl.txt": FIRST.replace("000003000000000", "00000 300000000")},
            "line 1: positions 74-88 hold '00000 300000000', expected the value",
        ),
        (
            {"imp_detl.txt": offices.detail(JUNE[0], "2025-05")},
            "the month is 2025-05 (positions 23-28), expected 2025-06",
        ),
        ({"imp_detl.txt": ""}, "IMP_DETL.TXT of IMDB2506.ZIP is empty"),
        (
            {"concord.txt": "8458110050" + " " * 216 + "333517100\r\n"},
            "CONCORD.TXT of IMDB2506.ZIP has no line of NAICS 33611",
        ),
        (
            {"imp_detl.txt": "\r\n".join(offices.detail(entry, "2025-06") for entry in JUNE[1:])},
            "country 5880 add up to 87,000,000 USD and 3,250,000 of duty, IMP_CTY.TXT says 3,087,000,000",
        ),
        ({"imp_cty.txt": offices.country_sums(JUNE, "2025-05")}, "IMP_CTY.TXT of IMDB2506.ZIP is of 2025-05"),
    ],
)
def test_another_layout_is_named_with_line_and_positions_and_stores_nothing(desk, changed, message):
    desk.server.publish("2025-06", JUNE, **changed)
    report = desk.refresh()
    row = only(report)
    assert (row["outcome"], row["rows_added"]) == ("layout", 0) and message in row["detail"]
    assert report.wrong and store.current(desk.folder) == store.BUNDLED
    assert row["detail"] in report.summary()


def test_a_file_that_is_missing_in_the_archive_is_named(desk):
    texts = {"IMP_COMM.TXT": "x", "CONCORD.TXT": offices.concord()}
    desk.server.bodies[desk.server.place("2025-06")] = offices.zipped(texts)
    row = only(desk.refresh())
    assert (
        row["outcome"] == "layout"
        and "holds 0 files IMP_DETL.TXT, expected one; it has IMP_COMM.TXT" in row["detail"]
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("half a file forever", "IMDB2506.ZIP is truncated or damaged: not a whole ZIP file"),
        ("hang up forever", "the connection broke off"),
        ("500 forever", "answers HTTP 500"),
    ],
)
def test_a_truncated_month_stores_nothing_and_is_asked_for_again(desk, fault, message):
    desk.server.publish("2025-06", JUNE)
    desk.server.faults[desk.server.place("2025-06")] = [fault]
    row = only(desk.refresh())
    assert row["outcome"] == "failed" and message in row["detail"]
    assert store.current(desk.folder) == store.BUNDLED
    desk.server.faults.clear()
    assert only(desk.refresh())["outcome"] == "new"


def test_a_connection_that_breaks_off_once_is_made_again(desk):
    desk.server.publish("2025-06", JUNE)
    desk.server.faults[desk.server.place("2025-06")] = ["hang up", "500"]
    assert only(desk.refresh())["outcome"] == "new"
    assert desk.slept == [5.0, 10.0]


def test_a_damaged_member_is_named(desk):
    body = bytearray(offices.imdb("2025-06", JUNE))
    where = body.find(b"IMP_DETL.TXT") + 40
    body[where : where + 8] = b"\x00" * 8
    desk.server.bodies[desk.server.place("2025-06")] = bytes(body)
    row = only(desk.refresh())
    assert row["outcome"] == "failed" and "IMDB2506.ZIP" in row["detail"]


def test_a_page_in_place_of_a_file_is_no_month(desk):
    desk.server.bodies[desk.server.place("2025-06")] = b"<!DOCTYPE html><title>Sorry</title>"
    row = only(desk.refresh())
    assert row["outcome"] == "failed" and "begins with '<!DOCTYPE ht': not a whole ZIP" in row["detail"]


# ---- months


def test_months_that_are_stored_are_not_asked_for_and_the_last_may_not_be_out(desk):
    for month in ("2025-01", "2025-02", "2025-03"):
        desk.server.publish(month, JUNE)
    report = desk.refresh(months=None)
    assert report.table["outcome"].to_list() == ["new"] * 3 + ["not published"] * 3
    assert not report.wrong
    asked = len(desk.server.asked)
    desk.server.publish("2025-04", JUNE)
    again = desk.refresh(months=None)
    assert again.table["period"].to_list() == ["2025-04", "2025-05", "2025-06"]
    assert again.table["outcome"].to_list() == ["new", "not published", "not published"]
    assert len(desk.server.asked) == asked + 3


def test_a_month_is_not_expected_before_census_can_have_it(desk):
    report = desk.refresh(months=None, now=pd.Timestamp("2025-08-02", tz="UTC"))
    assert report.table["period"].to_list()[-1] == "2025-05"


def test_a_gap_before_a_later_month_is_a_fault(desk):
    desk.server.publish("2025-05", JUNE)
    desk.server.publish("2025-07", JUNE)
    report = desk.refresh(months="2025-05..2025-07")
    assert report.table["outcome"].to_list() == ["new", "missing", "new"] and report.wrong
    assert "is not there (HTTP 404), though 2025-07 is; repeat later" in report.table["detail"][1]
    assert desk.imports("2025-06").empty and len(desk.imports("2025-07"))


def test_one_bad_month_leaves_the_others(desk):
    desk.server.publish("2025-05", JUNE)
    desk.server.publish("2025-06", JUNE, **{"imp_detl.txt": "x"})
    desk.server.publish("2025-07", JUNE)
    report = desk.refresh(months="2025-05..2025-07")
    assert report.table["outcome"].to_list() == ["new", "layout", "new"]
    assert report.snapshot and desk.imports("2025-06").empty


def test_three_bad_months_in_a_row_stop_the_asking(desk):
    for number in range(1, 6):
        desk.server.publish(f"2025-0{number}", JUNE, **{"imp_detl.txt": "x"})
    report = desk.refresh(months="2025-01..2025-05")
    assert report.table["outcome"].to_list() == ["layout"] * 3 + ["skipped"] * 2
    assert len(desk.server.asked) == 3


def test_an_interrupted_refresh_changes_nothing_and_goes_on_where_it_was(desk):
    for month in ("2025-04", "2025-05", "2025-06"):
        desk.server.publish(month, JUNE)

    def interrupt(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.refresh(months="2025-04..2025-06", progress=interrupt)
    assert store.current(desk.folder) == store.BUNDLED and facts.check(desk.folder) == []
    asked = len(desk.server.asked)
    report = desk.refresh(months="2025-04..2025-06")
    assert report.table["outcome"].to_list() == ["new"] * 3
    assert report.table["detail"].to_list()[:2] == ["kept from the interrupted run of 2025-08-20"] * 2
    assert len(desk.server.asked) == asked + 1
    assert not list((desk.folder / "store/.trade").glob("*"))  # the next one asks anew


def test_months_of_a_run_long_ago_are_asked_for_again(desk):
    desk.server.publish("2025-06", JUNE)

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.refresh(progress=interrupt)
    later = NOW + official.KEPT_FOR + pd.Timedelta("1D")
    assert only(desk.refresh(now=later))["detail"] == ""
    assert len(desk.server.asked) == 2


def test_progress_and_pauses_are_the_callers(desk):
    for month in ("2025-05", "2025-06"):
        desk.server.publish(month, JUNE)
    seen = []
    desk.refresh(months="2025-05..2025-06", progress=lambda *step: seen.append(step), pause=1.5)
    assert seen == [(1, 2, "Census files 2025-05"), (2, 2, "Census files 2025-06")]
    assert desk.slept == [1.5]


# ---- vintages


def test_a_revised_month_is_a_new_vintage_and_the_old_one_stays(desk):
    desk.server.publish("2025-06", JUNE, "Wed, 06 Aug 2025 12:00:00 GMT")
    desk.refresh()
    revised = [replace(JUNE[0], duty=800_000_000), *JUNE[1:]]
    desk.server.publish("2025-06", revised, "Fri, 05 Jun 2026 12:00:00 GMT")
    later = pd.Timestamp("2026-06-10", tz="UTC")
    row = only(desk.refresh(now=later))
    assert row["outcome"] == "revised" and row["rows_added"] == 4  # cars and vehicles, of Japan and of all
    assert "car JP 2025-06 duty_usd 750,000,000 → 800,000,000" in row["detail"]
    known = desk.facts()
    every = trade.vintages(known)
    japan = every[(every["goods"] == "car") & (every["origin"] == "JP") & (every["period"] == "2025-06")]
    assert japan["vintage"].to_list() == ["2025-08-06", "2026-06-05"]
    assert desk.imports().loc[("car", "JP"), "duty_usd"] == 8e8
    assert desk.imports().loc[("car", "GB"), "vintage"] == "2025-08-06"
    early = trade.in_use(known.as_known(pd.Timestamp("2025-12-31").date()))
    before = early[(early["goods"] == "car") & (early["origin"] == "JP") & (early["period"] == "2025-06")]
    assert before["duty_usd"].item() == 7.5e8  # nobody knew the revision then
    assert only(desk.refresh(now=later))["outcome"] == "unchanged"
    assert facts.check(desk.folder) == []


def test_the_same_month_again_writes_no_snapshot(desk):
    desk.server.publish("2025-06", JUNE, "Wed, 06 Aug 2025 12:00:00 GMT")
    before = desk.refresh().snapshot
    report = desk.refresh()
    assert only(report)["outcome"] == "unchanged" and report.snapshot == ""
    assert store.current(desk.folder) == before and "Nothing stored" in report.summary()


def test_an_older_file_does_not_take_the_place_of_a_newer_figure(desk):
    desk.server.publish("2025-06", JUNE, "Fri, 05 Jun 2026 12:00:00 GMT")
    desk.refresh(now=pd.Timestamp("2026-06-10", tz="UTC"))
    first = [replace(entry, duty=entry.duty // 2) for entry in JUNE]
    desk.server.publish("2025-06", first, "Wed, 06 Aug 2025 12:00:00 GMT")
    row = only(desk.refresh(now=pd.Timestamp("2026-06-11", tz="UTC")))
    assert row["outcome"] == "older" and row["rows_added"] > 0
    assert desk.imports().loc[("car", "JP"), "duty_usd"] == 7.5e8


def test_what_a_newer_release_lacks_is_taken_from_the_one_before(data):
    place = data / trade.US_IMPORTS
    table = pd.read_csv(place, dtype=str)
    at = (table["goods"] == "car") & (table["origin"] == "MX") & (table["period"] == "2025-07")
    extra = table[at].assign(
        vintage="2025-09-05", value_usd="4100000000", duty_usd="500000000", usmca_usd=None
    )
    pd.concat([table, extra]).to_csv(place, index=False)
    rows = trade.in_use(facts.load(data))
    row = rows[(rows["goods"] == "car") & (rows["origin"] == "MX") & (rows["period"] == "2025-07")].iloc[0]
    assert row["vintage"] == "2026" and row["duty_usd"] == 5e8
    assert row["value_usd"] == pytest.approx(4.1895e9, rel=1e-4)  # not the older one


# ---- the API


def world(desk, month="2025-06", key="secret-key") -> None:
    """The API's answers: the world, the EU as a group beside its members, and a few countries."""
    desk.server.key = key
    rows = [("-", [9000, 5000, 1400, 300]), ("0003", [2000, 2000, 550, 37]), ("4280", [1500, 1500, 412, 25])]
    rows += [("5880", [3000, 3000, 750, 100]), ("2010", [4000, 0, 0, 160])]
    desk.server.api = {
        ("8703", month): rows,
        ("870431", month): [("-", [50, 50, 5, 2]), ("2010", [50, 50, 5, 2])],
    }
    desk.server.api |= {("870421", month): [("-", [7, 7, 1, 1]), ("1220", [7, 7, 1, 1])]}
    desk.server.api |= {("336110", month): rows, ("3363", month): rows}
    desk.options |= {"sources": ["api"], "environment": {"CENSUS_API_KEY": key}}


def test_the_api_gives_origins_the_eu_as_a_group_and_the_rest(desk):
    world(desk)
    assert only(desk.refresh())["outcome"] == "new"
    rows = desk.imports()
    assert rows.loc[("car", "ALL"), ["value_usd", "duty_usd", "units"]].to_list() == [9000, 1400, 300]
    assert rows.loc[("car", "EU"), "value_usd"] == 2000  # its members are not counted twice
    assert rows.loc[("car", "XX"), "value_usd"] == 0
    assert rows.loc[("light_truck", "ALL"), "value_usd"] == 57  # two tariff lines; the others had no trade
    assert pd.isna(rows.loc[("part", "MX"), "units"]) and pd.isna(rows.loc[("car", "MX"), "usmca_usd"])
    assert "with used cars" in rows.loc[("car", "JP"), "source_title"]
    assert facts.check(desk.folder) == []


def test_the_key_decides_which_way_is_taken_and_is_never_shown(desk):
    world(desk)
    report = desk.refresh(sources=None)
    assert report.table["source"].to_list()[0] == "Census API"
    assert "secret" not in report.table.to_string() + report.summary()
    report = desk.refresh(environment={"CENSUS_API_KEY": "wrong-one"})
    row = only(report)
    assert row["outcome"] == "failed" and "is the key in CENSUS_API_KEY valid?" in row["detail"]
    assert "wrong-one" not in row["detail"]
    row = only(desk.refresh(environment={}))
    assert row["outcome"] == "failed" and "set CENSUS_API_KEY in the environment" in row["detail"]
    assert desk.refresh(sources=None, environment={}).table["source"].to_list()[0] == "Census files"


def test_a_month_that_the_api_lacks_is_not_published(desk):
    world(desk)
    assert only(desk.refresh(months="2025-07"))["outcome"] == "not published"


def of_cars(month: str, country: str = "-", amount: str = "1") -> bytes:
    """An answer about HS 8703 with one row."""
    body = offices.answer(
        ["CON_VAL_MO", "DUT_VAL_MO", "CAL_DUT_MO", "CON_QY1_MO"], month, [(country, [7] * 4)]
    )
    return body.replace(b'"7", "7", "7", "7"', f'"{amount}", "1", "1", "1"'.encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (of_cars("2025-06").replace(b"CAL_DUT_MO", b"CALC_DUTY"), "8703 has no column CAL_DUT_MO; it has"),
        (of_cars("2025-05"), "answers hs 8703 with 2025-05, asked for 2025-06"),
        (of_cars("2025-06", "5880"), "has no total (CTY_CODE '-') of car"),
        (of_cars("2025-06", amount="1.5e3"), "expected whole numbers"),
    ],
)
def test_another_answer_of_the_api_is_named(desk, monkeypatch, body, message):
    world(desk)
    real = fetching.fetch

    def spoilt(session, url, params=None, **options):
        found = real(session, url, params, **options)
        return replace(found, content=body) if params["COMM_LVL"] == "HS4" else found

    monkeypatch.setattr(census, "fetch", spoilt)
    row = only(desk.refresh())
    assert row["outcome"] == "layout" and message in row["detail"]


# ---- INEGI


MADE = [
    (2025, month, brand, model, destination, units)
    for month in range(1, 7)
    for brand, model, destination, units in (
        ("Nissan", "Kicks", 66, 9000 + month), ("Nissan", "Kicks", 12, 500), ("KIA", "Tucson", 66, 1000),
        ("KIA", "K4 Sedán", 66, 9000), ("Nuevo", "Uno", 66, 5),
    )
]  # fmt: skip


def bundled(folder) -> list[tuple]:
    """What INEGI had when the bundled months were read, as its archive would say it."""
    table = pd.read_csv(folder / trade.MEXICO_EXPORTS)
    table = table[table["period"] < "2025"]
    return [
        (int(period[:4]), int(period[5:]), brand, "any", 66, units)
        for brand, period, units in table[["brand", "period", "units"]].itertuples(index=False)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_exports_to_the_us_come_by_brand_and_month_and_by_model(desk, encoding):
    desk.server.bodies[offices.Offices.INEGI] = offices.raiavl(MADE + bundled(desk.folder), encoding)
    report = desk.refresh(sources=["inegi"])
    assert report.table["period"].to_list() == ["mexico_exports", "mexico_models"]
    assert report.table["outcome"].to_list() == ["revised", "new"] and not report.wrong
    assert "brands without a maker: Nuevo" in report.table["detail"][0]
    known = desk.facts()
    rows = trade.in_use(known, trade.MEXICO_EXPORTS).set_index(["brand", "period"])
    assert (
        rows.loc[("Nissan", "2025-06"), "units"] == 9006
        and rows.loc[("Nissan", "2025-06"), "maker"] == "Nissan"
    )
    assert pd.isna(rows.loc[("Nuevo", "2025-06"), "maker"])
    assert rows.loc[("Nissan", "2024-06"), "vintage"] == "2025"  # not revised
    models = trade.in_use(known, trade.MEXICO_MODELS).set_index(["model", "period"])
    assert models.loc[("Tucson", "2025-01..2025-06"), ["maker", "units"]].to_list() == ["Hyundai Motor", 6000]
    assert models.loc[("K4 Sedán", "2025-01..2025-06"), "maker"] == "Kia"
    assert facts.check(desk.folder) == []
    found = tm.customs.mexico(tm.case(period="2025-05..2025-06", data=known))
    assert found.loc["Nissan", ["period", "official_units"]].to_list() == ["2025-05..2025-06", 18_011]


def test_a_month_that_inegi_lacks_is_named_and_the_rest_is_stored(desk):
    rows = [row for row in MADE if row[1] != 3]
    desk.server.bodies[offices.Offices.INEGI] = offices.raiavl(rows)
    report = desk.refresh(sources=["inegi"])
    assert report.table["outcome"].to_list() == ["missing", "new"] and report.wrong
    assert "months that INEGI lacks: 2025-03" in report.table["detail"][0]
    units = trade.in_use(desk.facts(), trade.MEXICO_EXPORTS).set_index(["brand", "period"])["units"]
    assert units[("Nissan", "2025-06")] == 9006


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("UNI_VEH", "UNIDADES", "has no column UNI_VEH; it has PROD_EST, COBERTURA"),
        (",9001,", ",9 001,", "row 2: ANIO '2025', ID_MES '1', UNI_VEH '9 001'"),
        ("Nacional,2025,1,", "Nacional,2025,13,", "row 2: ANIO '2025', ID_MES '13'"),
        (",66,", ",99,", "no export to destination 66"),
    ],
)
def test_another_layout_of_inegi_is_named_and_stores_nothing(desk, good, bad, message):
    name = "conjunto_de_datos/raiavl_exportacion_mensual_tr_cifra_2025.csv"
    with fetching.opened(offices.raiavl(MADE), "archive") as archive:
        text = archive.read(name).decode()
    desk.server.bodies[offices.Offices.INEGI] = offices.zipped({name: text.replace(good, bad)})
    row = only(desk.refresh(sources=["inegi"]))
    assert (row["outcome"], row["rows_added"]) == ("layout", 0) and message in row["detail"]
    assert store.current(desk.folder) == store.BUNDLED


def test_archive_of_inegi_without_its_files_or_cut_short_is_named(desk):
    body = offices.raiavl(MADE)
    desk.server.bodies[offices.Offices.INEGI] = offices.zipped({"LEEME.txt": "hola"})
    assert "it has LEEME.txt" in only(desk.refresh(sources=["inegi"]))["detail"]
    desk.server.bodies[offices.Offices.INEGI] = body[: len(body) // 2]
    row = only(desk.refresh(sources=["inegi"]))
    assert row["outcome"] == "failed" and "is truncated or damaged" in row["detail"]


def test_one_office_that_fails_does_not_keep_the_other_out(desk):
    desk.server.bodies[offices.Offices.INEGI] = offices.raiavl(MADE)
    report = desk.refresh(sources=["imdb", "inegi"])
    assert (
        report.table["outcome"].to_list()[0] == "not published" and "new" in report.table["outcome"].to_list()
    )
    assert report.snapshot


# ---- the whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ["fed"]}, "no source fed; choose from imdb, api, inegi"),
        ({"sources": "imdb"}, r"sources is the text 'imdb'; pass a list: \['imdb'\]"),
        ({"months": "2025-06-02..2025-06-20"}, "is not made of whole months; write 2025-04 or"),
        ({"months": "soon"}, "period 'soon' is not understood"),
        ({"now": pd.Timestamp("2025-08-20")}, "without a time zone"),
    ],
)
def test_bad_argument_is_named_before_anything_is_asked(desk, options, message):
    with pytest.raises(tm.errors.TariffModelError, match=message):
        desk.refresh(**options)
    assert not desk.server.asked


def test_what_does_not_fit_the_schema_is_not_stored(desk):
    too_much = [replace(JUNE[0], dutiable=9_000_000_000)]
    desk.server.publish("2025-06", too_much)
    with pytest.raises(
        DataError, match="us_imports.csv as it would be row .*dutiable_usd.*at most value_usd"
    ):
        desk.refresh()
    assert store.current(desk.folder) == store.BUNDLED


def test_command_shows_what_came_and_fails_where_something_is_wrong(tm, desk, monkeypatch):
    desk.server.publish("2025-06", JUNE)
    asked = {}
    real = official.refresh

    def here(known, **options):
        asked.update(options)
        given = {"session": desk.server.session(), "now": NOW, "sleep": desk.slept.append, "environment": {}}
        return real(known, **options, **given)

    monkeypatch.setattr(official, "refresh", here)
    code, out, _ = tm("refresh", "trade", "--months", "2025-06", "--source", "imdb", "--data", desk.folder)
    assert code == 0 and "1 months and files: 1 new." in out and "snapshot" in out
    assert asked["sources"] == ["imdb"] and asked["months"] == "2025-06"
    desk.server.publish("2025-06", JUNE, **{"imp_detl.txt": "x"})
    code, out, _ = tm("refresh", "trade", "--months", "2025-06", "--source", "imdb", "--data", desk.folder)
    assert code == 3 and "Census files 2025-06: layout. IMP_DETL.TXT" in out
    code, _, err = tm("refresh", "GM", "--months", "2025-06")
    assert code == 2 and "goes with refresh trade" in err
