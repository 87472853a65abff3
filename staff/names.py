"""Names as people look for them: pinyin and initials, with family names read as family names."""

from __future__ import annotations

from functools import lru_cache

from pypinyin import Style, lazy_pinyin

# Family names whose reading differs from the character's usual one; pypinyin reads them as words.
SURNAMES = {
    "单": "shan", "曾": "zeng", "仇": "qiu", "解": "xie", "任": "ren", "查": "zha", "区": "ou", "盖": "ge",
    "缪": "miao", "朴": "piao", "冼": "xian", "尉迟": "yuchi", "万俟": "moqi", "翟": "zhai", "乐": "yue",
    "覃": "qin", "逄": "pang", "褚": "chu", "晟": "cheng", "召": "shao", "秘": "bi", "员": "yun", "折": "she",
}  # fmt: skip


@lru_cache(maxsize=20_000)
def _syllables(name: str) -> tuple[str, ...]:
    for length in (2, 1):
        head = name[:length]
        if head in SURNAMES:
            return (SURNAMES[head], *lazy_pinyin(name[length:], style=Style.NORMAL))
    return tuple(lazy_pinyin(name, style=Style.NORMAL))


def pinyin(name: str) -> str:
    """``单建国`` → ``shanjianguo``; other scripts stay as they are, lower case."""
    return "".join(_syllables(name)).lower()[:100]


def initials(name: str) -> str:
    """``单建国`` → ``sjg``."""
    return "".join(s[0] for s in _syllables(name) if s).lower()[:20]
