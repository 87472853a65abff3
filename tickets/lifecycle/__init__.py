"""The verbs: one function a move. Pages, API, tasks and commands call these; nothing else writes a status.

Every verb takes ``by`` (an :class:`~shimao_service.actors.Actor`), optionally ``now`` and the ``version`` the
caller's page was made from, and returns the request as it is afterwards. They raise ``NotSeen`` (404),
``Forbidden`` (403), ``Stale`` and ``IllegalMove`` (409) and ``Invalid`` (400, by field).
"""

from tickets.lifecycle.closing import conclude, judge, summarise, summarise_many, talk, time_out, time_out_together
from tickets.lifecycle.correction import amend, cancel, link, revoke_link, supplement, unlink
from tickets.lifecycle.custody import hand_over, release_employee
from tickets.lifecycle.dispatching import accept, dispatch, return_, transfer
from tickets.lifecycle.feedback import attempt, feed_back, rate, reopen
from tickets.lifecycle.handling import arrive, complete, follow_up, hold, resume, resume_together
from tickets.lifecycle.intake import answer_on_spot, register
from tickets.lifecycle.recomputing import recompute
from tickets.lifecycle.recusal import name_subjects
from tickets.lifecycle.referring import refer, reply_authority
from tickets.lifecycle.urging import acknowledge, answer_urge, oversee, urge

__all__ = [
    "accept", "acknowledge", "amend", "answer_on_spot", "answer_urge", "arrive", "attempt", "cancel", "complete",
    "conclude", "dispatch", "feed_back", "follow_up", "hand_over", "hold", "judge", "link", "name_subjects",
    "oversee", "rate", "recompute", "refer", "register", "release_employee", "reopen", "reply_authority", "resume",
    "resume_together", "return_", "revoke_link", "summarise", "summarise_many", "supplement", "talk", "time_out",
    "time_out_together", "transfer", "unlink", "urge",
]  # fmt: skip
