"""``manage.py reencrypt_channels``: after SECRET_KEY or SALT_KEY was changed, so that the old one can be dropped."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.urls import reverse

from shimao_service import outlet_secrets
from shimao_service.outlet_secrets import Found

PARTS = {"address": "地址 address", "secret": "密钥 secret"}


class Command(BaseCommand):
    help = (
        "用现在的 SECRET_KEY 和 SALT_KEY 重新加密通知渠道的地址和密钥；重复运行无害。 / "
        "Encrypt channels' addresses and secrets anew with the present keys; repeating it changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="只看，不改 / only look")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        found = []
        for each in outlet_secrets.look() if dry_run else outlet_secrets.renew():
            found.append(each)
            for line in _lines(each, dry_run):
                self.stdout.write(line)
        lost = [each for each in found if each.lost]
        renewed = [each for each in found if each.old]
        done = "待重新加密 to do" if dry_run else "已重新加密 done"
        self.stdout.write(
            f"渠道 channels {len(found)}：{done} {len(renewed)}，"
            f"已是现在的密钥 present {len(found) - len({*map(id, lost), *map(id, renewed)})}，"
            f"无法读取 lost {len(lost)}"
        )
        if lost:
            raise CommandError(
                "有渠道无法读取：把旧密钥放进 SECRET_KEY_FALLBACKS（盐放进 SALT_KEY_FALLBACKS）后再运行一次，"
                "或在“通知渠道”页面重新填写。 / Some cannot be read: name the old key in SECRET_KEY_FALLBACKS"
                " (a salt in SALT_KEY_FALLBACKS) and run this again, or type them anew on the page.",
                returncode=1,
            )


def _lines(found: Found, dry_run: bool) -> list[str]:
    """None for what is well; never a word of what was opened."""
    outlet = found.outlet
    name = f"{outlet.name}（{outlet.get_kind_display()}，{reverse('channel', args=[outlet.pk])}）"
    done = "待重新加密 to be encrypted anew" if dry_run else "已重新加密 encrypted anew"
    lines = [f"✗ {name}：{PARTS[part]} 无法读取 cannot be read" for part in found.lost]
    return lines + [f"✓ {name}：{PARTS[part]} {done}" for part in found.old]
