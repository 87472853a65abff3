from tickets.models.attachment import Attachment
from tickets.models.category import Category
from tickets.models.custody import Hold, Leg, ReceiverTerm
from tickets.models.escalation import Escalation, EscalationStep, Referral, Urge
from tickets.models.estate import Building, Unit
from tickets.models.event import Event
from tickets.models.owner import Occupancy, Owner
from tickets.models.policy import Limit, Policy, PolicyVersion, ProjectTerms, TermsChange
from tickets.models.rating import Rating, Summary
from tickets.models.submission import NumberCounter, ReportAttempt, Submission
from tickets.models.ticket import Clock, Ticket, TicketLink, TicketSubject
from tickets.models.view import SavedView

__all__ = [
    "Attachment", "Building", "Category", "Clock", "Escalation", "EscalationStep", "Event", "Hold", "Leg", "Limit",
    "NumberCounter", "Occupancy", "Owner", "Policy", "PolicyVersion", "ProjectTerms", "Rating", "ReceiverTerm",
    "Referral", "ReportAttempt", "SavedView", "Submission", "Summary", "TermsChange", "Ticket", "TicketLink",
    "TicketSubject", "Unit", "Urge",
]  # fmt: skip
