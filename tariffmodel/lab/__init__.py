"""What happens to every maker if a number or a date of a policy were another one?

`adjustable` lists what can be turned, `outcome` computes what it brings about in some milliseconds, `supply`
what makers would then build in the US, `write_policy` keeps it as a policy file, and `open_lab` puts sliders
and charts around them. `open_tree` does so for the probabilities and days of a scenario. `app` serves both to
browsers, where a link (`links`) is the whole state and a `desk` answers it.
"""

from tariffmodel.lab.controls import Lab, open_lab
from tariffmodel.lab.effects import Workbench, outcome
from tariffmodel.lab.knobs import Knob, adjustable, reweighted, settings_of, write_policy
from tariffmodel.lab.supply import Supply, supply
from tariffmodel.lab.trees import TreeBench, TreeKnob, TreeLab, open_tree

__all__ = [
    "Knob",
    "Lab",
    "Supply",
    "TreeBench",
    "TreeKnob",
    "TreeLab",
    "Workbench",
    "adjustable",
    "open_lab",
    "open_tree",
    "outcome",
    "reweighted",
    "settings_of",
    "supply",
    "write_policy",
]
