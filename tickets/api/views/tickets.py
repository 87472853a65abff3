"""The list of requests, registering one, and one as a whole."""

from __future__ import annotations

from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from shimao_service.exceptions import Invalid
from staff.api.base import JsonParser, Strict
from staff.api.paging import bad_cursor
from staff.api.schema import described, listing
from tickets import lifecycle, pictures
from tickets.api.idempotency import HEADER, is_used, key_of, scope_of
from tickets.api.serializers.tickets import IntakeBody, TicketBody, TicketParams, TicketRow
from tickets.api.uploads import split, with_pictures
from tickets.api.views.reading import TicketEndpoint, seen
from tickets.lifecycle.intake import Intake
from tickets.search import TicketFilter

TAG = "工单"
KEY = OpenApiParameter(
    HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER,
    description=str(_("重试时带同一个编号（24 小时内），只会登记一张")),
)  # fmt: skip


class TicketsView(TicketEndpoint):
    params = TicketParams
    parser_classes = [JsonParser, MultiPartParser]

    @described(
        "tickets_list", _("看得到的工单，最新的在前"), tag=TAG, parameters=[TicketParams],
        answers={200: listing(TicketRow, "TicketList")},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        cursor = self.asked().get("cursor", "")
        wanted = TicketFilter.from_query(request.query_params, self.viewer)
        if wanted.problems:
            raise Invalid(
                next(iter(wanted.problems.values())), fields={name: [why] for name, why in wanted.problems.items()}
            )
        if cursor and not wanted.knows(cursor):
            raise bad_cursor()
        found = wanted.page(cursor)
        prefetch_related_objects(found.rows, "clocks", "handler__user", "first_receiver__user")
        context = {"viewer": self.viewer, "now": wanted.now}
        rows = TicketRow(found.rows, many=True, context=context).data
        return Response({"next": found.next_cursor or None, "results": rows})

    @described(
        "tickets_register", _("登记"), tag=TAG, parameters=[KEY], request=with_pictures(IntakeBody),
        answers={201: TicketBody, 200: TicketBody}, errors=(400, 401, 403, 409, 415),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        self.checked(Strict, dict(request.query_params))
        key, scope = key_of(request.headers.get(HEADER)), scope_of(self.viewer.user.pk)
        data, files = split(request)
        intake = Intake(**{name: value for name, value in self.checked(IntakeBody, data).items() if value is not None})
        again = is_used(scope, key, timezone.now())
        ticket = lifecycle.register(
            intake, by=self.viewer.actor, key=key, scope=scope, pictures=() if again else pictures.read(files)
        )
        return self.told(ticket, status=200 if again else 201)


class TicketView(TicketEndpoint):
    @described("tickets_read", _("一张工单的全部"), tag=TAG, answers={200: TicketBody}, errors=(400, 401, 404))
    def get(self, request: Request, number: str) -> Response:
        ticket = seen(self.viewer, number)
        return Response(TicketBody(ticket, context={"viewer": self.viewer, "now": timezone.now()}).data)
