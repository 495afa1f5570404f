"""Whether the account can keep concurrent invocations for single functions.

Lambda refuses a reservation that leaves fewer than 100 to all other functions, and a new account may have 10 altogether. Functions
then share what there is: they work, but a burst of one can hold up the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cali_ops.calls import Call, ask, perform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cali_ops.calls import Clients

LEFT_FOR_OTHERS = 100  # what Lambda keeps for functions without a reservation


class Concurrency(NamedTuple):
    """The account's concurrent invocations: all, those that nobody reserved, and those that this stage reserved."""

    limit: int
    free: int
    own: int

    def has(self, wanted: int) -> bool:
        """Whether this stage can reserve that many."""
        return self.free + self.own - wanted >= LEFT_FOR_OTHERS

    def refusal(self, wanted: int) -> str:
        """What to tell when it cannot, in one line."""
        return (
            f"the account runs {self.limit} functions at once, {self.free + self.own} of them unreserved: nothing is reserved, where {wanted}"
            f" are wanted and {wanted + LEFT_FOR_OTHERS} needed; ask for more by `concurrency_quota` in terraform.tfvars"
        )


def read(functions: Iterable[str], clients: Clients) -> Concurrency:
    """Ask Lambda for the account's concurrency, and for what the named functions have of it."""
    limit = perform(Call("lambda", "get_account_settings"), clients)["AccountLimit"]
    own = 0
    for name in functions:
        held = ask(Call("lambda", "get_function_concurrency", {"FunctionName": name}), clients) or {}
        own += int(held.get("ReservedConcurrentExecutions", 0))
    return Concurrency(int(limit["ConcurrentExecutions"]), int(limit["UnreservedConcurrentExecutions"]), own)
