"""Fuzzing: damaged input to everything that reads input, `make fuzz`; see docs/proof.md.

targets, files   what is fuzzed: bytes in, a short word for the outcome out        mutate   damages seeds
loop             runs one target for a while, and keeps what is new and what breaks it
"""
