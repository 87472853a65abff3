"""The page of operations: who may see it, what it shows and hides, and what a click does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from shimao_service import delivery, health, operations, outbox, ticking
from shimao_service.models import Notice, NoticeStatus, User
from staff.models import Role, RoleGrant
from staff.roles import ensure_default_roles
from tests.factories import EmployeeFactory, ProjectFactory
from tests.query_budgets import budget
from tests.shimao_service.notices import NOW, leave

pytestmark = pytest.mark.django_db

FILES = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture
def admin(client):
    user = User.objects.create(username="admin", is_superuser=True)
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    return user


@pytest.fixture
def outsider(client):
    user = User.objects.create(username="frontdesk")
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    return user


def standing(status=NoticeStatus.UNCERTAIN, error="发送途中中断", n=1):
    for number in range(n):
        leave(f"{status}:{number}", title="关于保安李某的投诉", channels=("email",))
    Notice.objects.filter(key__startswith=f"{status}:").update(status=status, error=error, next_attempt_at=None)
    return list(Notice.objects.filter(status=status).values_list("pk", flat=True))


@pytest.mark.parametrize("path", ["/inbox/outbox/", "/inbox/mail/"])
def test_it_is_for_those_who_look_after_notices(client, outsider, path):
    assert client.get(path).status_code == 403
    assert client.post("/inbox/outbox/decide/", {"do": "retry"}).status_code == 403


def test_the_floor_above_names_who_else_may_look_and_who_may_act(client, outsider, monkeypatch):
    look, act = (lambda viewer: viewer.user == outsider), (lambda viewer: False)
    monkeypatch.setattr(health, "OPERATORS", [])
    health.register_operators(see=look, act=act)
    (pk,) = standing()
    page = client.get("/inbox/outbox/")
    assert page.status_code == 200
    assert 'value="retry"' not in page.content.decode()
    assert client.post("/inbox/outbox/decide/", {"do": "retry", "ids": [pk]}).status_code == 403
    health.register_operators(see=look, act=look)
    assert 'value="retry"' in client.get("/inbox/outbox/").content.decode()
    assert client.post("/inbox/outbox/decide/", {"do": "retry", "ids": [pk]}).status_code == 302


def test_it_shows_causes_and_counts_but_never_what_a_notice_says(client, admin):
    standing(NoticeStatus.UNCERTAIN, "发送途中中断")
    standing(NoticeStatus.DEAD, "550 no such mailbox", n=2)
    leave("waits", channels=("email",))
    page = client.get("/inbox/outbox/").content.decode()
    for words in ("发送途中中断", "550 no such mailbox", "各渠道的发送情况"):
        assert words in page
    assert "李某" not in page
    assert "BX20261123" not in page
    assert "ticket:81" not in page


def test_a_click_sends_an_uncertain_one_again_and_says_who_clicked(client, admin):
    (pk,) = standing()
    client.post("/inbox/outbox/decide/", {"do": "retry", "ids": [pk]})
    row = Notice.objects.get()
    assert (row.status, row.handled_by) == (NoticeStatus.PENDING, admin)


def test_looking_sends_nothing(client, admin):
    (pk,) = standing()
    assert client.get(f"/inbox/outbox/decide/?do=retry&ids={pk}").status_code == 405
    assert Notice.objects.get().status == NoticeStatus.UNCERTAIN


def test_all_of_one_cause_are_tried_again_at_once(client, admin):
    standing(NoticeStatus.DEAD, "550", n=3)
    leave("other", channels=("email",))
    Notice.objects.filter(key="other").update(status="dead", error="no address", next_attempt_at=None)
    client.post("/inbox/outbox/decide/", {"do": "retry", "channel": "email", "cause": "550"})
    assert Notice.objects.filter(status=NoticeStatus.PENDING).count() == 3
    assert Notice.objects.get(status=NoticeStatus.DEAD).key == "other"


@pytest.mark.parametrize(
    "form", [{}, {"do": "retry"}, {"do": "explode", "ids": ["1"]}, {"do": "retry", "ids": ["x", "9" * 30]}]
)
def test_odd_clicks_change_nothing(client, admin, form):
    standing()
    assert client.post("/inbox/outbox/decide/", form).status_code == 302
    assert Notice.objects.get().status == NoticeStatus.UNCERTAIN


def test_the_demo_s_mail_can_be_read(client, admin, settings, tmp_path, monkeypatch):
    settings.DEBUG, settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = True, FILES, str(tmp_path / "mail")
    assert "还没有邮件" in client.get("/inbox/mail/").content.decode()
    monkeypatch.setattr(outbox, "_addresses", {("user", "email"): lambda ids: dict.fromkeys(ids, "a@example.com")})
    leave("a", title="第一封", channels=("email",))
    leave("b", title="第二封", body="正文里的<话>", channels=("email",))
    delivery.deliver(now=NOW)
    page = client.get("/inbox/mail/").content.decode()
    assert page.index("第二封") < page.index("第一封")
    assert "正文里的&lt;话&gt;" in page
    assert 'href="http' in page, "links can be followed"


def test_there_is_no_such_page_where_mail_really_leaves(client, admin, settings):
    settings.DEBUG = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert client.get("/inbox/mail/").status_code == 404


def test_a_file_that_is_no_mail_does_not_break_the_page(client, admin, settings, tmp_path):
    settings.DEBUG, settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = True, FILES, str(tmp_path)
    (tmp_path / "x.log").write_bytes(b"\xff\xfe broken \x00")
    connection = get_connection()
    EmailMessage("题目", "正文", to=["a@example.com"], connection=connection).send()
    assert "题目" in client.get("/inbox/mail/").content.decode()


@pytest.mark.parametrize(
    ("role", "sees", "acts"),
    [("supervisor", 200, 302), ("administrator", 200, 302), ("auditor", 200, 403), ("front_desk", 403, 403)],
)
def test_the_company_s_roles_have_it_as_they_should(client, outsider, role, sees, acts):
    ensure_default_roles()
    role = Role.objects.get(code=role)
    employee = EmployeeFactory(user=outsider)
    RoleGrant.objects.create(employee=employee, role=role, project=None if role.is_company_wide else ProjectFactory())
    assert client.get("/inbox/outbox/").status_code == sees
    assert client.post("/inbox/outbox/decide/", {"do": "retry"}).status_code == acts


# --- queues --------------------------------------------------------------------------------------
@pytest.fixture
def now():
    return timezone.now()


def test_every_channel_says_how_much_waits_since_when_and_what_left_in_the_last_hour(client, admin, now):
    leave("old", channels=("email",), now=now - timedelta(hours=3))
    leave("rests", channels=("email",), now=now + timedelta(minutes=5))
    leave("sms", channels=("sms",), now=now)
    for key, minutes in {"just": 5, "long ago": 90}.items():
        leave(key, channels=("email",), now=now)
        at = now - timedelta(minutes=minutes)
        Notice.objects.filter(key=key).update(status=NoticeStatus.SENT, sent_at=at, next_attempt_at=None)
    leave("carried", channels=("email",), now=now)
    first = Notice.objects.get(key="just")
    Notice.objects.filter(key="carried").update(
        status=NoticeStatus.SENT, sent_at=now, next_attempt_at=None, folded_into=first
    )
    leave("inbox", now=now)
    found = {queue.channel: queue for queue in operations.queues(now)}
    mail = found["email"]
    assert (mail.waiting, mail.late, mail.resting, mail.sending) == (2, 1, 1, 0)
    assert mail.oldest == now - timedelta(hours=3)
    assert mail.sent == 1, "several in one letter are one that left; the inbox is none"
    assert found["sms"].waiting == 1
    assert "inbox" not in found


def test_a_channel_that_was_set_up_is_there_also_when_nothing_waits(client, admin, now):
    assert "email" in {queue.channel for queue in operations.queues(now)}
    assert "到点仍未发出" not in client.get("/inbox/outbox/").content.decode()
    leave("late", channels=("email",), now=now - timedelta(minutes=10))
    assert "到点仍未发出" in client.get("/inbox/outbox/").content.decode()


def test_receivers_held_back_are_named_with_how_many_wait_and_why(client, admin, now):
    robot = {"recipients": ["user:7"], "channels": ("email",), "now": now}
    for n in range(3):
        leave(f"held{n}", **robot)
    leave("waits quietly", recipients=["user:8"], channels=("email",), now=now)
    until = now + timedelta(minutes=4)
    Notice.objects.filter(recipient="user:7").update(error="451 稍后再试", next_attempt_at=until)
    (row,) = operations.held_back()
    assert (row["count"], row["until"], row["error"]) == (3, until, "451 稍后再试")
    page = client.get("/inbox/outbox/").content.decode()
    assert "暂缓发送的收件方" in page
    assert "451 稍后再试" in page


def test_the_beat_s_last_tick_and_how_long_it_took_are_shown(client, admin):
    ticking.tick()
    page = client.get("/inbox/outbox/")
    assert page.context["heartbeat"].detail["milliseconds"] >= 0
    assert "尚未运行" not in page.content.decode()


def test_the_page_stays_within_its_budget(client, admin, now):
    standing(NoticeStatus.DEAD, "550", n=30)
    standing(NoticeStatus.UNCERTAIN, n=30)
    leave("a", channels=("email", "sms", "robot"), now=now)
    client.get("/inbox/outbox/")
    with budget("outbox"):
        client.get("/inbox/outbox/")
