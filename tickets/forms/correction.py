"""Putting right: amending what was registered, links, supplements, cancelling."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service import phones
from shimao_service.exceptions import Invalid
from shimao_service.privacy import mask_name, mask_phone
from staff.models import Employee
from tickets import lifecycle, owners
from tickets.forms.base import MoveForm, choice_field, moment_field, pictures_field, text_field
from tickets.models import Category, Owner, Ticket, Unit
from tickets.pictures import Picture
from tickets.statuses import Kind, Level, Urgency, Verb

PEOPLE = ("contact_name", "contact_phone", "contact_email")


class AmendForm(MoveForm):
    """Every field that may be amended. People's data is not shown here: left empty, it stays as it is."""

    verb = Verb.AMEND
    title = gettext_lazy("更正登记")
    submit = gettext_lazy("保存更正")
    done = gettext_lazy("已更正，旧内容保留在时间线里")
    says = "reason"
    ids = "id_%s"
    renamed = {"unit": "unit_text", "owner": "owner_phone", "payer": "payer_phone"}

    reason = text_field(gettext_lazy("更正原因"), rows=2, message=gettext_lazy("请写明更正原因。"))
    kind = choice_field(gettext_lazy("类型"), Kind.choices, message=gettext_lazy("请选择类型。"))
    category = forms.ModelChoiceField(
        Category.objects.filter(is_active=True),
        label=gettext_lazy("分类"),
        required=False,
        empty_label=gettext_lazy("未分类"),
    )
    urgency = choice_field(gettext_lazy("紧急程度"), Urgency.choices, message=gettext_lazy("请选择紧急程度。"))
    unit_text = forms.CharField(
        label=gettext_lazy("房屋"),
        required=False,
        max_length=36,
        help_text=gettext_lazy("如 3-2-1502；清空即公共区域。"),
    )
    place = forms.CharField(label=gettext_lazy("位置"), required=False, max_length=80)
    description = text_field(gettext_lazy("内容"), rows=4, message=gettext_lazy("内容不能为空。"))
    appointment_at = moment_field(gettext_lazy("预约时间"))
    level = forms.ChoiceField(label=gettext_lazy("投诉级别"), required=False, choices=[("", "—"), *Level.choices])
    is_collective = forms.BooleanField(label=gettext_lazy("群诉"), required=False)
    owner_phone = forms.CharField(label=gettext_lazy("报事人改为（电话）"), required=False, max_length=20)
    payer_phone = forms.CharField(label=gettext_lazy("付费人改为（电话）"), required=False, max_length=20)
    contact_name = forms.CharField(label=gettext_lazy("联系人改为"), required=False, max_length=60)
    contact_phone = forms.CharField(label=gettext_lazy("联系电话改为"), required=False, max_length=20)
    contact_email = forms.EmailField(label=gettext_lazy("联系邮箱改为"), required=False)

    def prepare(self) -> None:
        ticket = self.ticket
        for name in ("kind", "category", "urgency", "place", "description", "appointment_at", "level", "is_collective"):
            self.fields[name].initial = getattr(ticket, name)
        self.fields["unit_text"].initial = ticket.unit.label if ticket.unit_id and ticket.unit else ""
        self.fields["category"].queryset = Category.objects.filter(is_active=True).select_related("parent")  # type: ignore[attr-defined]
        kinds = dict(Kind.choices)
        self.fields["category"].label_from_instance = lambda one: f"{kinds[one.kind]}·{one}"  # type: ignore[attr-defined]
        if ticket.kind != Kind.COMPLAINT:
            del self.fields["level"], self.fields["is_collective"]
        if ticket.is_anonymous:
            for name in (*PEOPLE, "owner_phone", "payer_phone"):
                del self.fields[name]
            return
        shown = {
            "owner_phone": f"{mask_name(ticket.owner.name)} {mask_phone(ticket.owner.phone)}" if ticket.owner else "",
            "payer_phone": f"{mask_name(ticket.payer.name)} {mask_phone(ticket.payer.phone)}" if ticket.payer else "",
            "contact_name": ticket.masked_name,
            "contact_phone": ticket.masked_phone,
            "contact_email": f"{ticket.contact_email[:1]}***" if ticket.contact_email else "",
        }
        for name, words in shown.items():
            self.fields[name].widget.attrs["placeholder"] = _("现为 %(now)s，不改请留空") % {"now": words or _("无")}

    @property
    def people_fields(self) -> list[Any]:
        names = ("owner_phone", "contact_name", "contact_phone", "contact_email", "payer_phone")
        return [self[name] for name in names if name in self.fields]

    @property
    def thing_fields(self) -> list[Any]:
        names = (
            "reason", "kind", "category", "urgency", "unit_text", "place", "description", "appointment_at", "level",
            "is_collective",
        )  # fmt: skip
        return [self[name] for name in names if name in self.fields]

    def clean_unit_text(self) -> Unit | None:
        text = self.cleaned_data["unit_text"].strip()
        if not text:
            return None
        here = Unit.objects.filter(project_id=self.ticket.project_id)
        found = list(here.filter(label__iexact=text)[:1]) or list(here.filter(room__iexact=text).order_by("label")[:6])
        if not found:
            raise forms.ValidationError(_("本项目没有“%(text)s”，请写成 3-2-1502 的样子。") % {"text": text})
        if len(found) > 1:
            names = "、".join(unit.label for unit in found[:5])
            raise forms.ValidationError(_("有几处都叫“%(text)s”：%(names)s，请写全。") % {"text": text, "names": names})
        return found[0]

    def _person(self, name: str) -> Owner | None:
        text = self.cleaned_data.get(name, "").strip()
        if not text:
            return None
        try:
            phone = phones.normalise(text)
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal.detail)) from refusal
        # Of the projects where this person looks people up, or of none: elsewhere nobody of that phone is known.
        known = Q(pk__in=owners.visible_to(self.viewer)) | Q(occupancies=None)
        found = list(Owner.objects.filter(known, Q(phone=phone) | Q(phone_alt=phone)).order_by("pk")[:20])
        if len(found) > 1:
            # Families share a phone: whoever lives here is meant.
            unit = self.cleaned_data.get("unit_text")
            at_home = Owner.objects.filter(
                pk__in=[one.pk for one in found], occupancies__in=_occupancies(unit)
            ).distinct()
            found = list(at_home) or found
        if not found:
            raise forms.ValidationError(_("没有这个电话的业主，请先在业主档案里登记。"))
        if len(found) > 1:
            raise forms.ValidationError(_("有 %(n)s 位业主共用这个电话，请先更正房屋。") % {"n": len(found)})
        return found[0]

    def clean_owner_phone(self) -> Owner | None:
        return self._person("owner_phone")

    def clean_payer_phone(self) -> Owner | None:
        return self._person("payer_phone")

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        names = ("kind", "category", "urgency", "place", "description", "appointment_at", "level", "is_collective")
        changes: dict[str, Any] = {name: data[name] for name in names if name in self.fields and name in data}
        # A kind that changes takes its old category along only when nobody picked another.
        if data["kind"] != self.ticket.kind and data["category"] == self.ticket.category:
            del changes["category"]
        changes["unit"] = data["unit_text"]
        changes |= {name: data[name] for name in PEOPLE if data.get(name)}
        if owner := data.get("owner_phone"):
            changes["owner"] = owner
            changes.setdefault("contact_name", owner.name)
            changes.setdefault("contact_phone", owner.phone)
        if payer := data.get("payer_phone"):
            changes["payer"] = payer
        return {"reason": data["reason"], "changes": changes}

    def call(self) -> Callable[..., Any]:
        return lifecycle.amend


