"""Fuzzing: damaged input to everything that reads input, `make fuzz`; see docs/proof.md.

targets, files   the targets: bytes in, a short word for the outcome out        mutate   changes seeds loop runs one
target for a while, and stores inputs with new or failing outcomes
"""
