"""A grade as a word."""

from django import template

from tickets.statuses import GRADES

register = template.Library()


@register.filter
def grade_words(grade: int | None) -> str:
    """``5`` → 非常满意; nothing for none."""
    return str(GRADES[grade]) if grade in GRADES else ""
