"""A file from outside is read, or refused with one sentence; nothing else happens."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import date, datetime

import pytest

from shimao_service import spreadsheets
from shimao_service.exceptions import Invalid
from shimao_service.imports.columns import (
    Column,
    code,
    day,
    decimal,
    email,
    floor,
    parse_cell,
    person_name,
    phone,
    text,
)
from shimao_service.spreadsheets import LIMITS, BadFile, Cell, Header, Limits, escape, open_sheet, tidy
from tests.shimao_service.sheets import OLE, file, repacked, workbook

HEADERS = [Header("name", "姓名", True), Header("room", "房号", True), Header("phone", "手机")]
GOOD = [["姓名*", "房号 * ", "手机"], ["张三", "1502", "13812345678"]]
SHEET_XML = "xl/worksheets/sheet1.xml"


def read(content: bytes, *, limits: Limits = LIMITS, sheet: str = "名单") -> list[dict]:
    with open_sheet(io.BytesIO(content), sheet=sheet, headers=HEADERS, limits=limits) as found:
        return [{key: cell.value for key, cell in row.cells.items()} | {"_": row.number} for row in found.rows()]


def refused(content: bytes, **kwargs) -> str:
    with pytest.raises(BadFile) as error:
        read(content, **kwargs)
    said = str(error.value)
    assert said.endswith("。")
    assert not set("!！") & set(said)
    return said


def test_rows_are_read_with_their_numbers_and_blank_rows_left_out():
    rows = read(workbook([*GOOD, [], ["李四", 1503, None]]))
    assert [(row["_"], row["name"], row["room"]) for row in rows] == [(2, "张三", "1502"), (4, "李四", 1503)]


def test_a_title_may_stand_above_the_header_even_merged():
    content = workbook([["世茂滨江花园住户名单"], *GOOD], change=lambda ws: ws.merge_cells("A1:C1"))
    assert read(content)[0]["_"] == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "空的"),
        ("姓名,房号\n张三,1502\n".encode(), "CSV"),
        ("姓名,房号\n张三,1502\n".encode("gbk"), "CSV"),
        (OLE + b"\0" * 2000, ".xls"),
        (OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600, "密码"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "图片"),
        (b"\xff\xd8\xff\xe0\0\0", "图片"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\xef\xbb\xbf<html><table></table></html>", "网页"),
        (b"<?xml version='1.0'?><Workbook/>", "XML"),
        (b"PK\x03\x04broken", "损坏"),
        (bytes(range(256)) * 10, "不是 Excel"),
    ],
)
def test_another_format_named_xlsx_is_refused_by_what_it_is(content, says):
    assert says in refused(content)


def packed(**names: bytes) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, body in names.items():
            archive.writestr(name, body)
    return memory.getvalue()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"word/document.xml": b"<w/>"}, "Word"),
        ({"ppt/presentation.xml": b"<p/>"}, "PowerPoint"),
        ({"xl/workbook.bin": b""}, "xlsb"),
        ({"xl/vbaProject.bin": b"", "xl/workbook.xml": b""}, "宏"),
        ({"mimetype": b"x", "content.xml": b""}, "OpenDocument"),
        ({"照片.jpg": b"x"}, "压缩包"),
        ({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<nonsense/>"}, "格式不标准"),
    ],
)
def test_another_zip_named_xlsx_is_refused_by_what_it_is(names, says):
    assert says in refused(packed(**names))


def test_a_missing_sheet_is_named_with_those_that_are_there():
    said = refused(workbook(GOOD, sheet="Sheet1"))
    assert "名单" in said
    assert "Sheet1" in said


def test_missing_headers_are_named():
    said = refused(workbook([["姓名", "手机"], ["张三", "13812345678"]]))
    assert "房号" in said
    assert "手机" not in said


def test_a_header_twice_is_named():
    assert "手机" in refused(workbook([["姓名", "房号", "手机", "手机"]]))


def test_an_empty_sheet_is_refused():
    assert "空" in refused(workbook([]))


def test_merged_cells_in_the_data_are_named():
    content = workbook([*GOOD, ["李四", "1", "2"], ["王五", "1", "2"]], change=lambda ws: ws.merge_cells("A3:A4"))
    assert "A3:A4" in refused(content)


def test_a_file_too_large_has_too_many_rows_or_unpacks_too_far_is_refused():
    content = workbook([*GOOD, ["李四", "1503", ""], ["王五", "1504", ""]])
    assert "20 MB" in refused(content + b"\0" * (21 * 1024 * 1024))
    assert "超过 2 行" in refused(content, limits=Limits(rows=2))
    assert "解压后过大" in refused(content, limits=Limits(unpacked=2000))
    assert "条目过多" in refused(content, limits=Limits(entries=3))


def test_a_zip_bomb_is_refused_by_its_ratio():
    bomb = repacked(workbook(GOOD), entries={"xl/media/x.xml": b" " * (30 * 1024 * 1024)})
    assert len(bomb) < 100_000
    assert "解压后过大" in refused(bomb)


def test_a_directory_that_lies_about_sizes_is_not_believed():
    bomb = bytearray(repacked(workbook(GOOD), entries={"xl/x.xml": b" " * (30 * 1024 * 1024)}))
    real = struct.pack("<I", 30 * 1024 * 1024)
    assert bomb.count(real)
    lying = bytes(bomb).replace(real, struct.pack("<I", 100))
    refused(lying)


def test_external_entities_are_refused():
    evil = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet>&e;</worksheet>'
    assert "外部实体" in refused(repacked(workbook(GOOD), entries={SHEET_XML: evil}))
    hidden = evil.decode().replace("<?xml version", "<?xml encoding='utf-16' version").encode("utf-16")
    refused(repacked(workbook(GOOD), entries={SHEET_XML: hidden}))


def test_a_sheet_that_claims_a_million_columns_is_read_as_it_is():
    huge = repacked(
        workbook(GOOD), entries={SHEET_XML: lambda xml: xml.replace(b'ref="A1:C2"', b'ref="A1:XFD1048576"')}
    )
    assert len(read(huge)) == 1


def test_a_row_number_out_of_this_world_is_refused():
    far = repacked(workbook(GOOD), entries={SHEET_XML: lambda xml: xml.replace(b'<row r="2"', b'<row r="2000000000"')})
    assert "结构异常" in refused(far)


@pytest.mark.parametrize(
    "damage", [b"<worksheet", b"", b"\xff\xfe\x00", b"<worksheet><sheetData><row r='x'/></sheetData>"]
)
def test_damaged_xml_is_refused(damage):
    refused(repacked(workbook(GOOD), entries={SHEET_XML: damage}))


def test_a_torn_file_is_refused():
    content = workbook(GOOD)
    for length in range(10, len(content), 397):
        refused(content[:length])


def test_formulas_and_errors_are_told_apart_from_texts_that_look_like_one():
    content = workbook([*GOOD, ["=1+1", "1503", "#REF!"], ["x", "1504", None]])
    with open_sheet(io.BytesIO(content), sheet="名单", headers=HEADERS) as sheet:
        rows = list(sheet.rows())
    assert (rows[1].cells["name"].kind, rows[1].cells["name"].ref) == ("formula", "A3")
    assert rows[1].cells["phone"].kind == "error"


def test_what_the_eye_does_not_see_is_taken_away():
    assert tidy("\ufeff　１５０２ \n Ａ室\u200b ") == "1502 A室"
    assert tidy("1号楼（南）") == "1号楼（南）"


def test_a_text_that_excel_would_run_is_escaped_and_comes_back():
    for text_ in ("=1+1", "+86", "-1", "@SUM", "\t=1", "＝1"):
        assert str(escape(text_)).startswith("'")
    assert escape("张三") == "张三"
    assert escape(-1) == -1
    rows = read(workbook([*GOOD, ["'=1+1", "'-1", "'x"]]))
    assert (rows[1]["name"], rows[1]["room"], rows[1]["phone"]) == ("=1+1", "-1", "'x")


# --- cells -----------------------------------------------------------------------------------------
def cell(value, kind: str | None = None) -> Cell:
    kinds = {str: "text", int: "number", float: "number", datetime: "date", date: "date", bool: "boolean"}
    return Cell("D17", value, kind or kinds[type(value)])


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        (day, datetime(2026, 11, 23), date(2026, 11, 23)),
        (day, 46349, date(2026, 11, 23)),
        (day, 46349.0, date(2026, 11, 23)),
        (day, "2026-11-23", date(2026, 11, 23)),
        (day, "2026/11/3", date(2026, 11, 3)),
        (day, "2026.11.23", date(2026, 11, 23)),
        (day, "2026年11月23日", date(2026, 11, 23)),
        (day, "2026-11-23 00:00:00", date(2026, 11, 23)),
        (day, 20261123, date(2026, 11, 23)),
        (phone, 13812345678, "13812345678"),
        (phone, 1.3812345678e10, "13812345678"),
        (phone, "138 1234 5678", "13812345678"),
        (code(20), 1001, "1001"),
        (code(20), 1001.0, "1001"),
        (text(10), 1502, "1502"),
        (person_name(10), "张 三", "张三"),
        (person_name(20), "John Smith", "John Smith"),
        (floor, 15, 15),
        (floor, "15层", 15),
        (floor, "B1", -1),
        (floor, -2, -2),
        (email, "a@example.com", "a@example.com"),
    ],
)
def test_a_cell_is_understood(parse, value, expected):
    assert parse(cell(value)) == expected


def test_numbers_are_rounded_and_understood_with_their_unit():
    parse = decimal(places=2, maximum=1000)
    assert [str(parse(cell(value))) for value in (89, 89.555, "89.5㎡", "1,00.1")] == [
        "89.00",
        "89.56",
        "89.50",
        "100.10",
    ]


@pytest.mark.parametrize(
    ("parse", "value", "says"),
    [
        (day, "下周一", "日期"),
        (day, "2026-02-30", "没有这一天"),
        (day, 2026, "不合常理"),
        (day, 1.5, "日期"),
        (day, 10**12, "日期"),
        (phone, "1.38E+10", "科学计数"),
        (phone, "12345", "11 位"),
        (code(20), "1.0E+5", "科学计数"),
        (code(20), 1.5, "小数"),
        (code(3), "1234", "太长"),
        (text(10), datetime(2026, 1, 2), "文本格式"),
        (person_name(20), 13812345678, "数字"),
        (floor, "顶楼", "楼层"),
        (floor, 0, "楼层"),
        (floor, 1.5, "楼层"),
        (decimal(places=2, maximum=100), "约九十", "数字"),
        (decimal(places=2, maximum=100), "NaN", "数字"),
        (decimal(places=2, maximum=100), "1e999999", "超过"),
        (decimal(places=2, maximum=100), 0, "大于 0"),
        (decimal(places=2, maximum=100), True, "数字"),
        (email, "somebody", "邮箱"),
    ],
)
def test_a_cell_that_is_not_what_it_should_be_says_what_it_should_be(parse, value, says):
    with pytest.raises(Invalid) as refusal:
        parse(cell(value))
    assert says in str(refusal.value)


def test_formula_and_error_cells_and_required_blanks_are_refused():
    column = Column("name", "姓名", text(10), required=True)
    for bad, says in (
        (Cell("D17", "=…", "formula"), "公式"),
        (Cell("D17", "#N/A", "error"), "#N/A"),
        (Cell("D17"), "必填"),
    ):
        with pytest.raises(Invalid) as refusal:
            parse_cell(column, bad)
        assert says in str(refusal.value)
    assert parse_cell(Column("name", "姓名", text(10)), Cell("D17")) is None


def test_nothing_is_left_open_or_moved_for_the_next_reader():
    upload = file(workbook(GOOD))
    spreadsheets.examine(upload)
    with open_sheet(upload, sheet="名单", headers=HEADERS) as sheet:
        assert len(list(sheet.rows())) == len(list(sheet.rows())) == 1
    assert not upload.closed
