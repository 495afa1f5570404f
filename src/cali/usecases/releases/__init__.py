"""What the functions load and learning makes: versions of a team's knowledge and of the template book, and which are in force.

    releases/knowledge/<version>.json   entries that were learnt, complete, with what people said of them     never changed
    releases/books/<version>.json       a template book                                                       never changed
    releases/current.json               the versions in force, those before them, when and why                swapped on its tag

`shelf.py` keeps and points, `forms.py` reads and writes, `watch.py` sees in a running process that the pointer moved.
"""

from cali.usecases.releases.documents import EntryStanding, Learnt, knowledge_over
from cali.usecases.releases.follow import ReleaseWatch
from cali.usecases.releases.repository import BOOKS, KNOWLEDGE, Current, Releases

__all__ = [
    "BOOKS",
    "KNOWLEDGE",
    "Current",
    "EntryStanding",
    "Learnt",
    "ReleaseWatch",
    "Releases",
    "knowledge_over",
]
