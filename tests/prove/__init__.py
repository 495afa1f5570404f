"""A long run of the local cloud in which everything breaks, and a report of what came of it: `make prove`, docs/proof.md.

plan     which fault when, from a seed         run      feeds, breaks, mends, waits, counts
levers   the clock and disk of functions       judge    the promises, and whether each was kept
breaking each fault, done and undone           report   the page; plots.py draws
sample   memory and lag while it runs
"""
