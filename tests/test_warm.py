"""Kernels start from one process, and no notebook sees what another has done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tariffmodel import facts
from tariffmodel.runs import kernels, warm

LEAVES = "import builtins, os, tariffmodel as tm\nbuiltins.left = os.environ['LEFT'] = '1'\ntm.facts.left = 1"
LOOKS = """\
import builtins, json, os, sys
from pathlib import Path
import tariffmodel as tm
print(json.dumps({
    "clean": not (hasattr(builtins, "left") or "LEFT" in os.environ or hasattr(tm.facts, "left")),
    "folder": os.getcwd(),
    "threads": [path.read_text().strip() for path in Path(f"/proc/{os.getppid()}/task").glob("*/comm")],
    "ready": "exchange_calendars" in sys.modules,
}))"""


def looked(folder: Path) -> dict:
    notebooks = {name: new_notebook(cells=[new_code_cell(x)]) for name, x in (("1", LEAVES), ("2", LOOKS))}
    ended = kernels.execute(notebooks, folder, facts.data_dir())
    assert [one.failure for one in ended.values()] == [None, None]
    return json.loads(notebooks["2"].cells[0].outputs[0]["text"])


@pytest.mark.parametrize(
    "forked", [pytest.param(True, marks=pytest.mark.skipif(not warm.POSSIBLE, reason="Linux only")), False]
)
def test_no_notebook_sees_what_another_did_however_its_kernel_starts(tmp_path, monkeypatch, forked):
    monkeypatch.setattr(warm, "POSSIBLE", forked)
    found = looked(tmp_path)
    assert found["clean"] and found["ready"] == forked
    assert found["folder"] == str(tmp_path)
    if forked:  # no thread survives a fork, and only jemalloc's is known to be started again
        assert len([name for name in found["threads"] if name != "jemalloc_bg_thd"]) == 1


@pytest.mark.skipif(not warm.POSSIBLE, reason="Linux only")
def test_kernels_that_cannot_be_started_are_said_to_have_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(warm.sys, "executable", "/bin/true")
    ended = kernels.execute({"1": new_notebook(cells=[new_code_cell("1")])}, tmp_path, facts.data_dir())
    assert ended["1"].failure.error == "RuntimeError: the process that starts kernels has ended"
