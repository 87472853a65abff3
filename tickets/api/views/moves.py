"""Every move of a request: one table, one view, the verbs of :mod:`tickets.lifecycle`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from staff.api.base import JsonParser
from staff.api.schema import described
from tickets import lifecycle, permissions, pictures
from tickets.api.serializers import moves as bodies
from tickets.api.serializers.tickets import AssignedBody, TicketBody
from tickets.api.uploads import split, with_pictures
from tickets.api.views.reading import TicketEndpoint, movable
from tickets.models import Ticket
from tickets.statuses import Verb

TAG = "办理"


@dataclass(frozen=True, slots=True)
class Move:
    """``POST tickets/<number>/<path>/`` with ``body`` calls ``call``."""

    path: str
    verb: Verb
    call: Callable[..., Ticket]
    body: type[serializers.Serializer]
    pictures: bool = False
    answer: type[TicketBody] = TicketBody


MOVES = (
    Move("dispatch", Verb.DISPATCH, lifecycle.dispatch, bodies.DispatchBody, answer=AssignedBody),
    Move("accept", Verb.ACCEPT, lifecycle.accept, bodies.AcceptBody),
    Move("arrive", Verb.ARRIVE, lifecycle.arrive, bodies.ArriveBody, pictures=True),
    Move("return", Verb.RETURN, lifecycle.return_, bodies.ReasonBody),
    Move("transfer", Verb.TRANSFER, lifecycle.transfer, bodies.TransferBody, answer=AssignedBody),
    Move("follow-ups", Verb.FOLLOW_UP, lifecycle.follow_up, bodies.FollowUpBody, pictures=True),
    Move("hold", Verb.HOLD, lifecycle.hold, bodies.HoldBody),
    Move("resume", Verb.RESUME, lifecycle.resume, bodies.ResumeBody),
    Move("complete", Verb.COMPLETE, lifecycle.complete, bodies.CompleteBody, pictures=True),
    Move("feedback", Verb.FEED_BACK, lifecycle.feed_back, bodies.FeedbackBody),
    Move("rating", Verb.RATE, lifecycle.rate, bodies.RatingInput),
    Move("summary", Verb.SUMMARISE, lifecycle.summarise, bodies.SummaryBody),
    Move("answer-on-spot", Verb.ANSWER_ON_SPOT, lifecycle.answer_on_spot, bodies.AnswerBody),
    Move("reopen", Verb.REOPEN, lifecycle.reopen, bodies.ReasonBody),
    Move("cancel", Verb.CANCEL, lifecycle.cancel, bodies.ReasonBody),
    Move("conclude", Verb.CONCLUDE, lifecycle.conclude, bodies.ReasonBody),
    Move("amend", Verb.AMEND, lifecycle.amend, bodies.AmendBody),
    Move("urge", Verb.URGE, lifecycle.urge, bodies.UrgeBody),
    Move("answer-urge", Verb.ANSWER_URGE, lifecycle.answer_urge, bodies.NoteBody),
    Move("oversee", Verb.OVERSEE, lifecycle.oversee, bodies.NoteBody),
    Move("acknowledge", Verb.ACKNOWLEDGE, lifecycle.acknowledge, bodies.AcceptBody),
    Move("refer", Verb.REFER, lifecycle.refer, bodies.ReferBody),
    Move("reply-authority", Verb.REPLY_AUTHORITY, lifecycle.reply_authority, bodies.ReplyBody),
)


class MoveView(TicketEndpoint):
    """In the order of refusals: unseen, no such power, bad input, then whatever the verb itself says."""

    move: ClassVar[Move]

    def make(self, request: Request, number: str) -> Response:
        viewer, move = self.viewer, self.move
        ticket = movable(viewer, number)
        permissions.check_power(move.verb, ticket.project_id, viewer.actor)
        data, files = split(request)
        arguments: dict[str, Any] = self.checked(move.body, data)
        if files:
            arguments["pictures"] = pictures.read(files)
        return self.told(move.call(ticket, by=viewer.actor, **arguments), body=move.answer)


def view_of(move: Move) -> Callable[..., Any]:
    """The endpoint of one move, described."""
    request = with_pictures(move.body) if move.pictures else move.body

    class View(MoveView):
        parser_classes = [JsonParser, MultiPartParser] if move.pictures else [JsonParser]

        @described(
            f"tickets_{move.path.replace('-', '_')}", move.verb.label, tag=TAG, request=request,
            answers={200: move.answer}, errors=(400, 401, 403, 404, 409, 415),
        )  # fmt: skip
        def post(self, request: Request, number: str) -> Response:
            return self.make(request, number)

    View.move = move
    return View.as_view()
