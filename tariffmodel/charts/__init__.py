"""How is a result drawn and exported?

Each chart is a function of documented tables and returns a figure: no global state, no files. Its
title states the finding, computed from the table; the subtitle says what is drawn, in which unit
and for which period; the last line gives the source and the day it is stated for. All take

source : str
    Where the numbers come from, for the last line.
as_of : date
    The day the result is stated for.
width_cm : float
    `COLUMN_CM`, one column of a research note, or `PAGE_CM`. The height follows from the content.

`show` puts a figure into a notebook, `export` and `export_table` write it beside its data.
"""

from tariffmodel.charts.bills import (
    bill_bars,
    burden,
    contribution_bars,
    model_vs_disclosed,
    policy_comparison,
    rate_path,
    residuals,
    where_sold_cars_come_from,
)
from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    ORIGIN_COLOR,
    ORIGIN_NAME,
    PAGE_CM,
    QUALITY_MARK,
    SCREEN_SCALE,
    export,
    export_table,
    show,
)
from tariffmodel.charts.policies import gains_and_losses, worth_of_one_more

__all__ = [
    "gains_and_losses",
    "worth_of_one_more",
    "COLUMN_CM",
    "HOME_COLOR",
    "ORIGIN_COLOR",
    "ORIGIN_NAME",
    "PAGE_CM",
    "QUALITY_MARK",
    "SCREEN_SCALE",
    "bill_bars",
    "burden",
    "contribution_bars",
    "export",
    "export_table",
    "model_vs_disclosed",
    "policy_comparison",
    "rate_path",
    "residuals",
    "show",
    "where_sold_cars_come_from",
]
