"""core: models, the life of an incident, errors, ports and settings. Imports nothing else of CALI."""
