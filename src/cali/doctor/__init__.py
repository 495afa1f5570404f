"""What is configured, reachable and deployed, and what differs from what was declared.

    checks --examine--> findings: ok | warn | fail, what, detail, and what to do about it

A check is a function that is given the World and gives findings. It reads, and changes nothing. One that crashes is a
finding itself. `embedded.py` looks at this machine, `reach.py` at servers, `account.py` at resources on AWS,
`deployed.py` at the functions against what was declared, `health.py` at how they do.
"""

from cali.doctor.finding import Finding, State, examine
from cali.doctor.world import World

__all__ = ["Finding", "State", "World", "examine"]
