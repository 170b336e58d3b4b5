"""The wing of spillovers: who feels it at second hand when vehicles are built elsewhere?

In order of knowing: ``places`` (which plant builds a maker's vehicles, with how many people) →
``input_output`` (which industries, and what is imported) → ``states`` (where the jobs are) →
``suppliers`` (which shares should move, and do they?); ``shapes`` draws the states.
"""
