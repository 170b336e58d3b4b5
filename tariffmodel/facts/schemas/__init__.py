"""What must hold in every data table before a number from it is used?

`TABLES` maps a path below the data folder to a `pandera` schema. Schemas are strict (an unknown
column is an error) and coerce text to types, so a CSV is read with ``dtype=str,
keep_default_na=False, na_values=[""]`` and comes back typed: numbers as floats, whole numbers as
``Int64``, ``true``/``false`` as ``boolean``, days as timestamps. Period labels and dates that may be
known to the month only stay text. The ``error`` text of a check says what was expected; that of a rule
across columns starts with the column to mend and a colon.
"""

from __future__ import annotations

import pandera.pandas as pa

from tariffmodel.facts.schemas import companies, events, market, model, response, spillovers, trade, watch

TABLES: dict[str, pa.DataFrameSchema] = {
    **{
        f"facts/{name}.csv": model.FACTS
        for name in ("volumes", "contribution", "values", "estimates", "aggregates")
    },
    "trade/parts_base.csv": model.PARTS_BASE,
    "facts/usual_lags.csv": model.USUAL_LAGS,
    "facts/shared_errors.csv": model.SHARED_ERRORS,
    "companies/makers.csv": companies.MAKERS,
    "companies/aliases.csv": companies.ALIASES,
    "companies/names.csv": companies.NAMES,
    "companies/financials.csv": companies.FINANCIALS,
    "companies/disclosures.csv": companies.DISCLOSURES,
    "companies/refunded.csv": companies.REFUNDED,
    "companies/fx_sensitivity.csv": companies.FX_SENSITIVITY,
    "companies/valuation.csv": companies.VALUATION,
    "policies/not_modelled.csv": model.NOT_MODELLED,
    "events/events.csv": events.EVENTS,
    "events/policies.csv": events.EVENT_POLICIES,
    "events/company_news.csv": events.COMPANY_NEWS,
    "events/macro_news.csv": events.MACRO_NEWS,
    "events/event_probabilities.csv": events.EVENT_PROBABILITIES,
    "events/stories.csv": events.STORIES,
    "forecasts/ledger.csv": model.FORECASTS,
    "market/prices.parquet": market.PRICES,
    "market/price_records.parquet": market.PRICE_RECORDS,
    "market/fx.parquet": market.FX,
    "market/contracts.csv": market.CONTRACTS,
    "market/instruments.csv": market.INSTRUMENTS,
    "market/markets.csv": market.MARKETS,
    "market/currencies.csv": market.CURRENCIES,
    "market/vendor_words.csv": market.VENDOR_WORDS,
    "companies/homes.csv": companies.HOMES,
    "market/quotes.csv": market.QUOTES,
    "response/elasticities.csv": response.ELASTICITIES,
    "response/market.csv": response.MARKET_FIGURES,
    "response/published.csv": response.PUBLISHED,
    "trade/us_imports.csv": trade.US_IMPORTS,
    "trade/mexico_exports.csv": trade.MEXICO_EXPORTS,
    "trade/mexico_models.csv": trade.MEXICO_MODELS,
    "trade/differences.csv": trade.DIFFERENCES,
    "response/capacity.csv": response.US_CAPACITY,
    "response/relocation_costs.csv": response.RELOCATION_COSTS,
    "response/moves.csv": response.MOVES,
    "watch/plants.csv": watch.PLANTS,
    "watch/announcements.csv": watch.ANNOUNCEMENTS,
    "watch/monthly.csv": watch.MONTHLY,
    "watch/us_output.csv": watch.US_OUTPUT,
    "watch/calendar.csv": watch.CALENDAR,
    "watch/press_labels.csv": watch.PRESS_LABELS,
    "watch/spillover.csv": watch.SPILLOVER,
    "spillovers/summary_2024.csv": spillovers.IO_SUMMARY,
    "spillovers/requirements_2017.csv": spillovers.IO_REQUIREMENTS,
    "spillovers/dependence_2017.csv": spillovers.IO_DEPENDENCE,
    "spillovers/sectors.csv": spillovers.IO_SECTORS,
    "spillovers/gross_output.csv": spillovers.GROSS_OUTPUT,
    "spillovers/jobs_per_output.csv": spillovers.JOBS_PER_OUTPUT,
    "spillovers/state_employment.csv": spillovers.STATE_EMPLOYMENT,
    "spillovers/deflator.csv": spillovers.DEFLATOR,
    "spillovers/published.csv": spillovers.IO_PUBLISHED,
    "spillovers/tickers.csv": spillovers.SPILLOVER_TICKERS,
    "spillovers/states.csv": spillovers.STATES,
}
