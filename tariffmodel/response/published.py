"""Does the model say what published studies say, horizon by horizon?

Each study is set beside the model under the study's own tariff, on the same goods, at its own horizon and on
the volumes of its year, where it names one, else on those of the case. In the long run vehicles move as in
`moved.under`, from origins whose cost gap is known. What a study has and the model has not, such as
retaliation, stands in the column `differs` of the file: it is no reason to change the model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.tables import in_use
from tariffmodel.response import capacity
from tariffmodel.response import moved as moves
from tariffmodel.response.bertrand import Solution, solve
from tariffmodel.response.demand import Market
from tariffmodel.response.equilibrium import answered, case_products, market_of, relocated, us_room
from tariffmodel.response.products import Products
from tariffmodel.response.schedule import Schedule, schedule
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import BEFORE, LAW, Case

FILE = "response/published.csv"
NORTH_AMERICA = ("US", "MX", "CA")
DETROIT = ("GM", "Ford", "Stellantis")
FIGURES = {
    "sales_change": "vehicles sold",
    "price_change": "price, at the mix of before",
    "us_output_change": "US-built vehicles (model: those sold in the US)",
    "hit_imports_change": "imports that pay the tariff",
    "canada_output_change": "Canadian vehicles",
    "mexico_output_change": "Mexican vehicles",
    "pass_through": "share of the duty that is in prices",
    "revenue": "duty paid, USD bn a year",
    "gross_cost": "duty at the volumes of before, USD bn a year",
    "detroit_gross_cost": "the same of GM, Ford and Stellantis",
}


GOODS = {  # products of the bill's flows that pay the study's rate beside vehicles
    "vehicles": (),
    "vehicles_and_parts": ("listed_part",),
    "vehicles_and_all_parts": ("listed_part", "certified_part", "general_part"),
}
_HOME_OF = {"canada_output_change": "CA", "mexico_output_change": "MX"}
_NOT_LONG = ("pass_through", "revenue")  # where plants move, a cost is not a duty


def studies(facts: Facts) -> pd.DataFrame:
    """Figures of ``response/published.csv``, one row each.

    >>> import tariffmodel as tm
    >>> set(studies(tm.facts.load())["figure"]) <= set(FIGURES)
    True
    """
    found = files.csv(in_use(facts.folder, facts.overlay, FILE), typed=True)
    return found.fillna({"rate": 0.0, "differs": ""})


def table(case: Case) -> pd.DataFrame:
    """Each published figure beside the model's, and whether their ranges meet.

    Parameters
    ----------
    case : Case
        Its period gives the volumes where a study names no year, its facts everything else. Its policies play
        no part: a study of the law as it is stands beside `current-law` against `before-april-2025`.

    Returns
    -------
    DataFrame
        One row per figure: `study`, `figure` (in words), `horizon`, `volumes` (period), `published_low`,
        `published_high`;
        `model` with `model_low` and `model_high` (all inputs at their ends, in the long run also the costs of
        moving); `plants_move`, whether those that the figure is of can move in the model; `hull_low` and
        `hull_high` over the studies of the figure and the horizon; `inside`, whether the model's range meets
        the study's; `differs`, what the study has that the model has not, or the other way round; `unit`,
        `source_url`, `note`.

    Raises
    ------
    DataError
        A figure or goods that are not known, with the row; a figure that is not computed at its horizon.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = table(tm.case(period="CY2025"))
    >>> bool((found["model_low"] <= found["model"]).all()), found["inside"].dtype.name
    (True, 'bool')
    """
    rows = studies(case.facts)
    if len(unknown := rows[~rows["figure"].isin(FIGURES)]):
        raise DataError(
            f"data/{FILE} row {unknown.index[0] + 2}: no figure {unknown['figure'].iloc[0]!r}; choose from "
            f"{', '.join(FIGURES)}"
        )
    if len(wrong := rows[(rows["horizon"] == "long") & rows["figure"].isin(_NOT_LONG)]):
        raise DataError(
            f"data/{FILE} row {wrong.index[0] + 2}: {wrong['figure'].iloc[0]} is not computed for the long "
            "run; give the study's horizon as equilibrium or leave the row out"
        )
    if len(unknown := rows[~rows["goods"].isin(GOODS)]):
        raise DataError(
            f"data/{FILE} row {unknown.index[0] + 2}: no goods {unknown['goods'].iloc[0]!r}; choose from "
            f"{', '.join(GOODS)}"
        )
    volumes = rows["volumes"].fillna(str(case.period))
    cases = {period: case.replace(period=period) for period in dict.fromkeys(volumes)}
    shock = ["origin", "goods", "rate", "horizon", "home_cost"]
    tariffs = list(zip(volumes, *(rows[name] for name in shock), strict=True))
    found = {tariff: _figures(cases[tariff[0]], *tariff[1:]) for tariff in dict.fromkeys(tariffs)}
    runs = [found[tariff][figure] for tariff, figure in zip(tariffs, rows["figure"], strict=True)]
    ends = [uncertainty.interval(one.T) for one in runs]  # (costs of moving, R)
    low, high = (np.array([pick(one[k]) for one in ends]) for k, pick in enumerate((np.min, np.max)))
    low = np.where(rows["figure"].str.endswith("_change"), np.maximum(low, -1.0), low)  # no more than all
    home = rows["figure"].map(_HOME_OF)
    able = home.isna() | home.isin(moves.known_origins(case))
    hull = rows.groupby(["figure", "horizon"])
    return pd.DataFrame(
        {
            "study": rows["study"],
            "figure": rows["figure"].map(FIGURES),
            "horizon": rows["horizon"],
            "volumes": volumes,
            "published_low": rows["low"],
            "published_high": rows["high"],
            "model": [one[len(one) // 2, 0] for one in runs],
            "model_low": low,
            "model_high": high,
            "plants_move": (rows["horizon"] == "long") & able,
            "hull_low": hull["low"].transform("min"),
            "hull_high": hull["high"].transform("max"),
            "inside": (low <= rows["high"]) & (high >= rows["low"]),
            "differs": rows["differs"],
            "unit": rows["unit"],
            "source_url": rows["source_url"],
            "note": rows["note"],
        }
    )


def _figures(
    case: Case, origin: str, goods: str, rate: float, horizon: str, home_cost: float = 0.0
) -> dict[str, np.ndarray]:
    """Every figure under a study's tariff, (C, R): one row, in the long run one for each cost of moving."""
    ends = capacity.ENDS if horizon == "long" else capacity.ENDS[1:2]
    found = [_at(case, origin, goods, rate, horizon, home_cost, end) for end in ends]
    return {figure: np.stack([one[figure] for one in found]) for figure in FIGURES}


