"""Random policies: every kind of entry, schedule, order and fallback, alone and combined."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from tariffmodel import contribution, policy

# what comes first is what Hypothesis tries most: let it be what bites, a duty in force all the time
RATE = st.sampled_from([0.25, 0.15, 0.025, 0.0]) | st.floats(0, 0.6)
DAY = st.just(date(2025, 1, 1)) | st.dates(date(2025, 1, 1), date(2026, 6, 30))
ORIGIN = st.sampled_from(["*", "JP", "KR", "MX", "CA", "EU", "GB"])
VEHICLES = ["car", "light_truck"]
GOODS = [*VEHICLES, "part"]
MAKERS = [
    "Toyota",
    "Honda",
    "Mitsubishi Motors",
    "Kia",
    "Volkswagen",
    "Porsche AG",
    "BMW",
    "GM",
    "Tesla",
    "Jaguar Land Rover",
]
PERIODS = ["2025Q2", "CY2025", "2025-10..2026-03", "2025-03-15..2025-06-20", "2026-01-01..2026-12-31"]
SOURCE = {"source": "test"}
MFN = [
    {
        "id": f"m-{product[0]}",
        "origin": "*",
        "product": product,
        "rate": 0.025,
        "from": date(1900, 1, 1),
        **SOURCE,
    }
    for product in GOODS
]
HEAD = 'title = "T"\ndescription = "D"\nstatus = "counterfactual"\n'


def build(**kinds) -> policy.Policy:
    """A policy with MFN of 2.5% on everything, unless told otherwise, and these entries."""
    head = {"name": "test", "title": "T", "label": "T", "description": "D", "status": "counterfactual"}
    body = {**head, "mfn": MFN}
    return policy.Policy.model_validate({**body, **kinds})


@st.composite
def dates(draw):
    start = draw(DAY)
    return {"from": start, "to": draw(st.just(policy.FOREVER) | st.dates(start, date(2027, 1, 31))), **SOURCE}


@st.composite
def some(draw, names, least=1):
    return draw(st.lists(st.sampled_from(names), unique=True, min_size=least, max_size=len(names)))


@st.composite
def charges(draw):
    """Rates by origin in one or two layers, with content rules, and a quota of another measure."""
    keys = draw(st.lists(st.tuples(ORIGIN, st.integers(0, 1)), unique=True, min_size=1, max_size=5))
    found = [
        {
            "id": f"a{number}",
            "measure": "one",
            "origin": origin,
            "layer": layer,
            "product": GOODS,
            "rate": draw(RATE),
            "basis": draw(st.sampled_from(["additive", "inclusive"])),
            "usmca": draw(st.sampled_from(["full", "non_us_content", "exempt"])),
            "covers": draw(st.sampled_from([1.0, 1.0, 0.4])),
            **draw(dates()),
        }
        for number, (origin, layer) in enumerate(keys)
    ]
    quota = {
        "id": "quota",
        "measure": "two",
        "origin": draw(st.sampled_from(["GB", "JP", "*"])),
        "product": draw(some(VEHICLES)),
        "rate": draw(RATE),
        "quota_units_per_year": draw(st.integers(0, 2_000_000)),
        "quota_rate": draw(RATE),
        "quota_basis": draw(st.sampled_from(["additive", "inclusive"])),
        **draw(dates()),
    }
    if draw(st.booleans()):
        quota["quota_window"] = "quarter"
    quota["quota_counted_from"] = draw(st.none() | st.dates(date(2024, 12, 1), quota["from"]))
    return [*found, quota][: draw(st.integers(len(found), len(found) + 1))]


@st.composite
def offsets(draw):
    return [
        {
            "id": f"o{number}",
            "measure": draw(st.sampled_from(["one", "relieved"])),
            "layer": draw(st.integers(0, 1)),
            "rate": draw(st.floats(0, 0.1)),
            "usable_from": draw(DAY),
            "carry_forward": draw(st.booleans()),
            **draw(dates()),
        }
        for number in range(draw(st.sampled_from([1, 2, 3, 0])))
    ]


TARGETS = {
    "local_build_share": 0.9,
    "production_ratio": 0.7,
    "production_to_import_ratio": 2.0,
    "export_ratio": 0.2,
    "jobs_intensity": 20.0,
    "investment_intensity": 20_000.0,
    "us_content": 0.5,
}


@st.composite
def reliefs(draw, number=0):
    """One relief of any schedule, on a score or on one ratio, earned by whom and since when it may be."""
    entry = {
        "id": f"r{number}",
        "measure": draw(st.sampled_from(["relieved", "one"])) if number == 0 else "relieved again",
        "layer": draw(st.integers(0, 1)),
        "origin": draw(ORIGIN),
        "product": draw(some(GOODS)),
        "basis": draw(st.sampled_from(["additive", "inclusive"])),
        "base": draw(RATE),
        "floor": draw(st.sampled_from([0.0, 0.01, 0.1])),
        "cap": draw(st.sampled_from([2.0, 0.3, 0.1])),
        "firm_weight": draw(st.sampled_from([0.0, 1.0]) | st.floats(0, 1)),
        "earned_by": draw(st.sampled_from(["home", "all"])),
        "year": draw(st.sampled_from(["CY2024", "CY2025"])),
        "relative_to": draw(st.sampled_from([None, None, "CY2024"])),
        "missing": draw(st.sampled_from(["zero", "reweight"])),
        **draw(dates()),
    }
    metrics = draw(some(list(contribution.METRICS)))
    if draw(st.booleans()):
        entry["metric"], scale = metrics[0], TARGETS[metrics[0]]
    else:
        entry["score"], scale = {m: {"weight": 1 / len(metrics), "target": TARGETS[m]} for m in metrics}, 1.0
    entry["schedule"] = draw(st.sampled_from(["linear", "power", "logistic", "tiered"]))
    if entry["schedule"] == "tiered":
        steps = sorted(draw(st.sets(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.2]), min_size=1)))
        entry["bracket"] = [{"from": step * scale, "rate": draw(RATE)} for step in steps]
        return entry
    entry["slope"] = draw(RATE) / scale
    if entry["schedule"] == "power":
        entry |= {"schedule": "smooth", "exponent": draw(st.floats(0.3, 3))}
    if entry["schedule"] == "logistic":
        entry |= {
            "schedule": "smooth",
            "steepness": draw(st.floats(0.5, 20)) / scale,
            "midpoint": 0.4 * scale,
        }
    return entry


EARNED = {
    "us_production_units": (0.3, 2_000.0),
    "us_export_units": (1.0, 20_000.0),
    "us_employment": (3.0, 100_000.0),
    "us_investment_cumulative": (1e-6, 0.05),
}  # vehicles, or USD of customs value, that one unit earns: of the order of what a maker imports


@st.composite
def credits(draw, number=0):
    """One credit: earned or granted, in vehicles or by value, in either order, with any end of the year."""
    unit = draw(st.sampled_from(["vehicles", "customs_value"]))
    unused = draw(st.sampled_from(["expire", "carry_over", "sell"]))
    entry = {
        "id": f"c{number}",
        "origin": draw(ORIGIN),
        "product": draw(some(VEHICLES)),
        "rate": draw(st.sampled_from([0.0, 0.025, 0.1])),
        "unit": unit,
        "makers": draw(st.sampled_from(["home", "all"])),
        "order": draw(st.sampled_from(["highest_duty_first", "pro_rata"])),
        "unused": unused,
        "price_usd": (1_000.0 if unit == "vehicles" else 0.05) if unused == "sell" else 0.0,
        **draw(dates()),
    }
    if draw(st.sampled_from([False, False, False, True])):
        worth = 1.0 if unit == "vehicles" else 30_000.0
        entry |= {
            "granted": {
                maker: worth * draw(st.sampled_from([50_000, 300_000]) | st.integers(0, 300_000))
                for maker in draw(some(MAKERS, least=3))
            },
            "multiple": draw(st.sampled_from([1.0, 2.5])),
            "claw_back_on": draw(st.none() | st.dates(entry["from"] + timedelta(days=1), date(2027, 1, 31))),
        }
    else:
        variable = draw(st.sampled_from(list(EARNED)))
        entry |= {
            "earned_by": variable,
            "per_unit": EARNED[variable][unit == "customs_value"]
            * draw(st.sampled_from([3.0, 0.3]) | st.floats(0, 3)),
            "missing": "zero",
            "above": draw(st.sampled_from([None, None, "CY2024"])),
        }
    return entry


@st.composite
def policies(draw, relieved=True, credited=True):
    """A policy of any mixture of entries, as `Policy`."""
    mfn = [{**entry, "rate": draw(RATE)} for entry in MFN]
    free = {
        "id": "usmca",
        "origin": ["MX", "CA"],
        "product": GOODS,
        "rate": 0.0,
        "usmca": True,
        "from": date(2020, 1, 1),
        **SOURCE,
    }
    return build(
        mfn=[*mfn, free],
        additional=draw(charges()),
        offset=draw(offsets()),
        relief=[draw(reliefs(k)) for k in range(draw(st.sampled_from([1, 2, 0])) * relieved)],
        credit=[draw(credits(k)) for k in range(draw(st.sampled_from([1, 2, 3, 0])) * credited)],
    )
