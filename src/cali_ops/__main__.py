"""python -m cali_ops"""

from cali_ops.command import main

main()
