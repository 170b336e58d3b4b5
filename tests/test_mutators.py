"""Whatever stands in a file, it is accepted or refused with a reason; no infinite number is accepted."""

from __future__ import annotations

import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from tariffmodel import (
    own,
    own_disclosures,
    own_events,
    own_facts,
    own_quotes,
    policy,
    scenarios,
    schemas,
    spreadsheet,
    store,
    vendors,
)
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import Facts

SOURCE = {"source_title": "a table"}
CELLS = [
    "", " ", "1e309", "-1e309", "inf", "-Infinity", "NaN", "nan", "-0",
    "0x1p3", "0x10", "1_000", "1e5", "9" * 400,
    "1" * 5000, "1.2.3", "\uff11\uff12", "²", "12%", "(3)", "$5", "5 EUR", "--5", "+", "1e", "TRUE", "null",
    "None",
    "2025-W01", "2025-W01-1", "20250101", "2025-02-30", "0000-00-00", "9999-12-31", "99999-01-01", "CY9999",
    "FY0001-01", "CY0000", "2025Q5", "2025-13", "2025-01..2024-01", "..", "2025-04-01T25:00", "31/02/2025",
    "45000",
    "=1+1", "@SUM(1)", "<svg onload=x>", "[/]", "$x$", "\u202eabc", "\x1b[2J", "\x00", "\ufeff", "a" * 40_000,
    "'", '"', '""', ",", ";", "\n", "\r", "\r\n", "\t", "|", "🚗", "日本", "\uff34oyota", "\ud7ff", "\u2028",
]  # fmt: skip
FACTS = (
    "maker,variable,origin,period,value,low,high,unit,quality,source_title,known_on\n"
    "Toyota,us_sales_units,US,2026-01,200000,,,units,reported,a,2026-02-05\n"
    "Kia,us_import_units,KR,CY2025,480000,470000,490000,units,estimated,b,2026-01\n"
)
MONTHS = "month,Toyota\n2026-01,200000\n2026-02,210000\n2026-03,190000\n"
PRICES = "Date,GM,7203 JT Equity\n2026-09-01,80.5,2500\n2026-09-02,81.5,2520\n2026-09-03,79.25,2510\n"
LONG = "date;ticker;close;volume\n01.09.2026;GM;80,5;1000\n02.09.2026;GM;81,5;1200\n"
QUOTES = (
    "date,underlying,type,tenor,mid,unit,source_title\n"
    "2026-09-01,USDJPY,atm,1M,9.5,percent_a_year,a\n2026-09-02,USDJPY,atm,1M,9.7,percent_a_year,a\n"
)
SAID = (
    "company,kind,period,value,unit,said_on,source_title,basis\n"
    "Toyota,guidance,FY2027-03,1400,jpy_bn,2026-05-08,a,operating_profit_bridge\n"
)
NEWS = "maker,date,time,zone,kind,what,source_title\nToyota,2026-05-08,13:55,Asia/Tokyo,results,x,a\n"
POLICY = """\
base = "none"
title = "a reform"
[[additional]]
id = "x"
measure = "section-232-autos"
origin = ["JP", "KR"]
product = ["car"]
rate = 0.10
basis = "inclusive"
from = 2026-01-01
to = 2027-12-31
source = "our own"
"""
TREE = """\
title = "a tree"
against = "before-april-2025"
start = 2026-01-01
end = 2027-12-31
[[outcome]]
id = "law"
title = "the law"
probability = 1
policy = "current-law"
source = "an example"
"""
TOML = [
    "inf", "-inf", "nan", "1e400", "9" * 5000, "0x" + "f" * 600, "-1", "0.0", "-0.0", '""', '"\\u202e"',
    '"\\u0000"',
    "[]", "{}", "[[[[1]]]]", "[" * 2000 + "]" * 2000, "{a = " * 300 + "1" + "}" * 300, "true", "2026-W01",
    "9999-12-31", "0001-01-01", "2026-01-01T00:00:00Z", "07:32:00", '"2025-W01"', '"20260101"', '"none"',
    '"../../etc/passwd"', '"/dev/zero"', '"x\\u001b[2J.toml"', '"' + "a" * 9000 + '"', "1_0_0",
    "3.14e-400", "'''x",
]  # fmt: skip


