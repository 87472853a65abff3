"""When things happen by themselves: the schedule is code, the same on every host."""

from celery.schedules import crontab

# Asked in this order by every tick: dotted paths of functions f(now) -> how many notices or moves.
# Named as text because this floor imports none of those above.
TICK: list[str] = [
    "tickets.reminders.remind",
    "shimao_service.imports.sweeping.sweep",
    "tickets.terms_changes.sweep",
    "tickets.housekeeping.tidy",
    "shimao_service.outlets.tidy",
    "shimao_service.calendars.keep_years",
]
# Where this one fails again and again, reminders stand still although the beat ticks.
REMINDERS = TICK[0]

SCHEDULE = {
    "tick": {
        "task": "shimao_service.tasks.tick",
        "schedule": crontab(),  # every minute
        # A tick nobody took in time is not made up for: the next one sees the same rows.
        "options": {"expires": 50},
    },
}
