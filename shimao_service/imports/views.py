"""Pages of the imports: what I may import, the upload, the report, the yes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service.exceptions import Forbidden, IllegalMove, Invalid, NotSeen, Stale
from shimao_service.imports import engine, registry, workbooks
from shimao_service.imports.forms import AcceptForm, UploadForm
from shimao_service.imports.importer import Importer
from shimao_service.models import ImportRow, ImportRun, Outcome, RunStatus
from shimao_service.spreadsheets import MIME

PAGE = 50
RECENT = 20
STAGES = {"read": _l("读取文件"), "plan": _l("比对数据"), "report": _l("整理结果"), "write": _l("写入数据")}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    viewer: Any = request.viewer  # type: ignore[attr-defined]
    importers = registry.for_viewer(viewer)
    if not importers:
        raise NotSeen(_("没有找到这个页面，可能已被移动，或您没有查看权限。"))
    runs = engine.visible(viewer).select_related("uploaded_by").order_by("-id")[:RECENT]
    rows = [{"run": run, "label": registry.get(run.kind).label} for run in runs]
    return render(request, "imports/index.html", {"importers": importers, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, kind: str) -> HttpResponse:
    importer = _importer(request, kind)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                run = engine.upload(form.cleaned_data["file"], kind=kind, by=request.viewer)  # type: ignore[attr-defined]
                return redirect("import-run", run.pk)
            except Invalid as refusal:
                form.add_error("file", str(refusal.detail))
    context = {"importer": importer, "form": form}
    return render(request, "imports/new.html", context, status=400 if form.errors else 200)


@require_safe
def template(request: HttpRequest, kind: str) -> HttpResponse:
    importer = _importer(request, kind)
    body = workbooks.template(importer, viewer=request.viewer)  # type: ignore[attr-defined]
    return _download(body, _("%(label)s导入模板.xlsx") % {"label": importer.label})


@require_safe
def run(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, _run(request, pk), AcceptForm())


@require_safe
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The bar alone, asked for every second; when the work is over the page is loaded anew."""
    found = _run(request, pk)
    if not getattr(request, "htmx", False):
        return redirect("import-run", pk)
    if not found.is_working:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "imports/progress.html", _bar(found))


@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    found = _run(request, pk)
    form = AcceptForm(request.POST)
    refusal = None
    if form.is_valid():
        answer = form.cleaned_data
        try:
            engine.accept(found, by=request.viewer, revision=answer["revision"], skip_bad=answer["skip_bad"])  # type: ignore[attr-defined]
            return redirect("import-run", pk)
        except Invalid as refused:
            form.add_error("skip_bad" if "skip_bad" in refused.fields else None, str(refused.detail))
        except (Stale, IllegalMove) as refused:
            refusal = refused
    return _page(request, _run(request, pk), form, refusal=refusal, status=refusal.status if refusal else 400)


@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    engine.discard(_run(request, pk), by=request.viewer)  # type: ignore[attr-defined]
    return redirect("imports")


@require_safe
def problems(request: HttpRequest, pk: int) -> HttpResponse:
    """Bad rows hold what the uploader typed, unmasked: they are handed back to nobody else."""
    found = _run(request, pk)
    if found.uploaded_by_id != request.user.pk:
        raise Forbidden(_("问题清单含有联系方式，只有上传人可以下载。"))
    if not found.file:
        raise NotSeen(_("原文件已按期删除，请重新上传后下载。"))
    rows = ImportRow.objects.filter(run=found, outcome=Outcome.BAD).order_by("number")
    body = workbooks.problems(registry.get(found.kind), rows.iterator(chunk_size=2000))
    return _download(body, _("有问题的行-%(pk)d.xlsx") % {"pk": found.pk})


# --- shared ----------------------------------------------------------------------------------------
def _importer(request: HttpRequest, kind: str) -> Importer:
    importer = registry.get(kind)
    if not importer.may_start(request.viewer):  # type: ignore[attr-defined]
        raise NotSeen(_("没有这一类导入。"))
    return importer


def _run(request: HttpRequest, pk: int) -> ImportRun:
    return engine.get(pk, viewer=request.viewer)  # type: ignore[attr-defined]


def _page(request: HttpRequest, found: ImportRun, form: AcceptForm, **more: Any) -> HttpResponse:
    status = more.pop("status", 200)
    context = {
        "run": found,
        "importer": registry.get(found.kind),
        "form": form,
        "is_mine": found.uploaded_by_id == request.user.pk,
        "can_write": found.count(Outcome.CREATE) + found.count(Outcome.CHANGE) > 0,
        "bad": found.count(Outcome.BAD),
        "things": found.totals.get("things", {}),
        **more,
    }
    if found.is_working:
        context |= _bar(found)
    else:
        context |= _report(request, found)
    return render(request, "imports/run.html", context, status=status)


def _bar(found: ImportRun) -> dict[str, Any]:
    return {"run": found, "stage": STAGES.get(found.stage, ""), "percent_max": max(found.progress_total, 1)}


def _report(request: HttpRequest, found: ImportRun) -> dict[str, Any]:
    """One page of rows by ``?show=`` and ``?after=`` (a row number): paged by key, so page 400 costs as page 1."""
    shown = request.GET.get("show", "")
    choices = [(value, str(label), found.count(value)) for value, label in Outcome.choices]
    choices.append(("warned", _("有提醒"), int(found.totals.get("warned", 0))))
    if shown not in {value for value, _label, _count in choices}:
        shown = ""
    rows = ImportRow.objects.filter(run=found).order_by("number")
    if shown == "warned":
        rows = rows.filter(has_warning=True)
    elif shown:
        rows = rows.filter(outcome=shown)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 9:
        rows = rows.filter(number__gt=int(after))
    page = list(rows[: PAGE + 1])
    total = int(found.totals.get("rows", 0))
    chips = [{"label": _("全部"), "count": total, "href": "?", "active": not shown}]
    chips += [
        {
            "label": label,
            "count": count,
            "href": f"?show={value}",
            "active": shown == value,
            "tone": "overdue" if value == Outcome.BAD else "",
        }
        for value, label, count in choices
        if count or shown == value
    ]
    return {
        "chips": chips if total else [],
        "rows": page[:PAGE],
        "next_url": f"?show={shown}&after={page[PAGE - 1].number}" if len(page) > PAGE else "",
        "first_url": f"?show={shown}" if after else "",
        "statuses": RunStatus,
    }


def _download(body: bytes, name: str) -> HttpResponse:
    response = HttpResponse(body, content_type=MIME)
    response["Content-Disposition"] = f"attachment; filename=\"import.xlsx\"; filename*=UTF-8''{quote(name)}"
    response["Cache-Control"] = "private, no-store"
    return response