def no_infinite(frame: pd.DataFrame) -> bool:
    numbers = frame.select_dtypes("number").to_numpy(dtype=float)
    texts = frame.select_dtypes(exclude="number").map(str).stack().str.lower()
    return not np.isinf(numbers).any() and not texts.isin(["inf", "-inf", "1e309"]).any()


def mutated(text: str, dice: random.Random, words: list[str], split: str = ",;\n") -> bytes:
    """A text with one to three of its cells, lines or bytes made into something else."""
    raw = text
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        kind = dice.randrange(8)
        places = [0, *(at + 1 for at, mark in enumerate(raw) if mark in split), len(raw) + 1]
        at = dice.randrange(len(places) - 1)
        start, end = places[at], places[at + 1] - 1
        if kind < 4:
            raw = raw[:start] + dice.choice(words) + raw[end:]
        elif kind == 4:
            lines = raw.split("\n")
            dice.shuffle(lines)
            raw = "\n".join(lines[: dice.randrange(1, len(lines) + 1)])
        elif kind == 5:
            raw = raw[: dice.randrange(len(raw) + 1)]
        elif kind == 6:
            raw = raw[:start] + raw[start:end] * dice.choice([0, 2, 50]) + raw[end:]
        else:
            raw = (
                raw[:start]
                + chr(dice.choice([0, 7, 9, 34, 39, 44, 59, 0x202E, 0x3000, 0xFEFF]))
                + raw[start:]
            )
    coded = raw.encode(dice.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"]), "replace")
    if coded and dice.random() < 0.2:
        place = dice.randrange(len(coded))
        coded = coded[:place] + bytes([dice.randrange(256)]) + coded[place + 1 :]
    return coded


def workbook(text: str, dice: random.Random) -> bytes:
    """The same cells in a workbook, some of them of another type, and now and then a damaged one."""
    from datetime import datetime, time, timedelta

    book = openpyxl.Workbook()
    sheet: Any = book.active
    odd = [
        time(1, 2),
        timedelta(hours=30),
        datetime(2026, 9, 1, 5),
        True,
        1e308,
        -0.0,
        10**30,
        "#N/A",
        "#REF!",
        "x",
        0.5,
    ]
    for row in text.splitlines():
        sheet.append([float(c) if c.replace(".", "", 1).isdigit() else c for c in row.split(",")])
    for _ in range(dice.randrange(3)):
        cell = sheet.cell(dice.randrange(1, 6), dice.randrange(1, 9))
        cell.value = dice.choice(odd)
        cell.number_format = dice.choice(["General", "0%", "h:mm", "yyyy-mm-dd", "[h]:mm", "@"])
    if dice.random() < 0.1:
        sheet.cell(dice.choice([1, 5, 1_048_576]), 16_384).value = dice.choice([1, "x"])
    if dice.random() < 0.1:
        sheet.cell(2, 3).value = dice.choice(["=1/0", "=A1", "=" + "A" * 300])
    made = io.BytesIO()
    book.save(made)
    raw = made.getvalue()
    if dice.random() < 0.4:
        place = dice.randrange(len(raw))
        raw = raw[:place] + bytes([dice.randrange(256)]) + raw[place + dice.choice([1, 1, 50]) :]
    return raw


def facts_of(file: Path, known: Facts) -> None:
    rows = own_facts.read_facts(file, **SOURCE)
    if not own_facts.check_facts(rows, known):
        assert no_infinite(own_facts.conform_own(rows, schemas.model.FACTS)[0]), (
            "an infinite figure is accepted"
        )


def prices_of(file: Path, known: Facts) -> None:
    frame = vendors.read_prices(file)
    if not own.check_prices(frame, known, market="US"):
        assert no_infinite(frame)


def quotes_of(file: Path, known: Facts) -> None:
    rows = own_quotes.read_quotes(file)
    if not own_quotes.check_quotes(rows):
        assert no_infinite(rows)


KINDS: dict[str, tuple[list[str], Callable[[Path, Facts], object]]] = {
    "facts": ([FACTS, MONTHS], facts_of),
    "prices": ([PRICES, LONG], prices_of),
    "quotes": ([QUOTES], quotes_of),
    "disclosures": ([SAID], lambda file, known: own_disclosures.read_disclosures(file)),
    "news": ([NEWS], lambda file, known: own_events.check_events(own_events.read_events(file), known)),
}
ROUNDS = int(os.environ.get("TARIFFMODEL_FUZZ", "12"))  # of each kind; more by hand


def refused_or_taken(read: Callable[[], object], raw: bytes, seed: object) -> None:
    try:
        read()
    except TariffModelError as error:
        said = str(error)
        assert 10 < len(said) < 6000 and "\x1b" not in said and "\u202e" not in said, (seed, said[:300])
    except Exception as error:  # noqa: BLE001  which is what must not be
        pytest.fail(f"{seed}: {type(error).__name__}: {str(error)[:300]}\n{raw[:400]!r}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_accepted_or_refused(kind: str, known: Facts, tmp_path: Path):
    texts, read = KINDS[kind]
    for seed in range(ROUNDS):
        dice = random.Random(f"{kind}{seed}")
        as_book = seed % 4 == 3
        text = texts[seed % len(texts)]
        raw = workbook(text, dice) if as_book else mutated(text, dice, CELLS)
        file = tmp_path / f"x{seed}.{'xlsx' if as_book else 'csv'}"
        file.write_bytes(raw)
        refused_or_taken(lambda file=file: read(file, known), raw, f"{kind} {seed}")


@pytest.mark.parametrize("kind", ["policy", "tree"])
def test_a_policy_or_a_tree_is_accepted_or_refused(kind: str, known: Facts, tmp_path: Path):
    text, read = {"policy": (POLICY, policy.load), "tree": (TREE, scenarios.load)}[kind]
    for seed in range(2 * ROUNDS):
        dice = random.Random(f"{kind}{seed}")
        lines = text.splitlines()
        if dice.random() < 0.7:
            for _ in range(dice.choice([1, 1, 2])):
                at = dice.randrange(len(lines))
                key = lines[at].partition(" = ")[0]
                lines[at] = f"{dice.choice([key, key, key, 'note', 'url', 'x.y.z'])} = {dice.choice(TOML)}"
            raw = "\n".join(lines).encode()
        else:
            raw = mutated(text, dice, TOML, " =\n[]")
        file = tmp_path / f"x{seed}.toml"
        file.write_bytes(raw)

        def loaded(file: Path = file) -> None:
            found = read(file)
            if kind == "policy":
                assert all(np.isfinite(entry.rate) for entry in found.additional)

        refused_or_taken(loaded, raw, f"{kind} {seed}")


def test_what_is_said_of_a_snapshot_is_read_or_refused(tmp_path: Path):
    with store.writing(tmp_path, "one") as staging:
        (staging / "x.txt").write_text("one", encoding="utf-8")
    about = next((tmp_path / "store").glob("*/about.json"))
    text = about.read_text(encoding="utf-8")
    for seed in range(4 * ROUNDS):
        dice = random.Random(seed)
        words = ["[" * 3000, "1e999", "9" * 5000, "null", "{}", "[1]", '"\\u202e"', "NaN", "true"]
        about.write_bytes(mutated(text, dice, words, '":,'))
        refused_or_taken(lambda: store.snapshots(tmp_path), about.read_bytes(), seed)


# ---- things in place of a file


def bomb(part: str, content: bytes, times: int) -> bytes:
    made = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["Date", "GM"])
    book.save(made)
    with (
        zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as packed,
        packed.open(part, "w", force_zip64=True) as file,
    ):
        for _ in range(times):
            file.write(content)
    return made.getvalue()


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'
)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: bomb("xl/media/zeros.xml", bytes(2**20), 600), "unpacks to 600 MB"),
        (lambda: bomb("xl/worksheets/sheet9.xml", ENTITIES, 1), "declares entities in xl/worksheets/s"),
        (lambda: bomb("xl/worksheets/sheet9.xml", ENTITIES.decode().encode("utf-16"), 1), "declares"),
        (lambda: b"PK\x03\x04" + bytes(100), "cannot be read as a workbook"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_workbook_that_unpacks_to_more_than_it_says_is_refused_unread(made, message: str, tmp_path: Path):
    (file := tmp_path / "x.xlsx").write_bytes(made())
    with pytest.raises(DataError, match=message):
        spreadsheet.read(file)


def test_a_cell_far_from_the_table_is_named_and_an_empty_one_is_passed_over(tmp_path: Path):
    book = openpyxl.Workbook()
    for row in (("Date", "GM"), ("2026-09-01", 80.5)):
        book.active.append(row)
    book.active.cell(1_048_576, 16_384).number_format = "0%"
    book.save(file := tmp_path / "x.xlsx")
    assert spreadsheet.read(file).cells.shape == (2, 2)
    book.active.cell(1_048_576, 16_384).value = 1
    book.save(file)
    with pytest.raises(DataError, match="with a cell at XFD1048576 it has over 10,000,000 cells; delete"):
        spreadsheet.read(file)


def test_a_time_in_a_column_of_prices_is_no_price(known: Facts, tmp_path: Path):
    from datetime import datetime, time, timedelta

    for odd, shown in ((time(1, 2), "'01:02:00'"), (timedelta(hours=30), "'1 day, 6:00:00'")):
        book = openpyxl.Workbook()
        for row in (("Date", "GM"), (datetime(2026, 8, 20), 86.15), (datetime(2026, 8, 21), odd)):
            book.active.append(row)
        book.save(file := tmp_path / "x.xlsx")
        faults = own.check_prices(vendors.read_prices(file), known)
        assert [str(fault) for fault in faults] == [f"x.xlsx row 3: close is {shown}; expected a number"]


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.toml"])
def test_what_is_no_file_is_called_what_it_is(name: str, tmp_path: Path):
    file = tmp_path / name
    read = policy.load if name.endswith("toml") else spreadsheet.read
    for put in (
        file.mkdir,
        lambda: (file.rmdir(), os.mkfifo(file)),
        lambda: (file.unlink(), file.symlink_to(file)),
        lambda: (file.unlink(), file.symlink_to("/dev/zero")),
        lambda: (file.unlink(), file.write_bytes(b"")),
        lambda: file.write_bytes(b"\0" * 100),
        lambda: file.write_bytes(b"\xff\xfe\x00"),
    ):
        put()
        with pytest.raises(TariffModelError):
            read(file)


def test_a_thousand_policies_on_one_another_are_refused_and_twenty_are_not(tmp_path: Path):
    for number in range(1000):
        base = f'"p{number + 1}.toml"' if number < 999 else '"none"'
        (tmp_path / f"p{number}.toml").write_text(f"base = {base}\n", encoding="utf-8")
    with pytest.raises(TariffModelError, match="more than 20 files build on one another"):
        policy.load(tmp_path / "p0.toml")
    assert policy.load(tmp_path / "p985.toml").title == "p985"


@pytest.mark.parametrize("words", [("--policy", "a" * 5000), ("--period", "CY9999"), ("--as-of", "2025-W01")])
def test_what_is_typed_is_refused_in_short_words(
    tm: Callable[..., tuple[int, str, str]], words: tuple[str, str]
):
    code, _, said = tm("exposure", *words)
    assert code in (1, 2) and "fault of tariffmodel" not in said and len(said) < 3000


def test_a_disk_that_refuses_is_no_fault_of_the_program(
    tm: Callable[..., tuple[int, str, str]], tmp_path: Path
):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    code, _, said = tm("run", "--only", "02", "--output", tmp_path / "file" / "out")
    assert code == 1 and "a file stands where" in said and "fault of tariffmodel" not in said


def test_json_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "x.json").write_text(json.dumps({"a": 1})[:-2], encoding="utf-8")
    from tariffmodel import files

    with pytest.raises(DataError, match=r"x\.json cannot be read"):
        files.json(tmp_path / "x.json")
