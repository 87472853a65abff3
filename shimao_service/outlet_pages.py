"""通知渠道: managers set up group robots, and the company's own people webhooks, and see what became of the letters.

No page shows an address or a secret that was saved; a webhook's secret is on the page that answers its making.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service import outlets
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen, TooMany
from shimao_service.models import NoticeStatus, Outlet, OutletKind, User, Verdict
from shimao_service.outlet_forms import OutletForm
from shimao_service.outlets import Reach

ATTEMPTS = 50
FORM_METHODS = ["GET", "HEAD", "POST"]
ICONS = {
    OutletKind.WECOM: "brand-wechat", OutletKind.DINGTALK: "send", OutletKind.FEISHU: "send-2",
    OutletKind.APPRISE: "apps", OutletKind.WEBHOOK: "world",
}  # fmt: skip
# Where in each app the address is found, step by step.
HOW_TO: dict[str, list[Any]] = {
    OutletKind.WECOM: [
        gettext_lazy("在企业微信里打开要接收通知的群，点右上角“…”。"),
        gettext_lazy("选“消息推送”（旧版叫“群机器人”），点“添加”，起个名字，如“客服工单”。"),
        gettext_lazy("复制显示的 Webhook 地址，粘贴到“机器人地址”。外部群不能添加。"),
    ],
    OutletKind.DINGTALK: [
        gettext_lazy("在钉钉电脑版打开要接收通知的群，点右上角“群设置”，选“机器人”。"),
        gettext_lazy("添加“自定义”机器人，安全设置勾选“加签”，把 SEC 开头的密钥填到“加签密钥”。"),
        gettext_lazy("也可以选“自定义关键词”，关键词填“工单”：每条消息都带有这两个字。"),
        gettext_lazy("完成后复制 Webhook 地址，粘贴到“机器人地址”。"),
    ],
    OutletKind.FEISHU: [
        gettext_lazy("在飞书打开要接收通知的群，点右上角“…”，选“设置”，再选“群机器人”。"),
        gettext_lazy("添加“自定义机器人”，起个名字，复制 Webhook 地址，粘贴到“机器人地址”。"),
        gettext_lazy("安全设置建议勾选“签名校验”，并把密钥填到“加签密钥”；或用关键词“工单”。"),
    ],
    OutletKind.APPRISE: [
        gettext_lazy("其他聊天或推送工具，按 Apprise 的地址格式填写，如 slack://、tgram://、ntfys://。"),
        gettext_lazy("只支持走网页协议（HTTP）的工具；邮件请在系统设置里配置。"),
    ],
    OutletKind.WEBHOOK: [
        gettext_lazy("供公司的其他系统接收：每次有事发生，我们向这个地址 POST 一段 JSON。"),
        gettext_lazy("保存后显示一次签名密钥，请交给对方系统的开发人员，用它核对来源。"),
        gettext_lazy("只发编号、类型、状态和时间，不含业主信息。内网地址需要系统管理员先设置允许的网段。"),
    ],
}


def reach_of(request: HttpRequest) -> Reach:
    """For whom the viewer sets up channels, asked once a request. Raises ``Forbidden`` when for nobody."""
    reach: Reach | None = getattr(request, "reach", None)
    if reach is None:
        reach = request.reach = outlets.reach_of(getattr(request, "viewer", None))  # type: ignore[attr-defined]
    if not reach:
        raise Forbidden(_("您没有维护通知渠道的权限，请联系主管。"))
    return reach


def outlet_of(request: HttpRequest, pk: int) -> Outlet:
    """The outlet, if the viewer looks after it. Raises ``NotSeen``."""
    reach = reach_of(request)
    found = Outlet.objects.select_related("changed_by").filter(pk=pk).first()
    if found is None or not reach.covers(found):
        raise NotSeen(_("没有找到这个渠道。"))
    return found


def kinds_for(reach: Reach) -> list[dict[str, Any]]:
    """The kinds this person may add; what goes to other systems is the company's to decide."""
    kinds = [kind for kind in OutletKind if reach.everywhere or kind != OutletKind.WEBHOOK]
    return [{"code": kind.value, "label": kind.label, "icon": ICONS[kind]} for kind in kinds]


