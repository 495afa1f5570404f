"""learning: what the nightly jobs do. By them an error that was explained once is known from the next day on.

    learn_new_errors    group -> draft -> gate -> publish     new_errors/ and people's words to knowledge entries in force
    learn_templates     collect -> learn -> publish           raw/ to a template book in force
    apply_feedback      apply                                 people's verdicts to the standing of entries
    reindex_knowledge   build -> check -> switch              a new collection beside the old, then the alias
    retention           retain                                what is old goes; never what is in force or was before it
    weekly_report       report                                a week in figures

A step keeps what it made under `learning/<job>/dt=<day>/<step>.json`, with a digest of what it was made from. It is not made
again while that is the same: a failed run goes on after the step that succeeded, and a second run changes nothing.
"""

from cali.usecases.learn.jobs import JOBS, run, status
from cali.usecases.learn.learn_context import Approval, LearnContext, LearnPolicy

__all__ = ["JOBS", "Approval", "LearnContext", "LearnPolicy", "run", "status"]
