"""Arrays in, results out: nothing here knows a fact or a tariff."""
