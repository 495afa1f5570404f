"""A long run of the local cloud with all faults, and a report of the results: `make prove`, docs/proof.md.

plan     the times of the faults, from a seed         run      feeds, injects, repairs, waits, counts levers   the
clock and disk of functions       judge    the promises, and whether they hold breaking each fault and its repair
report the page; plots.py draws sample   memory and lag while it runs
"""