def kind_words(kind: str) -> str:
    """The kind's label inside a Chinese sentence: a Latin word stands apart."""
    label = str(OutletKind(kind).label)
    return f" {label}" if label.isascii() else label


# --- looking --------------------------------------------------------------------------------------
@never_cache
@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    """All that this person looks after, with how each stands."""
    reach = reach_of(request)
    found = [outlet for outlet in Outlet.objects.order_by("-is_active", "kind", "name") if reach.covers(outlet)]
    counts = outlets.standing(found) if found else {}
    context = {
        "rows": [_row(outlet, counts[outlet.pk], reach) for outlet in found],
        "kinds": kinds_for(reach),
        "trouble": [(outlet, outlets.lost_words(outlet)) for outlet in found if not outlet.is_readable],
    }
    return render(request, "shimao_service/outlets/list.html", context)


@never_cache
@require_safe
def channel(request: HttpRequest, pk: int) -> HttpResponse:
    """One channel: how it stands, what it sends, the last tries."""
    outlet = outlet_of(request, pk)
    context = _row(outlet, outlets.standing([outlet])[outlet.pk], reach_of(request)) | {
        "attempts": [_attempt(each) for each in outlet.attempts.select_related("by").order_by("-id")[:ATTEMPTS]],
        "attempts_shown": ATTEMPTS,
        "lost": outlets.lost_words(outlet),
    }
    return render(request, "shimao_service/outlets/page.html", context)


def _row(outlet: Outlet, counts: dict[str, int], reach: Reach) -> dict[str, Any]:
    waiting = sum(counts.get(status, 0) for status in outlets.WAITING)
    uncertain = counts.get(NoticeStatus.UNCERTAIN, 0)
    return {
        "outlet": outlet,
        "icon": ICONS[OutletKind(outlet.kind)],
        "state": _state(outlet),
        "scope": reach.scopes.get(outlet.scope, _("已停管的项目")) if outlet.scope else _("全公司"),
        "topics": [topic.label for topic in outlets.topics_for(outlet.channel) if topic.code in outlet.topics],
        "waiting": waiting,
        "pending": counts.get(NoticeStatus.PENDING, 0),
        "uncertain": uncertain,
        "dead": counts.get(NoticeStatus.DEAD, 0),
        "may_delete": not waiting and not uncertain,
    }


def _state(outlet: Outlet) -> dict[str, Any]:
    """What the badge says: label, tone, icon."""
    if not outlet.is_readable:
        return {"label": _("需重新填写"), "tone": "overdue", "icon": "alert-triangle"}
    if not outlet.is_active:
        return {"label": _("已停用"), "tone": "paused", "icon": "player-pause"}
    last_good, last_bad = outlet.succeeded_at, outlet.failed_at
    if last_bad and (not last_good or last_bad > last_good):
        return {"label": _("上次未送达"), "tone": "warning", "icon": "alert-circle"}
    if not last_good:
        return {"label": _("尚未测试"), "tone": "waiting", "icon": "circle-dashed"}
    return {"label": _("正常"), "tone": "done", "icon": "circle-check"}


TONES = {
    Verdict.SENT: "done", Verdict.NOT_SENT: "warning", Verdict.REFUSED: "overdue", Verdict.UNCERTAIN: "paused",
}  # fmt: skip


def _attempt(attempt: Any) -> dict[str, Any]:
    verdict = Verdict(attempt.verdict)
    # Nobody tries a test again.
    label = _("未送出") if attempt.is_test and verdict == Verdict.NOT_SENT else verdict.label
    return {"row": attempt, "label": label, "tone": TONES[verdict]}


# --- setting up -----------------------------------------------------------------------------------
@sensitive_variables("form", "made")
@sensitive_post_parameters("address", "secret")
@never_cache
@require_http_methods(FORM_METHODS)
def new(request: HttpRequest, kind: str) -> HttpResponse:
    reach = reach_of(request)
    if kind not in [each["code"] for each in kinds_for(reach)]:
        raise NotSeen(_("没有这种渠道，或您没有添加它的权限。"))
    form = OutletForm(request.POST or None, kind=kind, reach=reach)
    if request.method == "POST" and form.is_valid():
        try:
            made = outlets.create(kind=kind, by=cast(User, request.user), now=timezone.now(), **_typed(form))
        except Invalid as refusal:
            form.take(refusal)
        else:
            if made.is_webhook:
                return _secret_page(request, made, made.secret or "")
            messages.success(request, _("已保存，请点“发送测试消息”确认群里能收到。"))
            return redirect("channel", made.pk)
    return _form_page(request, form, kind, None)


