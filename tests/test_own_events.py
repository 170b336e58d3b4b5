"""The user's days of results are understood with their hour, or refused by row and column."""

from __future__ import annotations

import dataclasses
from datetime import datetime, time
from pathlib import Path

import pandas as pd
import pytest

from tariffmodel import event_calendar, facts, own_events, own_news, store
from tariffmodel.errors import DataError
from tariffmodel.facts import news

DEAL = "2025-07-22-japan-deal"


@pytest.fixture
def mine(known, data):
    """The bundled facts in a folder that may change."""
    return dataclasses.replace(known, folder=data)


def write(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "news.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def seen(known, tmp_path, date_cell, time_cell="", zone_cell="", maker="Toyota", **options):
    path = write(tmp_path, "maker;date;time;zone", f"{maker};{date_cell};{time_cell};{zone_cell}")
    (row,) = own_events.preview_events(own_events.read_events(path), known, **options).to_dict("records")
    return row


def faults(known, tmp_path, *rows, **options):
    read = own_events.read_events(write(tmp_path, *rows))
    return [str(fault) for fault in own_events.check_events(read, known, **options)]


@pytest.mark.parametrize(
    ("date_cell", "time_cell", "zone_cell", "stored", "session"),
    [
        ("2025-07-23", "16:30", "JST", "2025-07-23 16:30 Asia/Tokyo", "2025-07-24"),
        ("23 Jul 2025", "14:00 JST", "", "2025-07-23 14:00 Asia/Tokyo", "2025-07-23"),
        ("2025年7月23日", "4:30 pm", "Asia/Tokyo", "2025-07-23 16:30 Asia/Tokyo", "2025-07-24"),
        ("2025-07-23 16:30 JST", "", "", "2025-07-23 16:30 Asia/Tokyo", "2025-07-24"),
        ("2025-07-23T16:30+09:00", "", "", "2025-07-23 16:30 Asia/Tokyo", "2025-07-24"),
        ("2025-07-23T07:30:00Z", "", "", "2025-07-23 07:30 UTC", "2025-07-24"),
        ("2025-07-22 23:30-04:00", "", "", "2025-07-23 12:30 Asia/Tokyo", "2025-07-23"),
        ("Jul 22, 2025", "7:00 p.m. ET", "", "2025-07-22 19:00 America/New_York", "2025-07-23"),
        ("2025-07-23", "", "", "2025-07-23  ", "2025-07-23"),
        ("2025-07-23 00:00:00", "", "", "2025-07-23  ", "2025-07-23"),  # a day, as pandas writes one
    ],
)
def test_forms_of_day_and_hour(known, tmp_path, date_cell, time_cell, zone_cell, stored, session):
    row = seen(known, tmp_path, date_cell, time_cell, zone_cell)
    assert f"{row['date']} {row['time']} {row['zone']}" == stored
    assert f"{row['session']:%Y-%m-%d}" == session
    late = "2025-07-24" if not row["time"] else session  # without an hour the next session counts too
    assert f"{row['last_session']:%Y-%m-%d}" == late


@pytest.mark.parametrize(
    ("maker", "meant"),
    [
        ("7203.T", "Toyota"),
        ("TM", "Toyota"),
        ("トヨタ", "Toyota"),
        ("Hyundai", "Hyundai Motor"),
        ("VW", "Volkswagen"),
    ],
)
def test_maker_by_ticker_or_alias(known, tmp_path, maker, meant):
    assert seen(known, tmp_path, "2025-07-23", maker=maker)["maker"] == meant


def test_time_without_a_zone_is_refused_unless_the_exchange_or_a_zone_is_named(known, tmp_path):
    head, row = "maker,date,time", "Toyota,2025-07-23,16:30"
    (said,) = faults(known, tmp_path, head, row)
    assert said.startswith("news.csv row 2: time is '16:30'; expected a zone with the time: JST, KST")
    assert "--zone exchange" in said
    for zone in ("exchange", "JST", "Asia/Tokyo"):
        assert faults(known, tmp_path, head, row, zone=zone) == []
    assert seen(known, tmp_path, "2025-07-23", "16:30", zone="exchange")["zone"] == "Asia/Tokyo"
    (said,) = faults(known, tmp_path, head, "Jaguar Land Rover,2025-11-14,07:00", zone="exchange")
    assert "expected a zone with the time" in said  # it has no line, hence no exchange
    with pytest.raises(DataError, match="zone 'Mars': write exchange, JST"):
        faults(known, tmp_path, head, row, zone="Mars")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Rivian,2025-07-23,,", "maker is 'Rivian'; expected a maker of companies/makers.csv or its ticker"),
        ("6902.T,2025-07-23,,", "maker is '6902.T'; expected a maker"),  # a supplier's line
        ("Toyota,03/04/2025,,", "date is '03/04/2025'; expected a day such as 21 Oct 2025"),
        ("Toyota,2025-02-30,,", "date is '2025-02-30'; expected a day"),
        ("Toyota,,,", "date is empty; expected a day"),
        ("Toyota,2025-07,,", "date is '2025-07'; expected a day"),
        ("Toyota,2025-07-23,25:00,JST", "time is '25:00'; expected a time such as 16:30"),
        ("Toyota,2025-07-23,evening,JST", "time is 'evening'; expected a time"),
        ("Toyota,2025-07-23,16,JST", "time is '16'; expected a time"),
        ("Toyota,2025-07-23,16:30,Tokyo time", "zone is 'Tokyo time'; expected a zone with the time"),
        ("Toyota,2025-07-23,16:30 JST,KST", "zone is 'KST'; expected one zone, and the column zone says KST"),
        ("Toyota,2025-07-23 16:30 JST,16:30,", "time is '16:30'; expected no time here, as the date has one"),
    ],
)
def test_every_fault_is_named_with_row_column_and_remedy(known, tmp_path, row, said):
    (found,) = faults(known, tmp_path, "maker,date,time,zone", row)
    assert found.startswith("news.csv row 2: ") and said in found
    with pytest.raises(DataError, match="1 fault in the data"):
        own_events.preview_events(own_events.read_events(tmp_path / "news.csv"), known)


