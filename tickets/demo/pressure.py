"""What presses on a request of the demo: an authority's number, the owner who urges, the steps that rose.

Told after the story is lived, since it is about how long things took; the rows obey what the verbs would have left.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tickets import deadlines
from tickets.circumstances import Around, Referred
from tickets.demo.words import CALL_ANSWERS, CALLS, URGE_ANSWERS, URGES
from tickets.escalation_steps import Step, is_ordinary, moment_of, opening
from tickets.presets import STEPS
from tickets.statuses import AUTHORITIES, CLAUSE_OF, MANAGER_AT, Kind, Oversight, Rung, Verb

if TYPE_CHECKING:
    from tickets.demo.stories import Story

HOUR = timedelta(hours=1)
OWNER = "业主"
SYSTEM = ("system", None, "系统")
COMPANY = "总经理"
# What answers an urge by itself.
SETTLES = (Verb.COMPLETE, Verb.CANCEL, Verb.CONCLUDE, Verb.FEED_BACK, Verb.SUMMARISE)
LADDER = tuple(Step(*row) for row in STEPS)


def refer(story: Story) -> tuple[Any, ...] | None:
    """What 12345 passed on: their number, their deadline (five days), the day to give it back in. The row, if any."""
    row = story.row
    if row.source not in AUTHORITIES:
        return None
    number = f"{row.created_at:%Y%m%d}{row.pk:08d}"
    due_at, return_until = row.created_at + timedelta(days=5), row.created_at + timedelta(days=1)
    told = {"authority": row.source, "number": number}
    _insert(story, row.created_at, Verb.REFER, _first_actor(story), data=told, quiet=True)
    return row.source, number, due_at, return_until


def urge(story: Story, rng: random.Random) -> list[tuple[Any, ...]]:
    """An owner who has waited long says so, some more than once; the third time it is the manager's. Rows of urges."""
    row = story.row
    begun = next((at for _seq, verb, at, *_rest in story.events if verb == Verb.DISPATCH), None)
    if begun is None or row.is_anonymous or any((event[10] or {}).get("on_spot") for event in story.events):
        return []
    done = next((e[2] for e in story.events if e[1] in (Verb.COMPLETE, Verb.CANCEL)), story.now)
    waited = (done - begun) / HOUR
    if waited < 20 or rng.random() > 0.14:
        return []
    rows: list[tuple[Any, ...]] = []
    calls, answers = (URGES, URGE_ANSWERS) if row.kind == Kind.REPAIR else (CALLS, CALL_ANSWERS)
    at = begun + (done - begun) * rng.uniform(0.35, 0.6)
    for nth in range(1, rng.choices((1, 2, 3), (70, 20, 10))[0] + 1):
        at = _by_day(at)
        if at >= min(done, story.now):
            break
        note = rng.choice(calls)
        event_round = _insert(
            story, at, Verb.URGE, ("link", row.owner_id, OWNER), note, {"by": "owner", "nth": nth}, quiet=True
        )
        if nth == MANAGER_AT and row.overseen_at is None:
            row.overseen_at, row.oversight = at, Oversight.URGED.value
            _insert(story, at, Verb.OVERSEE, SYSTEM, "", {"reason": Oversight.URGED.value})
        answered: datetime | None = at + timedelta(minutes=rng.uniform(10, 90))
        who, answer = "", ""
        if answered and answered < min(done, story.now) and rng.random() < 0.85:
            keeper = ("employee", row.first_receiver_id, story._name(row.first_receiver_id))
            who, answer = keeper[2], rng.choice(answers)
            _insert(story, answered, Verb.ANSWER_URGE, keeper, answer, {"urges": 1, "to_owner": True})
        else:
            answered, who, answer = _settled(story, at)
        rows.append((event_round, "owner", OWNER, row.owner_id, "", note, at, 1, at, answered, who, answer))
        at = max(at, answered or at) + timedelta(hours=rng.uniform(3, 20))
    return rows


def _settled(story: Story, since: datetime) -> tuple[datetime | None, str, str]:
    """Who answers by doing: the first word to the owner, or the work done, after the urge; nobody yet: it waits."""
    for index, event in enumerate(story.events):
        _seq, verb, at, _kind, _id, name, _from, _to, _round, note, data, _clause = event
        told = verb in SETTLES or (verb == Verb.FOLLOW_UP and (data or {}).get("answered"))
        if at > since and told:
            count = (data or {}).get("urges", 0) + 1
            kept = (data or {}) | {"urges": count, "to_owner": True}
            story.events[index] = (*event[:10], kept, event[11])
            return at, name, note
    return None, "", ""


