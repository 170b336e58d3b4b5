"""What follows from the law: rates, duties, bills, and what a maker books."""
