"""What does a run conclude, and what changed between two? The public names of `conclusions` and `diff`."""

from tariffmodel.runs.conclusions import CONCLUSIONS, INPUTS, conclude, keep_inputs
from tariffmodel.runs.diff import FLAGS, Changes, between

__all__ = ["CONCLUSIONS", "FLAGS", "INPUTS", "Changes", "between", "conclude", "keep_inputs"]