def _at(
    case: Case, origin: str, goods: str, rate: float, horizon: str, home_cost: float, cost: capacity.End
) -> dict[str, np.ndarray]:
    """The same at one cost of moving, (R,); `home_cost` raises the cost of what is built in the US."""
    if origin == "as_law":
        law = case.replace(policy=LAW, against=BEFORE)
        gone = moves.table(law, cost=cost) if horizon == "long" else None
        return _of(*answered(law, horizon, gone), case.goods.years)
    taken = case_products(case)
    hit = taken.origin != "US" if origin == "all" else ~np.isin(taken.origin, NORTH_AMERICA)
    each, total = _parts(case, taken, origin, GOODS[goods])
    at_home = taken.origin == "US"
    onto = home_cost * market_of(taken).cost * at_home if home_cost else 0.0
    duty = rate * taken.customs_usd * hit + rate * each[:, taken.firm] * at_home + onto
    aside = rate * (total - taken.by_maker(taken.units * at_home * each[:, taken.firm]))
    gross = taken.by_maker(taken.units * duty) + aside
    taken = replace(taken, duty_usd=duty, aside_usd=aside, gross_usd=gross, parts_usd=rate * each)
    if horizon == "long":
        taken = relocated(taken, _moved(case, taken, np.unique(taken.origin[hit]), rate, cost))
    market = market_of(taken)
    limit = us_room(taken) if horizon == "short" else None
    duty = 0 * duty if horizon == "posted" else taken.duty_usd
    then = solve(market, duty, room=limit).settled(market.names)
    return _of(taken, market, then, case.goods.years)


