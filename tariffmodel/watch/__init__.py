"""The wing of the watch list: what this year will have been, what a surprise is worth, and what comes next.

In order of knowing: ``announcements`` (jobs and investment to come) → ``nowcast`` (the year from its
months) → ``surprises`` (one standard deviation of each indicator) → ``calendar`` (releases and legal dates).
"""