def oversee(story: Story) -> None:
    """A complaint of three households is the manager's from its first minute."""
    row = story.row
    if row.is_collective and row.overseen_at is None:
        row.overseen_at, row.oversight = row.created_at, Oversight.COLLECTIVE.value
        _insert(story, row.created_at, Verb.OVERSEE, SYSTEM, "", {"reason": Oversight.COLLECTIVE.value})


def escalate(story: Story, clocks: list[deadlines.ClockState]) -> list[tuple[Any, ...]]:
    """The steps that rose while clocks ran past their marks. Rows of escalations."""
    rows: list[tuple[Any, ...]] = []
    terms = story.place.terms
    for state in clocks:
        end = min(state.met_at or state.stopped_at or state.paused_at or story.now, story.now)
        if end <= state.warn_at:
            continue
        pauses = deadlines.pauses_of(story.history, state.round)
        for step in LADDER:
            due = moment_of(step, state, terms, pauses)
            if due is None:
                continue
            at = opening(terms.calendar, due) if is_ordinary(story.row) else due
            if at >= end:
                continue
            rung, told = _told(story, step.rung, at)
            data = {"clock": state.name, "step": step.code, "rung": rung, "told": told, "skipped": [],
                    "due_at": due.isoformat()}  # fmt: skip
            _insert(story, at, Verb.ESCALATE, SYSTEM, "", data, quiet=True)
            rows.append((state.round, state.name, step.code, due, at))
    return rows


def around(story: Story, escalations: list, urges: list, referral: tuple[Any, ...] | None) -> Around:
    """What the schedule asks about, of the present round. Urges have no ids yet: their order will do."""
    number = story.row.round
    return Around(
        pauses=tuple(deadlines.pauses_of(story.history, number)),
        risen=frozenset((clock, step) for round_, clock, step, _due, _at in escalations if round_ == number),
        urges=tuple((index, urge[6]) for index, urge in enumerate(urges) if urge[9] is None),
        referral=Referred(referral[2], referral[3], is_replied=False) if referral else None,
    )


def _told(story: Story, rung: str, at: datetime) -> tuple[str, list[str]]:
    held = any(e[1] == Verb.ACCEPT and e[2] <= at for e in story.events) and story.handler_name
    if rung == Rung.HANDLER and held:
        return rung, [story.handler_name]
    if rung in (Rung.HANDLER, Rung.SUPERVISOR):
        return Rung.SUPERVISOR.value, [story.place.team["supervisor"][0][1]]
    if rung == Rung.MANAGER:
        return rung, [story.place.team["manager"][0][1]]
    return rung, [COMPANY]


def _insert(
    story: Story,
    at: datetime,
    verb: Verb,
    who: tuple[str, int | None, str],
    note: str = "",
    data: dict[str, Any] | None = None,
    *,
    quiet: bool = False,
) -> int:
    """Put an event into its place; answer its round. A quiet one leaves the version alone."""
    index = next((i for i, event in enumerate(story.events) if event[2] > at), len(story.events))
    before = story.events[index - 1]
    status, round_ = before[7], before[8]
    clause = story.world.clauses.get(CLAUSE_OF.get(verb, ""))
    story.events.insert(index, (0, verb.value, at, *who, status, status, round_, note, data, clause))
    story.row.last_event_at = max(story.row.last_event_at, at)
    if not quiet:
        story.row.version += 1
    return int(round_)


def renumber(story: Story) -> None:
    """Count the events anew, in the order of time."""
    story.events = [(number, *event[1:]) for number, event in enumerate(story.events, start=1)]


def _first_actor(story: Story) -> tuple[str, int | None, str]:
    kind, actor, name = story.events[0][3:6]
    return kind, actor, name


def _by_day(at: datetime) -> datetime:
    """Owners urge when they are awake."""
    hour = (at + timedelta(hours=8)).hour
    return at if 8 <= hour < 22 else at + timedelta(hours=(8 - hour) % 24 or 1)
