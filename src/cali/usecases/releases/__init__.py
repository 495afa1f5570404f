"""releases: versions of the learnt knowledge and of the template book. Learning writes them, the functions load them.

    releases/knowledge/<version>.json   learnt entries and the verdicts on entries            immutable
    releases/books/<version>.json       a template book                                       immutable
    releases/current.json               versions in force, previous versions, time, reason    optimistic locking by tag

`repository.py` stores releases and the pointer, `documents.py` serialises them, `follow.py` reloads them in a running
process.
"""

from cali.usecases.releases.documents import EntryStanding, LearntKnowledge, knowledge_over
from cali.usecases.releases.follow import ReleaseWatch
from cali.usecases.releases.repository import BOOKS, KNOWLEDGE, Current, Releases

__all__ = [
    "BOOKS",
    "KNOWLEDGE",
    "Current",
    "EntryStanding",
    "LearntKnowledge",
    "ReleaseWatch",
    "Releases",
    "knowledge_over",
]
