"""A run of the notebooks: its folder, its report, and what changed since another."""
