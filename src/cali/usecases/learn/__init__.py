"""learn: the nightly jobs. An error that was explained once is in the knowledge from the next day on.

    learn_new_errors    group -> draft -> gate -> publish     new_errors/ and feedback -> knowledge entries in force
    learn_templates     collect -> learn -> publish           raw/ -> template book in force
    apply_feedback      apply                                 feedback -> standing of entries
    reindex_knowledge   build -> check -> switch              knowledge in force -> new collection under the alias
    retention           retain                                delete old data, except the current and previous release
    weekly_report       report                                incidents, feedback and cost of a week -> report

Each step stores its result as a checkpoint, `learning/<job>/dt=<day>/<step>.json`, with a digest of its input. A step whose
input has not changed is skipped. So a failed run continues after its last good step, and a second run changes nothing.
"""

from cali.usecases.learn.jobs import JOBS, run, status
from cali.usecases.learn.learn_context import Approval, LearnContext, LearnPolicy

__all__ = ["JOBS", "Approval", "LearnContext", "LearnPolicy", "run", "status"]
