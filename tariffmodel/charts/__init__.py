"""How is a result drawn and exported?

Each chart is a function of documented tables and returns a `Chart`: no global state, no files. Its
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
    tornado,
    where_sold_cars_come_from,
)
from tariffmodel.charts.currency import beta_path, disclosed_vs_estimated, fx_betas
from tariffmodel.charts.events import (
    caar_path,
    car_vs_exposure,
    event_panels,
    events_forest,
    factor_path,
    implied_and_priced,
    short_titles,
    slopes_by_event,
)
from tariffmodel.charts.hedge import hedge_record, pair_ideas, payoffs, ratio_paths
from tariffmodel.charts.homes import home_apart
from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    ORIGIN_COLOR,
    ORIGIN_NAME,
    PAGE_CM,
    QUALITY_MARK,
    RED,
    SCREEN_SCALE,
    Chart,
    export,
    export_table,
    show,
)
from tariffmodel.charts.implied import implied_iso, implied_path
from tariffmodel.charts.makers import MakerSheet, Part, maker_page, maker_quarters, maker_reactions
from tariffmodel.charts.native import Native
from tariffmodel.charts.plants import break_even, relief_frontier, supply_curves
from tariffmodel.charts.policies import gains_and_losses, worth_of_one_more
from tariffmodel.charts.profit import iso_profit, paying_move, profit_grid
from tariffmodel.charts.response import gross_and_net
from tariffmodel.charts.scenarios import fan, hedge_outcomes, variance_split
from tariffmodel.charts.spillovers import industry_bars, line_forest, predicted_and_realised, state_map
from tariffmodel.charts.spoken import language
from tariffmodel.charts.two_way import two_way
from tariffmodel.charts.watch import nowcast_fan, surprise_bars

__all__ = [
    "COLUMN_CM",
    "HOME_COLOR",
    "ORIGIN_COLOR",
    "ORIGIN_NAME",
    "PAGE_CM",
    "QUALITY_MARK",
    "RED",
    "SCREEN_SCALE",
    "Chart",
    "MakerSheet",
    "Native",
    "Part",
    "beta_path",
    "bill_bars",
    "break_even",
    "burden",
    "caar_path",
    "car_vs_exposure",
    "contribution_bars",
    "disclosed_vs_estimated",
    "event_panels",
    "events_forest",
    "export",
    "export_table",
    "factor_path",
    "fan",
    "fx_betas",
    "gains_and_losses",
    "gross_and_net",
    "hedge_outcomes",
    "hedge_record",
    "home_apart",
    "implied_and_priced",
    "implied_iso",
    "implied_path",
    "industry_bars",
    "iso_profit",
    "language",
    "line_forest",
    "maker_page",
    "maker_quarters",
    "maker_reactions",
    "model_vs_disclosed",
    "nowcast_fan",
    "pair_ideas",
    "paying_move",
    "payoffs",
    "policy_comparison",
    "predicted_and_realised",
    "profit_grid",
    "rate_path",
    "ratio_paths",
    "relief_frontier",
    "residuals",
    "short_titles",
    "show",
    "slopes_by_event",
    "state_map",
    "supply_curves",
    "surprise_bars",
    "tornado",
    "two_way",
    "variance_split",
    "where_sold_cars_come_from",
    "worth_of_one_more",
]
