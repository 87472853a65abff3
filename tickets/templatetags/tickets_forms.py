"""What the templates of moves ask their forms."""

from __future__ import annotations

from django import template

from tickets.casefile import shown_pictures
from tickets.forms import MoveForm

register = template.Library()


@register.filter
def quick(form: MoveForm, name: str) -> list[dict[str, str]]:
    """The quick choices of a field."""
    return form.quick.get(name, [])


@register.filter
def pictures(ids: list[int]) -> list[dict[str, str]]:
    """Picture ids as the thumbnails component takes them."""
    return shown_pictures(ids)
