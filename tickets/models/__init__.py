from tickets.models.attachment import Attachment
from tickets.models.category import Category
from tickets.models.custody import Hold, Leg, ReceiverTerm
from tickets.models.estate import Building, Unit
from tickets.models.event import Event
from tickets.models.owner import Occupancy, Owner
from tickets.models.rating import Rating, Summary
from tickets.models.submission import NumberCounter, ReportAttempt, Submission
from tickets.models.ticket import Clock, Ticket, TicketLink, TicketSubject
from tickets.models.view import SavedView

__all__ = [
    "Attachment", "Building", "Category", "Clock", "Event", "Hold", "Leg", "NumberCounter", "Occupancy", "Owner",
    "Rating", "ReceiverTerm", "ReportAttempt", "SavedView", "Submission", "Summary", "Ticket", "TicketLink",
    "TicketSubject", "Unit",
]  # fmt: skip
