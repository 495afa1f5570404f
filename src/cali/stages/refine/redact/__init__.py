"""Hides secrets and personal data before a line reaches any sink.

rules.py reads the table `masks/redaction-*.yaml`, verify.py and numbers.py decide what a pattern alone can't,
redactor.py applies the rules.
"""

from cali.stages.refine.redact.redactor import Redactor
from cali.stages.refine.redact.rules import RedactionRule, default_table, load_table

__all__ = ["RedactionRule", "Redactor", "default_table", "load_table"]