@sensitive_variables("form")
@sensitive_post_parameters("address", "secret")
@never_cache
@require_http_methods(FORM_METHODS)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    outlet = outlet_of(request, pk)
    form = OutletForm(request.POST or None, kind=outlet.kind, reach=reach_of(request), outlet=outlet)
    if request.method == "POST" and form.is_valid():
        try:
            outlets.change(outlet, by=cast(User, request.user), now=timezone.now(), **_typed(form))
        except Invalid as refusal:
            form.take(refusal)
        else:
            messages.success(request, _("已保存。"))
            return redirect("channel", outlet.pk)
    return _form_page(request, form, outlet.kind, Outlet.objects.filter(pk=pk).first() or outlet)


def _typed(form: OutletForm) -> dict[str, Any]:
    typed = dict(form.cleaned_data)
    if form.outlet is None:
        typed.setdefault("scope", "")
    return typed


def _form_page(request: HttpRequest, form: OutletForm, kind: str, outlet: Outlet | None) -> HttpResponse:
    context = {
        "form": form,
        "outlet": outlet,
        "kind": OutletKind(kind),
        "steps": HOW_TO[kind],
        "title": (_("修改%(kind)s") if outlet else _("添加%(kind)s")) % {"kind": kind_words(kind)},
    }
    status = 400 if form.is_bound and not form.is_valid() else 200
    return render(request, "shimao_service/outlets/form.html", context, status=status)


@sensitive_variables("secret")
def _secret_page(request: HttpRequest, outlet: Outlet, secret: str) -> HttpResponse:
    return render(request, "shimao_service/outlets/secret.html", {"outlet": outlet, "secret": secret})


# --- doing ----------------------------------------------------------------------------------------
@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test message now; what was answered stands on the page afterwards."""
    outlet = outlet_of(request, pk)
    try:
        outcome = outlets.test(outlet, by=cast(User, request.user), now=timezone.now())
    except TooMany as refusal:
        messages.warning(request, str(refusal.detail))
        return redirect("channel", pk)
    if outcome.verdict == Verdict.SENT:
        messages.success(request, _("测试消息已送达，请到群里或对方系统确认。"))
    else:
        messages.error(request, _("测试没有成功：%(answer)s") % {"answer": outcome.answer})
    return redirect("channel", pk)


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """``do=pause`` or ``do=resume``."""
    outlet = outlet_of(request, pk)
    if request.POST.get("do") == "pause":
        outlets.pause(outlet, by=cast(User, request.user), now=timezone.now())
        messages.success(request, _("已停用。等待中的通知保留，启用后继续发送。"))
    else:
        outlets.resume(outlet, by=cast(User, request.user), now=timezone.now())
        messages.success(request, _("已启用。"))
    return redirect("channel", pk)


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    count = outlets.withdraw(outlet_of(request, pk), by=cast(User, request.user), now=timezone.now())
    messages.success(request, ngettext("已撤回 %(count)s 条。", "已撤回 %(count)s 条。", count) % {"count": count})
    return redirect("channel", pk)


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    outlet = outlet_of(request, pk)
    try:
        outlets.delete(outlet, by=cast(User, request.user))
    except Conflict as refusal:
        messages.error(request, str(refusal.detail))
        return redirect("channel", pk)
    messages.success(request, _("已删除 %(name)s。") % {"name": outlet.name})
    return redirect("channels")


@sensitive_variables("secret")
@never_cache
@require_POST
def renew_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """A new secret for a webhook, shown on this page and never again."""
    outlet = outlet_of(request, pk)
    if not outlet.is_webhook:
        raise NotSeen(_("没有找到这个渠道。"))
    secret = outlets.renew_secret(outlet, by=cast(User, request.user), now=timezone.now())
    return _secret_page(request, outlet, secret)
