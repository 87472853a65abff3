"""Times, names and states as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from shimao_service import looks
from shimao_service.templatetags import ui

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 14, 5, tzinfo=SHANGHAI)


def render(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.5, "不到 1 分"), (35, "35 分"), (60, "1 小时"), (130, "2 小时 10 分"), (1440, "1 天"), (4560, "3 天 4 小时")],
)
def test_spans_are_told_in_their_two_largest_units(minutes, words):
    assert ui.duration(minutes) == words
    assert ui.duration(timedelta(minutes=minutes)) == words


def test_no_span_is_no_words():
    assert ui.duration(None) == ""


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI), "今天 09:00"),
        (datetime(2026, 11, 22, 9, 0, tzinfo=SHANGHAI), "昨天 09:00"),
        (datetime(2026, 11, 24, 9, 0, tzinfo=SHANGHAI), "明天 09:00"),
        (datetime(2026, 11, 3, 9, 0, tzinfo=SHANGHAI), "11月3日 09:00"),
        (datetime(2025, 11, 3, 9, 0, tzinfo=SHANGHAI), "2025年11月3日"),
    ],
)
def test_moments_are_told_as_people_say_them(moment, words):
    assert looks.moment_words(moment, NOW) == words


def test_yesterday_is_yesterday_across_the_new_year():
    new_year = datetime(2027, 1, 1, 0, 30, tzinfo=SHANGHAI)
    assert looks.moment_words(datetime(2026, 12, 31, 23, 50, tzinfo=SHANGHAI), new_year) == "昨天 23:50"


def test_moments_are_shanghai_days_whatever_zone_they_come_in():
    local = datetime(2026, 11, 22, 16, 30, tzinfo=UTC).astimezone(SHANGHAI)
    assert looks.day_words(local.date(), NOW.date()) == "今天"


def test_a_moment_keeps_its_full_time_for_focus_and_programs():
    html = ui.when(datetime(2025, 11, 3, 1, 2, 3, tzinfo=UTC))
    assert 'title="2025年11月3日 09:02:03"' in html
    assert 'datetime="2025-11-03T09:02:03+08:00"' in html


def test_days_have_no_time():
    assert ">2025年11月3日<" in ui.day(date(2025, 11, 3))


@pytest.mark.parametrize(
    ("minutes", "words", "tone"),
    [
        (130, "到场剩 2 小时 10 分", "normal"),
        (70, "到场剩 1 小时 10 分", "warning"),
        (-35, "到场超时 35 分", "overdue"),
    ],
)
def test_a_running_clock_tells_what_is_left_and_is_kept_true_by_the_page(minutes, words, tone):
    html = ui.clock(NOW + timedelta(minutes=minutes), label="到场", now=NOW)
    assert f"<span>{words}</span>" in html
    assert f"clock--{tone}" in html
    assert "data-due=" in html


def test_a_stopped_clock_tells_until_when_and_does_not_run():
    html = ui.clock(NOW, paused_until=NOW + timedelta(days=2), now=NOW)
    assert "挂起至 11月25日" in html
    assert "data-due" not in html


def test_a_met_clock_tells_the_moment_and_by_how_much_it_was_late():
    assert "到场 14:05，超时 9 分" in ui.clock(NOW - timedelta(minutes=9), label="到场", met=NOW, now=NOW)
    assert "clock--done" in ui.clock(NOW + timedelta(minutes=9), label="到场", met=NOW, now=NOW)


def test_no_limit_no_clock():
    assert ui.clock(None) == ""


def test_five_dots_say_which_step_in_words():
    html = ui.step_dots("follow_up")
    assert html.count("dot--done") == 2
    assert html.count("dot--moving") == 1
    assert html.count("dot--todo") == 2
    assert "第 3 步，共 5 步：跟进" in html
    assert ui.step_dots("").count("dot--done") == 5
    assert ui.step_dots("", "muted").count("dot--todo") == 5


def test_every_state_has_an_icon_and_a_word_beside_its_colour():
    for code, look in looks.STATUSES.items():
        html = ui.status_badge(code)
        assert str(look.label) in html
        assert f"#{look.icon}" in html


def test_what_can_wait_carries_no_urgency():
    assert ui.urgency_badge("normal") == ""
    assert "急修" in ui.urgency_badge("urgent")


def test_names_and_words_from_people_are_escaped():
    assert "<script>" not in ui.avatar("<script>", with_name=True, detail="<b>")
    assert "<b>" not in ui.badge("<b>")
    assert "<b>" not in ui.clock(NOW, label="<b>", now=NOW)


def test_a_name_keeps_its_colour():
    assert ui.avatar_tone("周建国") == ui.avatar_tone("周建国")
    assert {looks.avatar_tone(chr(0x4E00 + n)) for n in range(200)} == set(range(1, 7))


def test_names_and_phones_are_masked():
    assert (
        render("{{ name|name_masked }} {{ phone|phone_masked }}", name="张建国", phone="13812345678")
        == "张** 138****5678"
    )


def test_one_parameter_changes_and_the_others_stay():
    request = RequestFactory().get("/tickets/?kind=repair&cursor=abc&q=水管")
    out = render('{% query kind="complaint" cursor=None %}', request=request)
    assert out == "?kind=complaint&amp;q=%E6%B0%B4%E7%AE%A1"


def test_a_qr_code_is_inline_and_carries_no_style():
    html = ui.qr("https://example.test/track/abc")
    assert html.startswith("<svg role=")
    assert "style=" not in html


def test_english_reads_english():
    with translation.override("en"):
        assert looks.full_day(date(2026, 11, 3)) == "3 November 2026"


class Form(forms.Form):
    reason = forms.CharField(label="原因", help_text="写给同事看")
    agree = forms.BooleanField(label="已告知", required=False)
    kind = forms.ChoiceField(label="类型", choices=[("a", "甲"), ("b", "乙")], widget=forms.RadioSelect)
    step = forms.ChoiceField(label="步骤", choices=[("a", "甲")])


def test_a_field_carries_label_help_and_errors_for_eyes_and_screen_readers():
    form = Form({"kind": "a", "step": "a"})
    assert not form.is_valid()
    html = render('{% include "components/field.html" with field=form.reason %}', form=form)
    assert '<label class="form-label" for="id_reason">原因' in html
    assert "写给同事看" in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_reason_error"' in html
    assert "is-invalid" in html


def test_each_shape_of_field_gets_its_control():
    form = Form()
    shapes = {name: looks.control_of(form[name]) for name in form.fields}
    assert shapes == {"reason": "input", "agree": "checkbox", "kind": "choices", "step": "select"}
    for name in form.fields:
        assert form[name].label in render('{% include "components/field.html" with field=field %}', field=form[name])


def test_a_refusal_lists_what_changed_since():
    refusal = SimpleNamespace(
        status=409,
        detail="刚才有人改过。",
        changes=[SimpleNamespace(at=NOW, by_name="林静", get_verb_display="跟进")],
    )
    html = render('{% include "components/refusal_note.html" with refusal=refusal only %}', refusal=refusal)
    assert "刚才有人改过。" in html
    assert "林静 跟进" in html
