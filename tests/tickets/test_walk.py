import pytest

from tests.factories import walk
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("kind", [Kind.REPAIR, Kind.COMPLAINT, Kind.CONSULTATION, Kind.SUGGESTION, Kind.PRAISE])
def test_the_five_steps_lead_to_every_status(cast, status, kind):
    ticket = walk(cast, status, kind=kind)
    assert ticket.status == status
    last = ticket.events.order_by("seq").last()
    assert last.to_status == status
