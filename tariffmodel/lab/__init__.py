"""What happens to every maker if a number or a date of a policy were another one?

`adjustable` lists what can be turned, `outcome` computes what it brings about in some milliseconds,
`write_policy` keeps it as a policy file, and `open_lab` puts sliders and a chart around the three.
"""

from tariffmodel.lab.controls import Lab, open_lab
from tariffmodel.lab.effects import Workbench, outcome
from tariffmodel.lab.knobs import Knob, adjustable, reweighted, settings_of, write_policy

__all__ = [
    "Knob",
    "Lab",
    "Workbench",
    "adjustable",
    "open_lab",
    "outcome",
    "reweighted",
    "settings_of",
    "write_policy",
]
