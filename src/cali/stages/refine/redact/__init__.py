"""Redaction of secrets and personal data, before a line reaches any sink.

rules.py reads the table `masks/redaction-*.yaml`. tokens.py compiles the forms of tokens. verify.py and numbers.py check
matches beyond their pattern. redactor.py applies the rules.
"""

from cali.stages.refine.redact.redactor import Redactor
from cali.stages.refine.redact.rules import RedactionRule, default_table, load_table

__all__ = ["RedactionRule", "Redactor", "default_table", "load_table"]
