"""Learning from the logging statements of open-source systems: packages -> statements -> examples -> weights -> model file."""
