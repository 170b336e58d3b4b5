"""How are the numbers of a policy turned by hand, and the result kept?"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd
import tomlkit

from tariffmodel import charts
from tariffmodel.charts import house
from tariffmodel.errors import PolicyError, TariffModelError
from tariffmodel.escapes import html as escape
from tariffmodel.lab.drawing import SOURCE, STYLE, headline, page
from tariffmodel.lab.effects import Workbench, outcome
from tariffmodel.lab.knobs import Knob, Value, adjustable, own_text, settings_of, turned, write_policy
from tariffmodel.lab.supply import Supply, supply
from tariffmodel.tariff import exposure
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case, Valuation
from tariffmodel.tariff.case import case as ask

_WRITE = "write one …"
_FRESH, _OLD = 'class="policy-lab"', 'class="policy-lab old"'
_WIDE = "378px"
_LOOK = {"layout": {"width": _WIDE}, "style": {"description_width": "60px"}}


class Lab:
    """Sliders for a policy beside what they bring about; `open_lab` makes one.

    What the buttons and sliders do can be done from a cell as well: `start`, `write`, `turn`,
    `save_policy` and `save_chart`.

    Attributes
    ----------
    name : str or Path
        The policy whose numbers are turned.
    knobs, values : dict by key
        What can be turned, and where it stands.
    policy, label, frame : Policy, str and DataFrame
        The last valid state, what it is called, and its `outcome`.
    output : Supply or str
        What makers would then build in the US, see `supply`, or why that is not known.
    sliders : dict of key to widget
        Those of the entry on show.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> lab = tm.lab.open_lab(tm.case(period="CY2025"))
    >>> lab.turn("relief.japan.slope", 0.1)
    >>> lab.changed, lab.settings, lab.label
    ({'relief.japan.slope': 0.1}, {'relief.japan.slope': 0.1}, 'Japan flexible (firm) with changes')
    >>> lab.refresh()  # as `turn` does
    >>> lab.start("flat-25")
    >>> lab.changed, lab.label
    ({}, 'flat 25%')
    """

    def __init__(self, bench: Workbench, name: str | Path, folder: str | Path) -> None:
        self.bench, self.folder = bench, Path(folder)
        self.sliders: dict[str, widgets.ValueWidget] = {}
        self._desk = tempfile.TemporaryDirectory(prefix="policy-lab-")  # for what `write` is given
        names = dict.fromkeys([*policies.names(bench.facts.folder), str(name), _WRITE])
        self._choice = widgets.Dropdown(options=list(names), value=str(name), description="Policy", **_LOOK)
        self._text = widgets.Textarea(layout={"width": _WIDE, "height": "320px"})
        self._writing = widgets.VBox(
            [self._text, self._button("Read text", lambda: self.write(self._text.value))],
            layout={"display": "none"},
        )
        self._turning, self._page, self._message = widgets.VBox(), widgets.HTML(), widgets.HTML()
        self._file = widgets.Text(description="Save as", **_LOOK)
        buttons = [
            self._button("Reset", lambda: self.start(self.name)),
            self._button("Save policy", self.save_policy),
            self._button("Save chart", self.save_chart),
        ]
        left = [
            self._choice, self._writing, self._turning, self._file, widgets.HBox(buttons), self._message,
        ]  # fmt: skip
        beside = {"flex_flow": "row wrap"}  # in a narrow window the chart goes below
        controls = widgets.VBox(left, layout={"flex": "0 0 auto"})
        self.box = widgets.VBox([widgets.HTML(STYLE), widgets.HBox([controls, self._page], layout=beside)])
        self.box.add_class("policy-lab-box")
        self.start(name)
        self._choice.observe(lambda change: self._try(lambda: self._choose(change["new"])), "value")

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    # What can be done

    def start(self, name: str | Path) -> None:
        """Begin with the numbers of a policy.

        Raises
        ------
        PolicyError
            If it cannot be read; the lab stays as it was.
        """
        knobs = adjustable(name, self.bench.facts.folder)
        self.name, self.knobs = name, {knob.key: knob for knob in knobs}
        self.values = {knob.key: knob.value for knob in knobs}
        self._file.value = f"{Path(name).stem.removesuffix('-lab')}-lab"
        entries = list(dict.fromkeys(knob.entry for knob in knobs))
        entry = widgets.Dropdown(options=entries, description="Entry", **_LOOK)
        entry.observe(lambda change: self._show(change["new"]), "value")
        nothing = widgets.HTML("This policy states no number of its own: choose its base, or write one.")
        self._turning.children = [entry if entries else nothing, widgets.VBox()]
        self._show(entries[0] if entries else "")
        self.refresh()

    def write(self, text: str) -> None:
        """Begin with a policy written as TOML; raises as `start` does.

        >>> import tariffmodel as tm
        >>> lab = tm.lab.open_lab(tm.case(period="CY2025"))
        >>> lab.write('base = "flat-25"')
        >>> lab.policy.name, lab.settings
        ('own-policy', {})
        """
        path = Path(tempfile.mkdtemp(dir=self._desk.name)) / "own-policy.toml"
        path.write_text(text, encoding="utf-8")
        self.start(path)

    def turn(self, key: str, value: Value) -> None:
        """Set a number or date; when a weight of a score moves, the others make room for it.

        Raises
        ------
        TariffModelError
            If the policy is not valid with it; `policy` and `frame` stay as they were.
        """
        if value == self.values[key]:
            return
        self.values = turned(self.values, key, value)
        for other, slider in self.sliders.items():
            # not the one that is being moved: what it shows is rounded, and setting it would hold it back
            if self._meant(self.knobs[other], slider.value) != self.values[other]:
                slider.value = self._displayed(other)
        self.refresh()

    def refresh(self) -> None:
        """Compute and show the state of `values`; raises as `turn` does."""
        try:
            chosen = policies.load(self.name, self.bench.facts.folder, self.settings)
            frame = outcome(self.bench, chosen)
        except TariffModelError:
            self._page.value = self._page.value.replace(_FRESH, _OLD, 1)
            raise
        self.policy, self.frame = chosen, frame
        self.output: Supply | str
        try:
            self.output = supply(self.bench, chosen)
        except TariffModelError as reason:  # a policy without relief is no fault: the page says so
            self.output = str(reason)
        label = policies.labels([chosen, self.bench.baseline])[chosen.name]
        self.label = f"{label} with changes" if self.changed else label
        self._page.value = page(self.bench, self.label, frame, self.changed, self.output)

    @property
    def changed(self) -> dict[str, Value]:
        """Knobs that do not stand where the policy has them."""
        return {key: value for key, value in self.values.items() if value != self.knobs[key].value}

    @property
    def settings(self) -> dict[str, Any]:
        """The same as `policy.load` takes it."""
        return settings_of(list(self.knobs.values()), self.values)

    def save_policy(self) -> str:
        """Write the state as a policy file, see `write_policy`, and say where.

        >>> from tempfile import TemporaryDirectory
        >>> import tariffmodel as tm
        >>> with TemporaryDirectory() as place:
        ...     lab = tm.lab.open_lab(tm.case(period="CY2025"), folder=place)
        ...     lab.turn("relief.japan.slope", 0.1)
        ...     Path(lab.save_policy().removeprefix("Written: ")).name
        'japan-flexible-linear-firm-lab.toml'
        """
        path = self.folder / f"{self._stem()}.toml"
        return f"Written: {write_policy(path, self.name, self.settings, self.bench.facts.folder)}"

    def save_chart(self) -> str:
        """Write the last valid state as a chart in the house style with its figures, and say where.

        >>> from tempfile import TemporaryDirectory
        >>> import tariffmodel as tm
        >>> with TemporaryDirectory() as place:
        ...     said = tm.lab.open_lab(tm.case(period="CY2025"), folder=place).save_chart()
        ...     len(list(Path(place).glob("*/japan-flexible-linear-firm-lab.*")))
        7
        """
        bench, case, stem = self.bench, self.bench.case, self._stem()
        pair = {self.label: self.policy, bench.baseline.label: bench.baseline}
        tables = {label: exposure.table(case.replace(policy=one)) for label, one in pair.items()}
        about = f"against {case.against.label}, {house.period_text(str(case.period))}"
        chart = charts.policy_comparison(
            tables, case=about, source=SOURCE, as_of=case.as_of, width_cm=charts.PAGE_CM
        )
        finding = headline(self.frame, self.label, bench.baseline.label)
        chart = dataclasses.replace(chart, alt=f"Bill of each maker with its range, {about}. {finding}.")
        charts.export(chart, stem, self.frame, self.folder)
        title = f"{self.label} {about}"
        charts.export_table(self.frame, stem, self.folder, title=title, as_of=case.as_of)
        return f"Written: {self.folder / 'charts' / stem}.png, with .svg, .pdf and .csv"

    # How it is shown

    def _choose(self, choice: str) -> None:
        self._writing.layout.display = "" if choice == _WRITE else "none"
        if choice == _WRITE:
            text = own_text(self.name, self.bench.facts.folder)
            text.pop("label", None)  # a changed policy needs one of its own
            self._text.value = tomlkit.dumps(text)
        else:
            self.start(choice)

    def _show(self, entry: str) -> None:
        for slider in self.sliders.values():
            slider.close()
        self.sliders = {key: self._slider(knob) for key, knob in self.knobs.items() if knob.entry == entry}
        rows: list[widgets.Widget] = list(self.sliders.values())
        if any(key.endswith(".weight") for key in self.sliders):
            rows.append(
                widgets.HTML("<small>Weights sum to 1: one that moves takes from the others.</small>")
            )
        self._turning.children[1].children = rows

    def _slider(self, knob: Knob) -> widgets.ValueWidget:
        look = {"layout": _LOOK["layout"], "style": {"description_width": "190px"}}
        shown = self._displayed(knob.key)
        low: Any = knob.low  # of the same kind as what is shown
        high: Any = knob.high
        if isinstance(shown, date):
            days = [(f"{day:%Y-%m-%d}", day) for day in pd.date_range(low, high).date]
            slider = widgets.SelectionSlider(options=days, value=shown, description=knob.label, **look)
        else:
            low, high, step = (self._factor(knob) * number for number in (low, high, knob.step))
            slider = widgets.FloatSlider(
                value=shown,
                min=low,
                max=high,
                step=step,
                readout_format=".0f" if step >= 1 else ".2f",
                description=f"{knob.label}, %" if knob.unit else knob.label,
                **look,
            )

        # no throttle is needed: the front end holds back what is turned until the kernel is idle, and
        # then sends the latest
        slider.observe(
            lambda change: self._try(lambda: self.turn(knob.key, self._meant(knob, change["new"]))), "value"
        )
        return slider

    def _factor(self, knob: Knob) -> int:
        return 100 if knob.unit == "%" else 1

    def _displayed(self, key: str) -> Value:
        value = self.values[key]
        return value if isinstance(value, date) else round(value * self._factor(self.knobs[key]), 10)

    def _meant(self, knob: Knob, shown: Value) -> Value:
        return shown if isinstance(shown, date) else round(shown / self._factor(knob), 12)

    def _stem(self) -> str:
        stem: str = self._file.value.strip()
        if not stem or Path(stem).name != stem:
            raise PolicyError(f"{stem!r} is no name for a file; write one without folders under 'Save as'")
        return stem

    def _button(self, text: str, action: Callable[[], str | None]) -> widgets.Button:
        button = widgets.Button(description=text, layout={"width": "auto"})
        button.on_click(lambda _: self._try(action))
        return button

    def _try(self, action: Callable[[], str | None]) -> None:
        """Do it, and show what it says or what is wrong: nothing is raised into the void."""
        try:
            text, color = action() or "", "inherit"
        except (TariffModelError, OSError) as error:
            text, color = str(error), "#b00020"
            if _OLD in self._page.value:
                text += "\nThe figures are those of the last valid state."
        lines = escape(text).replace("\n", "<br>")
        self._message.value = f'<div role="status" style="width: {_WIDE}; color: {color}">{lines}</div>'


def open_lab(
    case: Case | None = None,
    policy: str | Path = "japan-flexible-linear-firm",
    *,
    valuation: Valuation | None = None,
    folder: str | Path = "policy-lab",
) -> Lab:
    """A lab for a notebook: choose a policy or write one, turn its numbers, see what that does.

    Parameters
    ----------
    case : Case, optional
        Its policy is the one that is replaced, its counterfactual the one that bills are attributable
        against; policies come from its data folder. Default: `tariff.case.case()`, the law.
    policy : str or path
        Where to begin.
    valuation : Valuation, optional
        What a change of the bill is worth to shareholders, see `pricing.implied_value`.
    folder : path
        Where the buttons save policies and charts.

    Raises
    ------
    TariffModelError
        A policy, period or assumption that cannot be used.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> lab = tm.lab.open_lab(tm.case(period="CY2025"))
    >>> list(lab.knobs)[:3], lab.policy.name
    (['relief.japan.from', 'relief.japan.base', 'relief.japan.slope'], 'japan-flexible-linear-firm')
    """
    return Lab(Workbench(case or ask(), valuation or Valuation()), policy, folder)
