"""The list as an Excel file: masked, safe to open, with who made it and when; each one is written down (A7.5)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.privacy import mask_phone, record_reveal
from shimao_service.spreadsheets import escape
from staff.access import Viewer
from tickets.models import Ticket
from tickets.search import TicketFilter
from tickets.statuses import GRADES, Kind, Source, Urgency

# More is a matter for reports; a file of this length still opens everywhere.
MOST_ROWS = 20_000
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


def headings() -> list[tuple[str, int]]:
    """Words and width of each column."""
    return [
        (_("编号"), 18), (_("类型"), 8), (_("紧急程度"), 8), (_("状态"), 10), (_("项目"), 18), (_("房号"), 14),
        (_("分类"), 14), (_("内容"), 60), (_("联系人"), 10), (_("电话"), 14), (_("来源"), 10), (_("登记时间"), 17),
        (_("首问责任人"), 10), (_("责任部门"), 10), (_("责任人"), 10), (_("最近时限"), 17), (_("是否超时"), 8),
        (_("轮次"), 6), (_("评价"), 10), (_("办结时间"), 17), (_("督办"), 14), (_("转办单位"), 12), (_("转办编号"), 20),
        (_("转办时限"), 17), (_("正式回复"), 17),
    ]  # fmt: skip


def cells(ticket: Ticket, now: Any) -> list[Any]:
    late = ticket.due_at is not None and ticket.due_at < now
    theirs = getattr(ticket, "referral", None)
    return [
        ticket.number, str(Kind(ticket.kind).label), str(Urgency(ticket.urgency).label), ticket.status_label,
        ticket.project.name, ticket.where, str(ticket.category or ""), mask_numbers(ticket.description),
        ticket.masked_name, ticket.masked_phone, str(Source(ticket.source).label), local(ticket.created_at),
        name_of(ticket.first_receiver), name_of(ticket.department), name_of(ticket.handler), local(ticket.due_at),
        _("超时") if late else "", ticket.round, str(GRADES.get(ticket.grade, "")) if ticket.grade else "",
        local(ticket.closed_at), ticket.get_oversight_display() if ticket.overseen_at else "",
        *((str(Source(theirs.authority).label), theirs.number, local(theirs.due_at), local(theirs.replied_at))
          if theirs else ("", "", "", "")),
    ]  # fmt: skip


def write(asked: TicketFilter, viewer: Viewer) -> IO[bytes]:
    """An open temporary file at its beginning. Memory stays constant whatever the number of rows."""
    file = tempfile.TemporaryFile(suffix=".xlsx")  # noqa: SIM115  (the answer closes it when it is sent)
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(_("工单"))
    bold, date = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for column, (words, width) in enumerate(headings()):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, words, bold)
    sheet.freeze_panes(1, 1)
    last = 0
    for last, ticket in enumerate(_tickets(asked), start=1):
        for column, value in enumerate(cells(ticket, asked.now)):
            if hasattr(value, "year"):
                sheet.write_datetime(last, column, value, date)
            elif value != "":
                sheet.write(last, column, escape(value))
    for below, words in enumerate(footer(last, asked, viewer), start=2):
        sheet.write_string(last + below, 0, words)
    book.close()
    file.seek(0)
    record_reveal(
        user=viewer.user, subject="export:tickets",
        reason=_("导出工单 %(n)d 件；条件：%(query)s") % {"n": last, "query": asked.query() or _("无")},
    )  # fmt: skip
    return file


def footer(count: int, asked: TicketFilter, viewer: Viewer) -> list[str]:
    moment = timezone.localtime(asked.now).strftime("%Y-%m-%d %H:%M")
    lines = [
        _("共 %(n)d 件。由 %(name)s（%(account)s）于 %(at)s 导出，联系方式已隐去，导出已记录。")
        % {"n": count, "name": viewer.name, "account": viewer.user.get_username(), "at": moment}
    ]
    if count >= MOST_ROWS:
        lines.append(_("只导出前 %(n)d 件，可能还有更多，请缩小筛选范围后分次导出。") % {"n": MOST_ROWS})
    return lines


def _tickets(asked: TicketFilter) -> Iterator[Ticket]:
    return asked.ordered().with_people().select_related("referral")[:MOST_ROWS].iterator(chunk_size=1000)  # type: ignore[attr-defined]


def mask_numbers(text: str) -> str:
    """Mobile numbers that somebody wrote into the words."""
    return _MOBILE.sub(lambda found: mask_phone(found[0]), text)


def local(moment: Any) -> Any:
    """As Excel keeps it: without a zone, on the company's clock."""
    return timezone.localtime(moment).replace(tzinfo=None, microsecond=0) if moment else ""


def name_of(thing: Any) -> str:
    return thing.name if thing else ""
