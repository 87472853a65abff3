"""The words: English in code, Chinese on screen. docs/glossary.md is written from here and from the choices."""

from __future__ import annotations

from typing import Any

from shimao_service.models import Origin, OutletKind
from staff.models import Absence, Project
from staff.permissions import Permission
from tickets import urgency_words
from tickets.models import Occupancy, Urge
from tickets.statuses import (
    GRADES,
    Channel,
    ClockName,
    HoldReason,
    Kind,
    Level,
    Liability,
    LimitUnit,
    Mood,
    Oversight,
    RatingSource,
    Rung,
    Source,
    Status,
    Step,
    Urgency,
    Verb,
)

BEGIN, END = "<!-- words: written by manage.py write_glossary -->", "<!-- end of words -->"

GROUPS: tuple[tuple[str, Any], ...] = (
    ("Kinds of request (工单类型)", Kind),
    ("Steps (五步)", Step),
    ("Statuses (状态)", Status),
    ("Verbs (动作)", Verb),
    ("Urgency (紧急程度)", Urgency),
    ("Complaint levels (投诉级别)", Level),
    ("Mood (情绪)", Mood),
    ("Sources (来源)", Source),
    ("Hold reasons (挂起原因)", HoldReason),
    ("Channels (方式)", Channel),
    ("Liability (责任归属)", Liability),
    ("Rating sources (评价来源)", RatingSource),
    ("Clocks (时限)", ClockName),
    ("Who urges (催促)", Urge.By),
    ("Why the manager oversees it (督办原因)", Oversight),
    ("Units of a limit (时限单位)", LimitUnit),
    ("Rungs of the ladder (升级层级)", Rung),
    ("Outlets (通知渠道)", OutletKind),
    ("Days from (日期来源)", Origin),
    ("Absences (请假)", Absence.Kind),
    ("Project kinds (项目类型)", Project.Kind),
    ("Relations to a unit (关系)", Occupancy.Relation),
    ("Permissions (权限)", Permission),
)


# Said above the table of words.
URGENCY_RULE = """\
The words of a request raise it by themselves, whatever its kind but praise; to `critical` also 燃气, 煤气 or 天然气
with 味, 泄 or 漏 close by. In complaints, questions and suggestions a clause with a word of the row `not now` counts
only with one of the row `now`, and 爆了 and 关不住 not at all. At the counter a person may say otherwise, afterwards
the supervisor."""


def tables() -> str:
    """Every choice of the code with its Chinese word, a table a group."""
    parts = []
    for title, choices in GROUPS:
        rows = "\n".join(f"| `{value}` | {label} |" for value, label in choices.choices)
        parts.append(f"### {title}\n\n| code | on screen |\n|---|---|\n{rows}\n")
    grades = "\n".join(f"| `{grade}` | {words} |" for grade, words in GRADES.items())
    parts.append(f"### Grades (满意度)\n\n| code | on screen |\n|---|---|\n{grades}\n")
    parts.append(urgency_table())
    return "\n".join(parts)


def urgency_table() -> str:
    """Which words raise a request by themselves."""
    rows = (
        (Urgency.CRITICAL, urgency_words.CRITICAL_WORDS), (Urgency.URGENT, urgency_words.URGENT_WORDS),
        ("not now", urgency_words.NOT_NOW), ("now", urgency_words.NOW),
    )  # fmt: skip
    lines = "\n".join(f"| `{name}` | {'、'.join(words)} |" for name, words in rows)
    return f"### Words that hurry (紧急用语)\n\n{URGENCY_RULE}\n\n| raises to | words |\n|---|---|\n{lines}\n"


def rewrite(text: str) -> str:
    """``text`` with the part between the marks written anew. Raises ``ValueError`` when a mark is missing."""
    head, rest = text.split(BEGIN)
    _old, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{tail}"