def _occupancies(unit: Unit | None) -> Any:
    from tickets.models import Occupancy

    return Occupancy.objects.on(timezone.localdate()).filter(unit=unit)


class SupplementForm(MoveForm):
    verb = Verb.SUPPLEMENT
    title = gettext_lazy("业主补充")
    submit = gettext_lazy("补充")
    done = gettext_lazy("已补充")
    says = "note"
    note = text_field(gettext_lazy("补充内容"), limit=2000, placeholder=gettext_lazy("业主又说了什么，可粘贴图片"))
    pictures = pictures_field(gettext_lazy("图片"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.supplement


class CancelForm(MoveForm):
    verb = Verb.CANCEL
    submit = gettext_lazy("作废工单")
    done = gettext_lazy("已作废")
    says = "reason"
    danger = True
    reason = text_field(gettext_lazy("作废原因"), rows=2, message=gettext_lazy("请写明原因。"))

    def prepare(self) -> None:
        self.offer_phrases("reason", _("重复登记"), _("业主要求取消"), _("误登记"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.cancel


class RevokeLinkForm(MoveForm):
    verb = Verb.REVOKE_LINK
    submit = gettext_lazy("作废链接")
    done = gettext_lazy("原链接已作废，可重新交给业主")
    says = "reason"
    danger = True
    reason = text_field(gettext_lazy("原因"), rows=2, message=gettext_lazy("请写明原因。"))

    def prepare(self) -> None:
        self.offer_phrases("reason", _("发给了别人"), _("联系人已变更"), _("业主要求"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.revoke_link


class LinkForm(MoveForm):
    """关联: the other request by its number."""

    verb = Verb.LINK
    title = gettext_lazy("关联另一张工单")
    submit = gettext_lazy("关联")
    done = gettext_lazy("已关联")
    renamed = {"other": "number"}
    number = forms.CharField(
        label=gettext_lazy("工单编号"),
        max_length=20,
        error_messages={"required": gettext_lazy("请填写工单编号。")},
        widget=forms.TextInput(attrs={"placeholder": "BX20261123-0001", "autocomplete": "off"}),
    )
    note = text_field(gettext_lazy("说明"), rows=2, placeholder=gettext_lazy("如：楼上漏水，可一次上门。选填"))

    def prepare(self) -> None:
        # The likely ones: open in the same building, within a week.
        near = Ticket.objects.visible_to(self.viewer).open().exclude(pk=self.ticket.pk)
        near = near.exclude(links_high__high=self.ticket).exclude(links_low__low=self.ticket)
        near = near.filter(building_id=self.ticket.building_id or 0, created_at__gte=timezone.now() - timedelta(days=7))
        found = near.with_people().order_by("-created_at")[:5] if self.ticket.building_id else []
        self.offer("number", [(f"{one.number} {one.where} {one.headline[:12]}", one.number) for one in found])

    def clean_number(self) -> Ticket:
        number = self.cleaned_data["number"].strip().upper()
        other = Ticket.objects.visible_to(self.viewer).filter(number=number).first()
        if other is None:
            raise forms.ValidationError(_("没有找到工单 %(number)s。") % {"number": number})
        return other

    def make(self, *, pictures: list[Picture]) -> Any:
        return lifecycle.link(
            self.ticket, self.cleaned_data["number"], by=self.viewer.actor, note=self.cleaned_data["note"]
        )

    def was_made(self, events: Any) -> bool:
        return False


class UnlinkForm(LinkForm):
    verb = Verb.UNLINK
    title = gettext_lazy("取消关联")
    submit = gettext_lazy("取消关联")
    done = gettext_lazy("已取消关联")
    danger = True
    note = None  # type: ignore[assignment]

    def prepare(self) -> None:
        """The number comes with the address."""

    def make(self, *, pictures: list[Picture]) -> Any:
        return lifecycle.unlink(self.ticket, self.cleaned_data["number"], by=self.viewer.actor)


class NameSubjectsForm(MoveForm):
    verb = Verb.NAME_SUBJECTS
    submit = gettext_lazy("保存")
    done = gettext_lazy("已更正涉及员工")
    says = "reason"
    subjects = forms.CharField(
        label=gettext_lazy("涉及员工"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("姓名或工号，多人用顿号隔开；留空表示没有指明。投诉对本人及其下属不可见。"),
    )
    reason = text_field(
        gettext_lazy("更正原因"),
        rows=2,
        message=gettext_lazy("请写明更正原因。"),
        placeholder=gettext_lazy("如：业主说明是哪位员工"),
    )

    def prepare(self) -> None:
        if not self.is_bound:
            named = self.ticket.subjects.select_related("employee").order_by("employee__number")
            self.initial["subjects"] = "、".join(subject.employee.name for subject in named)

    def clean_subjects(self) -> list[Employee]:
        """Each name or number as the one employee it means; those already named may have left."""
        now = [subject.employee for subject in self.ticket.subjects.select_related("employee")]
        found: list[Employee] = []
        for word in re.split(r"[、,，;；\s]+", self.cleaned_data["subjects"].strip()):
            if not word:
                continue
            named = [one for one in now if word in (one.name, one.number)]
            people = named or list(Employee.objects.active().filter(Q(name=word) | Q(number__iexact=word))[:2])
            if not people:
                raise forms.ValidationError(_("没有找到员工“%(name)s”。") % {"name": word})
            if len(people) > 1:
                raise forms.ValidationError(_("有几位员工都叫“%(name)s”，请改填工号。") % {"name": word})
            found.append(people[0])
        return found

    def call(self) -> Callable[..., Any]:
        return lifecycle.name_subjects