def _moved(case: Case, taken: Products, origins: np.ndarray, rate: float, cost: capacity.End) -> pd.DataFrame:
    """What moves under one rate on all vehicles from some origins."""
    parts = dict(zip(taken.makers, taken.parts_usd[0], strict=True))
    flat = {}
    for origin, found in _schedules(case).items():
        if origin not in origins:
            continue
        each = np.array([parts.get(maker, np.nan) for maker in found.makers])
        flat[origin] = replace(found, entry=None, other=np.full_like(found.other, rate), parts_usd=each)
    return moves.under(case, flat, cost=cost)


def _schedules(case: Case) -> dict[str, Schedule]:
    """Imports by origin and maker, kept with the case; their rates are those of the law."""
    kept = vars(case)
    if "_schedules" not in kept:
        law = case.replace(policy=LAW)
        kept["_schedules"] = {origin: schedule(law, origin) for origin in moves.known_origins(case)}
    found: dict[str, Schedule] = kept["_schedules"]
    return found


def _of(taken: Products, market: Market, then: Solution, years: float) -> dict[str, np.ndarray]:
    before, after, duty = market.units, then.units, taken.duty_usd
    dearer = then.price - market.price

    def change(chosen: np.ndarray, then: np.ndarray | None = None) -> np.ndarray:
        was = (before * chosen).sum(axis=1)
        rise = (after * (chosen if then is None else then)).sum(axis=1) - was
        return np.asarray(np.divide(rise, was, out=np.full_like(was, np.nan), where=was > 0))

    def left(chosen: np.ndarray) -> np.ndarray:
        return change(chosen, chosen * (1 - taken.us_share))

    detroit = np.isin(taken.makers, DETROIT)
    abroad = taken.origin != "US"
    paid = (duty * before).sum(axis=1)
    return {
        "sales_change": change(np.ones_like(abroad)),
        "price_change": (dearer * before).sum(axis=1) / (market.price * before).sum(axis=1),
        "us_output_change": change(~abroad, taken.us_share),
        "hit_imports_change": left(abroad & (duty[0] > 0)),
        "canada_output_change": left(taken.origin == "CA"),
        "mexico_output_change": left(taken.origin == "MX"),
        "pass_through": np.divide(
            (dearer * before).sum(axis=1), paid, out=np.full_like(paid, np.nan), where=paid != 0
        ),
        "revenue": ((duty * after).sum(axis=1) + taken.aside_usd.sum(axis=1)) / years / 1e9,
        "gross_cost": taken.gross_usd.sum(axis=1) / years / 1e9,
        "detroit_gross_cost": (taken.gross_usd * detroit).sum(axis=1) / years / 1e9,
    }


def _parts(
    case: Case, taken: Products, origin: str, products: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Value of such parts from the origins hit, of each US-built vehicle and in all, (R, F), USD."""
    goods = case.goods
    flows = goods.flows
    hit = np.isin(flows.product, products) & (
        (flows.origin != "US") if origin == "all" else ~np.isin(flows.origin, NORTH_AMERICA)
    )
    whole = np.array([goods.makers.index(maker) for maker in taken.makers])
    total = ((goods.value_usd[:, goods.inside].sum(axis=1) * hit) @ goods.member)[:, whole]
    built = goods.production[:, goods.inside].sum(axis=1)[:, whole]
    runs, more = len(taken.units), len(taken.units) - len(total)
    total, built = (np.concatenate([of, np.repeat(of[:1], more, axis=0)])[:runs] for of in (total, built))
    return np.divide(total, built, out=np.zeros_like(total), where=built > 0), total
