"""What is true of every request, whatever happened to it: asked of generated histories and of the demo's."""

from __future__ import annotations

from itertools import pairwise

from tickets import deadlines, policies
from tickets.lifecycle.clockwork import facts_of
from tickets.models import Clock, Event, Leg, Rating, ReceiverTerm, Ticket, Urge
from tickets.statuses import FINAL, MOVES, Kind, Status, Verb

HELD = (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)


def broken(ticket: Ticket) -> list[str]:
    """The invariants that the request breaks, in words."""
    wrong: list[str] = []

    def must(holds: bool, words: str) -> None:
        if not holds:
            wrong.append(f"{ticket.number}: {words}")

    events = list(Event.objects.filter(ticket=ticket).order_by("seq"))
    legs = list(Leg.objects.filter(ticket=ticket).order_by("started_at", "id"))
    must([event.seq for event in events] == list(range(1, len(events) + 1)), "events are counted without a gap")
    must(all(a.at <= b.at for a, b in pairwise(events)), "times never go backwards")
    must(events[0].verb == Verb.REGISTER and events[0].at == ticket.created_at, "it begins with its registration")
    must(events[-1].to_status == ticket.status, "the events tell the status")
    must(events[-1].round == ticket.round, "the events tell the round")
    must(events[-1].at == ticket.last_event_at, "the row knows its last event")
    for before, after in pairwise(events):
        must(before.to_status == after.from_status, f"no status is skipped at {after.seq}")
        must(after.round - before.round in (0, 1), f"rounds follow each other at {after.seq}")
        must(after.round == before.round or after.verb == Verb.REOPEN, f"only reopening begins a round at {after.seq}")
        if after.from_status != after.to_status and not (after.data or {}).get("on_spot"):
            must(after.from_status in MOVES[after.verb].sources, f"{after.verb} is legal at {after.seq}")
            must(after.to_status in MOVES[after.verb].to, f"{after.verb} leads there at {after.seq}")
    open_legs = [leg for leg in legs if leg.ended_at is None]
    must(len(open_legs) == (1 if ticket.status in HELD else 0), f"one leg is open while held, found {len(open_legs)}")
    if open_legs:
        leg = open_legs[0]
        must((leg.department_id, leg.handler_id) == (ticket.department_id, ticket.handler_id), "the leg is its holder")
    must(all(leg.ended_at is None or leg.ended_at >= leg.started_at for leg in legs), "legs end after they begin")
    terms = ReceiverTerm.objects.filter(ticket=ticket, ended_at=None)
    if ticket.status in FINAL:
        must(not terms.exists(), "nobody keeps a loop that is closed")
        must(not Urge.objects.filter(ticket=ticket, answered_at=None).exists(), "nothing waits on what is over")
    elif ticket.first_receiver_id:
        must([term.employee_id for term in terms] == [ticket.first_receiver_id], "one first receiver keeps the loop")
    if ticket.status == Status.CLOSED:
        own = [event.verb for event in events if event.round == ticket.round]
        told = Verb.FEED_BACK in own or Verb.CONCLUDE in own
        must(told and Verb.SUMMARISE in own, "nothing closes without feedback, inquiry and summary")
        must(hasattr(ticket, "summary"), "a closed request has its summary")
    counting = Rating.objects.filter(ticket=ticket, replaced_at=None, round=ticket.round).first()
    must((counting.grade if counting else None) == ticket.grade, "the row's grade is the one that counts")
    wrong.extend(clocks_broken(ticket, events))
    return wrong


def clocks_broken(ticket: Ticket, events: list[Event]) -> list[str]:
    """The stored clocks are what the events say, computed anew."""
    history = [deadlines.Happening(e.verb, e.at, e.round, e.to_status, e.data or {}) for e in events]
    states = deadlines.clocks(facts_of(ticket), ticket.created_at, history, policies.terms_of)
    stored = {
        (c.round, c.name): (c.started_at, c.due_at, c.met_at, c.paused_at, c.stopped_at)
        for c in Clock.objects.filter(ticket=ticket)
    }
    anew = {(s.round, s.name): (s.started_at, s.due_at, s.met_at, s.paused_at, s.stopped_at) for s in states}
    wrong = [] if stored == anew else [f"{ticket.number}: the stored clocks are not the computed ones"]
    due = None if ticket.status in FINAL else deadlines.next_due(states, ticket.round)
    if ticket.due_at != due:
        wrong.append(f"{ticket.number}: its next due time is {due}, stored {ticket.due_at}")
    if ticket.kind == Kind.PRAISE and states:
        wrong.append(f"{ticket.number}: praise has no clocks")
    return wrong
