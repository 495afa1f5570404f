"""The add-on's values as Terraform evaluates them, and the roles of the first root."""

from tests.addons.conftest import planned, plugins, terraform, worked_out

__all__ = ["planned", "plugins", "terraform", "worked_out"]  # fixtures
