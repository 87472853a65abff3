"""The limits a company starts with: 基础, 标准, 高端. Data only; afterwards they are its own to change.

Every number is a suggestion (建议值) but those a statute or a standard names.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_noop as N_

from tickets.limits import Allowance, Class, Limits

MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Row:
    """``amount`` is minutes for h and sh, days for wd. The promise to the owner starts as the target."""

    kind: str
    urgency: str
    is_grave: bool
    clock: str
    amount: int
    unit: str
    told_at_miss: str


@dataclass(frozen=True, slots=True)
class Preset:
    code: str
    name: str
    order: int
    is_default: bool
    # Urgent repairs on site, in minutes; ordinary repairs solved, in hours.
    on_site: int
    repair_hours: int

    def rows(self) -> list[Row]:
        return [
            Row(kind, urgency, grave, clock, amount, unit, told)
            for (kind, urgency, grave), limits in self._classes().items()
            for clock, amount, unit, told in limits
        ]

    def limits(self) -> Limits:
        """The same as a value, without a database."""
        classes: dict[Class, dict[str, Allowance]] = {}
        for row in self.rows():
            classes.setdefault((row.kind, row.urgency, row.is_grave), {})[row.clock] = Allowance(
                row.clock, row.amount, row.unit, (row.amount, row.unit), row.told_at_miss
            )
        return Limits(classes)

    def _classes(self) -> dict[tuple[str, str, bool], tuple[tuple[str, int, str, str], ...]]:
        day = MINUTES_A_DAY
        # 特急: until safe, so nothing is promised on the resolution. Supervisor and manager know at once.
        critical = (("response", 2, "h", "manager"),)
        consultation = (("response", 4 * 60, "sh", "supervisor"), ("resolution", 1, "wd", "supervisor"))
        suggestion = (("response", 1, "wd", "supervisor"), ("resolution", 7 * day, "h", "supervisor"))
        complaint = (
            ("response", 30, "sh", "supervisor"),
            ("answer", day, "h", "supervisor"),
            ("resolution", 3, "wd", "manager"),
        )
        grave = (
            ("response", 15, "h", "manager"),
            ("answer", 4 * 60, "h", "manager"),
            ("resolution", 3, "wd", "company"),
        )
        return {
            ("repair", "critical", False): (*critical, ("on_site", 5, "h", "manager")),
            ("repair", "urgent", False): (
                ("response", 10, "h", "supervisor"),
                ("on_site", self.on_site, "h", "supervisor"),
                ("resolution", day, "h", "supervisor"),
            ),
            # On site as booked: the clock runs only where there is an appointment, and ends at its hour.
            ("repair", "normal", False): (
                ("response", 30, "sh", "supervisor"),
                ("on_site", 0, "h", "supervisor"),
                ("resolution", self.repair_hours * 60, "h", "manager"),
            ),
            ("complaint", "critical", False): (*critical, *complaint[1:]),
            ("complaint", "urgent", False): complaint,
            ("complaint", "normal", False): complaint,
            ("complaint", "critical", True): (*critical, *grave[1:]),
            ("complaint", "urgent", True): grave,
            ("complaint", "normal", True): grave,
            ("consultation", "critical", False): critical,
            ("consultation", "urgent", False): consultation,
            ("consultation", "normal", False): consultation,
            ("suggestion", "critical", False): critical,
            ("suggestion", "urgent", False): suggestion,
            ("suggestion", "normal", False): suggestion,
        }


PRESETS = (
    Preset("basic", N_("基础"), 10, False, on_site=60, repair_hours=72),
    Preset("standard", N_("标准"), 20, True, on_site=30, repair_hours=48),
    Preset("premium", N_("高端"), 30, False, on_site=15, repair_hours=24),
)

# (basis, amount, rung): at 80 % of the limit, at its breach, at +50 %, a day after the breach.
STEPS = (
    ("percent", 80, "handler"),
    ("percent", 100, "supervisor"),
    ("percent", 150, "manager"),
    ("hours", 24, "company"),
)
