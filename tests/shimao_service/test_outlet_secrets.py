"""Changed keys: what was kept is written anew under the present one, and what nothing opens is named."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from shimao_service import delivery, outlets
from shimao_service.channels import Letter
from shimao_service.models import Attempt, Notice, NoticeStatus, Outlet, OutletKind, Verdict
from shimao_service.outlets import Outcome
from tests.shimao_service.notices import NOW, leave
from tests.shimao_service.outlets import DINGTALK, KEY, SECRET, WECOM, outlet

pytestmark = pytest.mark.django_db
OLD, NEW = (
    "an-old-secret-key-of-fifty-characters-and-a-few-more",
    "the-new-secret-key-of-fifty-characters-and-some-more",
)


@pytest.fixture
def under(settings):
    """``under(NEW, OLD)``: from here on with this SECRET_KEY, these fallbacks and salts."""

    def change(key, *fallbacks, salts=("shimao-service channels",)):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, list(fallbacks)
        settings.SALT_KEY = list(salts)
        forget()

    def forget():
        for name in ("address", "secret"):
            for made in ("keys", "f"):
                Outlet._meta.get_field(name).__dict__.pop(made, None)

    yield change
    forget()


@pytest.fixture
def old(under):
    """Two outlets of the time of the old key."""
    under(OLD)
    return outlet(name="滨江客服群"), outlet(OutletKind.DINGTALK, name="总部群", secret=SECRET)


def ciphers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT address, secret FROM shimao_service_outlet ORDER BY id")
        return cursor.fetchall()


def run(**options):
    """What the command said, and its exit code."""
    said = StringIO()
    try:
        call_command("reencrypt_channels", stdout=said, **options)
    except CommandError as error:
        return said.getvalue() + str(error), error.returncode
    return said.getvalue(), 0


def test_what_the_old_key_wrote_is_written_anew_and_read_without_it(under, old):
    under(NEW, OLD)
    said, code = run()
    assert code == 0
    assert "滨江客服群（企业微信群机器人，/channels/" in said
    assert "已重新加密 done 2" in said
    under(NEW)
    assert [(each.address, each.secret) for each in Outlet.objects.order_by("pk")] == [
        (WECOM, None),
        (DINGTALK, SECRET),
    ]
    assert KEY not in said
    assert SECRET not in said


def test_a_changed_salt_is_the_same_matter(under, old):
    under(OLD, salts=("a new salt", "shimao-service channels"))
    assert run()[1] == 0
    under(OLD, salts=("a new salt",))
    assert all(each.is_readable for each in Outlet.objects.all())


def test_a_second_run_changes_nothing(under, old):
    under(NEW, OLD)
    run()
    before = ciphers()
    said, code = run()
    assert (code, ciphers()) == (0, before)
    assert "已是现在的密钥 present 2" in said


def test_a_look_changes_nothing(under, old):
    under(NEW, OLD)
    before = ciphers()
    said, code = run(dry_run=True)
    assert "待重新加密 to do 2" in said
    assert (code, ciphers()) == (0, before)


def test_what_nothing_opens_is_named_left_as_it_is_and_keeps_no_other_from_it(under, old):
    under("a third one that nobody remembers, fifty characters")
    lost = outlet(OutletKind.FEISHU, name="夜班群")
    under(NEW, OLD)
    before = ciphers()
    said, code = run()
    assert code == 1
    assert f"✗ 夜班群（飞书群机器人，/channels/{lost.pk}/）：地址 address 无法读取" in said
    assert "已重新加密 done 2" in said
    assert "无法读取 lost 1" in said
    after = ciphers()
    assert after[2] == before[2], "an old key that turns up can still open it"
    assert after[:2] != before[:2]


def test_a_part_that_was_typed_under_the_new_key_is_left_and_the_other_renewed(under, old):
    under(NEW, OLD)
    robot = Outlet.objects.get(name="总部群")
    robot.address = DINGTALK
    robot.save(update_fields=["address"])
    before = ciphers()[1]
    run()
    after = ciphers()[1]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_who_changed_it_last_stays_who_changed_it(under, old, django_user_model):
    by = django_user_model.objects.create(username="manager")
    Outlet.objects.update(changed_at=NOW, changed_by=by)
    under(NEW, OLD)
    run()
    assert set(Outlet.objects.values_list("changed_at", "changed_by")) == {(NOW, by.pk)}


# --- while it cannot be read ----------------------------------------------------------------------
@pytest.fixture
def lost(under, old):
    under(NEW)
    return Outlet.objects.get(name="滨江客服群")


def test_its_letters_wait_with_the_reason_and_those_of_others_leave(lost, monkeypatch, time_machine):
    time_machine.move_to(NOW, tick=False)
    well = outlet(OutletKind.FEISHU, name="正常群")
    sent: list[Letter] = []
    monkeypatch.setitem(outlets.SENDERS, OutletKind.FEISHU, lambda outlet, letter: sent.append(letter) or DONE)
    monkeypatch.setattr(delivery, "CHANNELS", {"robot": outlets.OutletChannel})
    for number in range(3):
        leave(f"k{number}", recipients=[lost.recipient, well.recipient], channels=("robot",))
    delivery.deliver(now=NOW)
    assert len(sent) == 3
    waiting = Notice.objects.filter(recipient=lost.recipient)
    assert set(waiting.values_list("status", flat=True)) == {NoticeStatus.PENDING}
    assert "无法读取" in waiting.first().error
    attempt = Attempt.objects.get(outlet=lost)
    assert (attempt.verdict, "SECRET_KEY" in attempt.answer) == (Verdict.NOT_SENT, True)


DONE = Outcome(Verdict.SENT, "200 ok", 200)


def test_typed_anew_it_sends_what_waited_at_once(lost, monkeypatch, time_machine, django_user_model):
    time_machine.move_to(NOW, tick=False)
    monkeypatch.setattr(delivery, "CHANNELS", {"robot": outlets.OutletChannel})
    monkeypatch.setitem(outlets.SENDERS, OutletKind.WECOM, lambda outlet, letter: DONE)
    leave(recipients=[lost.recipient], channels=("robot",))
    delivery.deliver(now=NOW)
    assert Notice.objects.get().next_attempt_at > NOW
    by = django_user_model.objects.create(username="manager")
    outlets.change(lost, name="滨江客服群", topics=lost.topics, per_minute=20, address=WECOM, by=by, now=NOW)
    delivery.deliver(now=NOW)
    assert Notice.objects.get().status == NoticeStatus.SENT


@pytest.mark.parametrize(
    ("kind", "part", "words"),
    [
        (OutletKind.DINGTALK, "secret", "保存的加签密钥无法读取"),
        (OutletKind.WEBHOOK, "secret", "保存的签名密钥无法读取，请换一个签名密钥"),
        (OutletKind.WEBHOOK, "address", "保存的地址无法读取"),
    ],
)
def test_the_page_says_which_part_is_lost_and_what_to_do(as_, under, kind, part, words):
    under(OLD)
    made = outlet(kind, name="对方", address="https://oa.example.cn/x" if kind == OutletKind.WEBHOOK else DINGTALK)
    Outlet.objects.filter(pk=made.pk).update(secret=SECRET)
    under(NEW, OLD)
    kept = {"address": Outlet.objects.get().address, "secret": SECRET}
    del kept[part]
    Outlet.objects.update(**kept)
    under(NEW)
    client = as_("director")
    for path in ("/channels/", f"/channels/{made.pk}/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert words in answer.content.decode()
        assert "gAAAA" not in answer.content.decode()
    answer = client.post(f"/channels/{made.pk}/test/", follow=True)
    assert words in answer.content.decode()
    assert words in Attempt.objects.get().answer
    assert client.get(f"/channels/{made.pk}/edit/").status_code == 200


def test_a_webhook_that_gets_another_secret_can_be_read_again(as_, under):
    under(OLD)
    made = outlet(OutletKind.WEBHOOK, name="OA", address="https://oa.example.cn/x", secret=SECRET)
    under(NEW, OLD)
    Outlet.objects.update(address="https://oa.example.cn/x")
    under(NEW)
    assert not Outlet.objects.get().is_readable
    as_("director").post(f"/channels/{made.pk}/secret/")
    assert Outlet.objects.get().is_readable
