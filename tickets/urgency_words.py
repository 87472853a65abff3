"""How urgent something sounds. Nobody asks owners: fire, people trapped, gas and burst pipes say so themselves.

A repair is raised by the words alone: better one visit too many. Complaints, questions and suggestions also tell of
what was, or could be (``上个月电梯困人``, ``容易滑倒``): there a clause that says so counts only when it speaks of now.
What is doubtful counts: a call in vain costs less than somebody left in a lift.
"""

from __future__ import annotations

import re

from tickets.statuses import Kind, Urgency

# What puts people in danger: fire, people trapped, gas, current, somebody hurt.
CRITICAL_WORDS = (
    "着火", "起火", "火灾", "失火", "冒烟", "爆炸", "困人", "被困", "困在电梯", "困在里", "关在电梯", "触电",
    "受伤", "摔伤", "跌伤", "砸伤", "烫伤", "咬伤", "流血", "昏倒", "晕倒", "昏迷", "叫不醒",
)  # fmt: skip
# Gas is named in many ways, and mostly about bills: only with a smell or a leak close by.
_GAS, _NEAR = "(?:燃气|煤气|天然气|瓦斯)", r"[^，。；！？,;!?\n]{0,4}"
GAS = re.compile(f"{_GAS}{_NEAR}(?:味|泄|漏)|(?:泄|漏){_NEAR}{_GAS}")
# What gets worse by the minute, and somebody who fell.
URGENT_WORDS = (
    "爆管", "水管爆", "管爆", "爆裂", "爆了", "喷水", "倒灌", "漫水", "水漫", "淹", "关不住", "全屋没电", "冒火花",
    "摔倒", "跌倒", "滑倒",
)  # fmt: skip
# Of a tap or a pipe in a repair; elsewhere also of bins, doors and tempers.
VAGUE = ("爆了", "关不住")
# Told of, not happening: earlier, feared, prevented, asked about.
NOT_NOW = (
    "上次", "上回", "上周", "上星期", "上个月", "上月", "去年", "前年", "前几天", "前天", "昨天", "昨晚", "那天",
    "那次", "之前", "以前", "曾经", "当时", "差点", "险些", "容易", "怕被", "怕会", "生怕", "担心", "万一", "如果",
    "要是", "假如", "避免", "防止", "预防", "以防", "以免", "防范", "火灾隐患", "演练", "演习", "赔", "宣传",
)  # fmt: skip
NOW = (
    "现在", "正在", "刚刚", "刚才", "分钟前", "分钟之前", "小时前", "小时之前", "又", "还在", "还有", "仍", "一直",
    "开始", "此刻", "马上", "赶紧", "快来", "救命", "来救",
)  # fmt: skip
CLAUSES = re.compile(r"[，。；！？,;!?\n]+")


def told(text: str, kind: str) -> Urgency:
    """What the words of a request say by themselves; praise tells of what went well."""
    if kind == Kind.PRAISE:
        return Urgency.NORMAL
    if kind != Kind.REPAIR:
        text = "\n".join(clause for clause in CLAUSES.split(text) if is_of_now(clause))
    if GAS.search(text) or any(word in text for word in CRITICAL_WORDS):
        return Urgency.CRITICAL
    words = [word for word in URGENT_WORDS if kind == Kind.REPAIR or word not in VAGUE]
    return Urgency.URGENT if any(word in text for word in words) else Urgency.NORMAL


def is_of_now(clause: str) -> bool:
    return any(word in clause for word in NOW) or not any(word in clause for word in NOT_NOW)