def test_a_row_twice_is_a_fault_and_several_faults_come_together(known, tmp_path):
    found = faults(
        known,
        tmp_path,
        "maker,date,kind",
        "Toyota,2025-07-23,results",
        "7203.T,23 Jul 2025,earnings",
        "Toyota,2025-07-23,guidance",
        "Toyota,2025-07-24,rumour",
    )
    assert len(found) == 2
    assert (
        "row 3: date is '2025-07-23'; expected each day of a maker and kind once; row 2 has it too"
        in found[0]
    )
    assert "row 5: kind is 'rumour'; expected one of results, guidance" in found[1]


@pytest.mark.parametrize(
    ("day", "clock", "said"),
    [
        ("2025-07-20", "", "it is a Sunday: the next session counts"),
        ("2025-07-21", "", "the maker's exchange was closed"),  # Marine Day
        ("2062-05-08", "", "a day no more than a year ahead"),
        ("2019-05-08", "", "a day since 2023-01-01"),
        ("2025-07-22", "07:00 EST", "EDT, which clocks of America/New_York show that day"),
        ("2025-07-22", "07:00 CET", "CEST, which clocks of Europe/Berlin show that day"),
    ],
)
def test_what_is_doubtful_is_a_warning_and_is_read_all_the_same(known, tmp_path, day, clock, said):
    read = own_events.read_events(write(tmp_path, "maker,date,time", f"Toyota,{day},{clock}"))
    (fault,) = own_events.check_events(read, known)
    assert fault.warning and said in str(fault)
    assert len(own_events.preview_events(read, known)) == 1


def test_clocks_that_agree_raise_no_doubt(known, tmp_path):
    rows = [
        "GM,2025-07-22,06:30 EDT",
        "GM,2026-01-27,06:30 EST",
        "GM,2026-04-28,06:30 ET",
        "BMW,2026-03-12,07:30 MEZ",
    ]
    assert faults(known, tmp_path, "maker,date,time", *rows) == []


