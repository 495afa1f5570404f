"""python -m cali.ops"""

from cali.ops.command import main

main()
