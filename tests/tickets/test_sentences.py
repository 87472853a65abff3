"""What rose by itself, in the words of the story: to whom, why then, and whom it passed over for which reason."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tickets import timeline
from tickets.models import Event
from tickets.statuses import Verb


def line(verb: Verb, **data) -> timeline.Line:
    return timeline.sentence(
        Event(verb=verb, at=timezone.now(), actor_kind="system", actor_name="系统", round=1, data=data)
    )


@pytest.mark.parametrize(
    ("clock", "step", "rung", "words"),
    [
        ("response", "percent:80", "supervisor", ("提醒主管", "响应时限用去 80%")),
        ("resolution", "percent:100", "manager", ("提醒项目经理", "办结时限已到")),
        ("resolution", "percent:150", "manager", ("提醒项目经理", "办结时限用去 150%")),
        ("on_site", "hours:24", "company", ("提醒公司", "到场超时 24 小时")),
        ("emergency", "alarm:0", "manager", ("提醒项目经理", "特急")),
        ("emergency", "alarm:2", "company", ("提醒公司", "特急，第 3 次提醒")),
        ("duty", "night", "handler", ("提醒值班人员", "非服务时间来件")),
        ("unheard_of", "", "", ("升级提醒", "")),
    ],
)
def test_each_step_says_what_ran_out_and_who_is_asked(clock, step, rung, words):
    told = line(Verb.ESCALATE, clock=clock, step=step, rung=rung, told=["陈晓雯"])
    assert (told.who, told.what, told.object) == ("系统", *words)


def test_whom_it_told_and_whom_it_skipped_and_why():
    told = line(
        Verb.ESCALATE, clock="response", step="percent:80", rung="handler", told=["陈晓雯", "王志强"],
        skipped=[{"name": "周建国", "why": "休假至 11月25日"}, {"name": "值班人", "why": "无人值班"}],
    )  # fmt: skip
    assert told.details == ["已告知 陈晓雯、王志强", "跳过 周建国：休假至 11月25日", "跳过 值班人：无人值班"]
    assert line(Verb.ESCALATE, clock="response", step="percent:80").details == ["没有可以告知的人"]


def test_recomputed_times_say_which_terms_changed():
    told = line(Verb.RECLOCK, changes={"policy_version": [1, 2], "calendar_version": [3, 4]})
    assert (told.what, told.details) == ("时限重算", ["改用新的时限标准", "改用新的工作日历"])
