"""The state diagram of the docs, drawn from the moves themselves."""

from __future__ import annotations

from tickets.statuses import FINAL, MOVES, STEP_OF, Status, Step, Verb

BEGIN, END = "<!-- states: drawn by manage.py draw_states -->", "<!-- end of states -->"


def mermaid() -> str:
    """A mermaid state diagram: statuses grouped by the five steps, an arrow a verb."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR"]
    for step in Step:
        lines.append(f'    state "{step.label}" as {step.value}_step {{')
        lines.extend(
            f'        state "{Status(status).label}" as {status.value}' for status in Status if STEP_OF[status] == step
        )
        lines.append("    }")
    lines.extend(f'    state "{Status(status).label}" as {status.value}' for status in FINAL)
    lines.append(f"    [*] --> {Status.REGISTERED.value}: {Verb.REGISTER.label}")
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in MOVES.values():
        for source in move.sources:
            for target in move.to:
                # A late grade stays where it is; a low one begins a new round. Both are told in words below.
                if source == target or (move.verb == Verb.RATE and source != Status.FED_BACK):
                    continue
                if move.verb == Verb.JUDGE and source != Status.REGISTERED:
                    continue
                arrows.setdefault((Status(source).value, Status(target).value), []).append(str(move.verb.label))
    lines.extend(f"    {source} --> {target}: {'、'.join(labels)}" for (source, target), labels in arrows.items())
    lines.extend(f"    {Status(status).value} --> [*]" for status in FINAL)
    return "\n".join([*lines, "```"])


def redraw(text: str) -> str:
    """``text`` with the part between the two marks drawn anew. Raises ``ValueError`` when a mark is missing."""
    head, rest = text.split(BEGIN)
    _old, tail = rest.split(END)
    return f"{head}{BEGIN}\n{mermaid()}\n{END}{tail}"