def test_added_news_is_in_the_table_and_a_snapshot_goes_back(mine, tmp_path):
    path = write(
        tmp_path, "ticker,day,time,news", "7203.T,2025-07-23,16:30 JST,plant closed", "GM,2025-10-21,,again"
    )
    assert own_events.preview_events(own_events.read_events(path), mine)["replaces"].tolist() == [False, True]
    assert own_events.add_events(mine, path) == 2
    after = facts.load(mine.folder)
    rows = own_news.table(after, ["7203.T", "GM"]).set_index(["said_by", "date"])
    added = rows.loc[("Toyota", "2025-07-23")]
    assert f"{added['session']:%Y-%m-%d}" == "2025-07-24" and added["source_title"] == "news.csv"
    assert rows.loc[("GM", "2025-10-21"), "what"] == "again"
    found = own_news.in_window(after, event_calendar.firm_events(after, ["7203.T"], [DEAL]))
    assert found["news"].tolist() == ["Toyota: plant closed (2025-07-23)"]
    own_events.add_events(after, write(tmp_path, "maker,date,what", "Toyota,2025-07-23,other"))
    again = own_news.table(facts.load(mine.folder), ["7203.T", "GM"]).set_index(["said_by", "date"])
    assert again.loc[("Toyota", "2025-07-23"), "what"] == "other" and len(again) == len(rows)
    assert not facts.check(mine.folder)
    store.restore(mine.folder, "bundled")
    assert len(own_news.table(facts.load(mine.folder), ["7203.T", "GM"])) == len(rows) - 1


def test_a_faulty_file_changes_nothing(mine, tmp_path):
    path = write(tmp_path, "maker,date,time", "Toyota,2025-07-23,16:30 JST", "Toyota,2025-07-24,16:30")
    with pytest.raises(DataError, match="row 3: time is '16:30'"):
        own_events.add_events(mine, path)
    assert store.current(mine.folder) == store.BUNDLED


def test_times_of_excel_cells_are_not_cut_off(known, tmp_path):
    frame = pd.DataFrame(
        {"maker": ["Toyota", "Honda"], "date": [datetime(2025, 7, 23, 16, 30), datetime(2025, 7, 23)]}
    ).assign(time=[None, time(16, 30)])
    frame["date"] = frame["date"].astype(object)
    frame.to_excel(tmp_path / "news.xlsx", index=False)
    read = own_events.read_events(tmp_path / "news.xlsx")
    shown = own_events.preview_events(read, known, zone="JST")
    assert shown["time"].tolist() == ["16:30", "16:30"]
    assert shown["session"].dt.strftime("%Y-%m-%d").tolist() == ["2025-07-24", "2025-07-24"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("event,date,label,scope", "these are tariff events, which take a row each in events/events.csv"),
        ("maker,date,colour", "'colour' is not a column; there are maker, date, time, zone"),
        ("maker,time", "has no column date; add it"),
        ("maker,ticker,date", "has two columns for maker"),
    ],
)
def test_layouts_that_are_none_are_refused(tmp_path, head, said):
    with pytest.raises(DataError, match=said):
        own_events.read_events(write(tmp_path, head, ",".join("x" for _ in head.split(","))))


def test_command_previews_warns_and_adds(tm, data, tmp_path):
    path = write(tmp_path, "maker,date,time", "Toyota,20 Jul 2025,16:30 JST", "BMW,2025-07-23,")
    code, out, err = tm("add", "events", path, "--yes", "--data", data)
    assert code == 0, err
    assert "20 Jul 2025" not in out and "2025-07-22" in out and "2025-07-23 or 24" in out
    assert "warning: news.csv row 2: date is '2025-07-20'" in err and "2 rows added" in out
    assert news.company(facts.load(data))["source_title"].eq("news.csv").sum() == 2
    code, _, err = tm(
        "add", "events", write(tmp_path, "maker,date,time", "BMW,2025-07-23,07:00"), "--yes", "--data", data
    )
    assert code == 1 and "--zone exchange" in err
    code, out, _ = tm("add", "events", path, "--zone", "exchange", "--yes", "--data", data)
    assert code == 0 and "a row in use" in out
