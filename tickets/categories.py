"""The categories a company starts with (a tree; afterwards its own to edit), and the words that suggest them."""

from __future__ import annotations

from django.db import transaction

from staff.models import Department
from tickets.models import Category
from tickets.statuses import Kind, Urgency

WORKS, ORDER, CLEAN, GREEN, DESK, FEES = "GC", "ZX", "HJ", "LH", "KF", "CW"
# The departments a company starts with, as the categories name them: code, name, whether it is the front desk.
DEPARTMENTS = (
    (DESK, "客服部", True), (WORKS, "工程部", False), (ORDER, "秩序部", False), (CLEAN, "环境部", False),
    (GREEN, "绿化部", False), (FEES, "财务部", False),
)  # fmt: skip

# kind, branch, leaf, department code, words that suggest it
CATEGORIES: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    (Kind.REPAIR, "户内", "给排水", WORKS, ("水管", "漏水", "龙头", "马桶", "堵", "下水", "水压", "地漏", "软管", "爆")),
    (Kind.REPAIR, "户内", "电气", WORKS, ("跳闸", "停电", "插座", "灯", "开关", "没电", "短路", "电箱")),
    (Kind.REPAIR, "户内", "门窗五金", WORKS, ("门锁", "窗", "合页", "把手", "纱窗", "入户门")),
    (Kind.REPAIR, "户内", "墙地面渗漏", WORKS, ("渗水", "渗漏", "墙面", "天花板", "发霉", "起皮", "空鼓")),
    (Kind.REPAIR, "户内", "弱电", WORKS, ("网络", "电视", "可视", "弱电")),
    (Kind.REPAIR, "户内", "暖通空调", WORKS, ("空调", "暖气", "地暖", "新风", "不制冷", "不热")),
    (Kind.REPAIR, "户内", "燃气（转燃气公司）", WORKS, ("燃气", "煤气", "天然气")),
    (Kind.REPAIR, "户内", "家电（特约）", WORKS, ("热水器", "油烟机", "洗衣机", "冰箱")),
    (Kind.REPAIR, "户内", "其他", WORKS, ()),
    (Kind.REPAIR, "公区", "电梯", WORKS, ("电梯", "轿厢", "困人", "异响")),
    (Kind.REPAIR, "公区", "消防", WORKS, ("消防", "烟感", "灭火器", "喷淋", "防火门")),
    (Kind.REPAIR, "公区", "供配电照明", WORKS, ("楼道灯", "路灯", "照明", "配电")),
    (Kind.REPAIR, "公区", "给排水水泵", WORKS, ("水泵", "积水", "窨井", "排水沟", "倒灌")),
    (Kind.REPAIR, "公区", "门禁对讲监控", WORKS, ("门禁", "对讲", "监控", "刷卡", "人脸")),
    (Kind.REPAIR, "公区", "道路井盖", WORKS, ("井盖", "路面", "地砖", "坑")),
    (Kind.REPAIR, "公区", "外墙屋面", WORKS, ("外墙", "屋面", "屋顶", "脱落", "瓷砖")),
    (Kind.REPAIR, "公区", "绿化设施", GREEN, ("喷灌", "花坛", "围栏")),
    (Kind.REPAIR, "公区", "停车道闸", WORKS, ("道闸", "抬杆", "车牌识别")),
    (Kind.REPAIR, "公区", "健身儿童设施", WORKS, ("滑梯", "健身器材", "秋千", "儿童乐园")),
    (Kind.REPAIR, "公区", "其他", WORKS, ()),
    (Kind.COMPLAINT, "", "服务态度", DESK, ("态度", "生硬", "不耐烦", "推诿")),
    (Kind.COMPLAINT, "", "维修不及时或质量", WORKS, ("没修好", "又坏", "返修", "一直没来", "维修")),
    (Kind.COMPLAINT, "", "环境卫生", CLEAN, ("垃圾", "异味", "脏", "保洁", "蚊虫")),
    (Kind.COMPLAINT, "", "绿化", GREEN, ("枯死", "杂草", "修剪", "绿化")),
    (Kind.COMPLAINT, "", "噪音扰民", ORDER, ("噪音", "装修声", "广场舞", "吵", "施工")),
    (Kind.COMPLAINT, "", "秩序安全", ORDER, ("陌生人", "推销", "保安", "高空抛物", "尾随")),
    (Kind.COMPLAINT, "", "车辆停车", ORDER, ("占车位", "乱停", "停车", "电动车", "消防通道")),
    (Kind.COMPLAINT, "", "收费争议", FEES, ("收费", "多收", "账单", "费用")),
    (Kind.COMPLAINT, "", "设施设备", WORKS, ("电梯", "门禁", "设施")),
    (Kind.COMPLAINT, "", "装修违建", ORDER, ("违建", "敲墙", "承重墙", "封阳台")),
    (Kind.COMPLAINT, "", "宠物", ORDER, ("狗", "宠物", "遛狗", "不牵绳")),
    (Kind.COMPLAINT, "", "邻里纠纷", DESK, ("邻居", "楼上", "楼下")),
    (Kind.COMPLAINT, "", "房屋质量（地产）", WORKS, ("开裂", "质量", "地产")),
    (Kind.COMPLAINT, "", "市政", DESK, ("市政", "马路", "工地")),
    (Kind.COMPLAINT, "", "隐私泄露", DESK, ("泄露", "隐私", "骚扰电话")),
    (Kind.COMPLAINT, "", "员工违纪收礼", DESK, ("收礼", "私下收费", "红包")),
    (Kind.COMPLAINT, "", "其他", DESK, ()),
    (Kind.CONSULTATION, "", "收费缴费", FEES, ("物业费", "缴费", "发票", "怎么交")),
    (Kind.CONSULTATION, "", "装修", WORKS, ("装修", "押金", "施工证")),
    (Kind.CONSULTATION, "", "入住过户证卡", DESK, ("门禁卡", "过户", "入住", "办卡")),
    (Kind.CONSULTATION, "", "停车", ORDER, ("车位", "月卡", "停车费")),
    (Kind.CONSULTATION, "", "停水停电", WORKS, ("停水", "停电", "几点来")),
    (Kind.CONSULTATION, "", "报修进度", WORKS, ("进度", "什么时候修")),
    (Kind.CONSULTATION, "", "政策法规", DESK, ("政策", "维修资金", "业委会")),
    (Kind.CONSULTATION, "", "活动", DESK, ("活动", "报名")),
    (Kind.CONSULTATION, "", "其他", DESK, ()),
    (Kind.SUGGESTION, "", "环境", CLEAN, ("垃圾桶", "绿化", "花")),
    (Kind.SUGGESTION, "", "设施", WORKS, ("增设", "加装", "座椅", "充电桩")),
    (Kind.SUGGESTION, "", "安全", ORDER, ("监控", "巡逻", "减速带")),
    (Kind.SUGGESTION, "", "服务", DESK, ("服务", "通知", "快递")),
    (Kind.SUGGESTION, "", "收费与公示", FEES, ("公示", "账目")),
    (Kind.SUGGESTION, "", "活动", DESK, ("活动", "亲子", "节日")),
    (Kind.SUGGESTION, "", "其他", DESK, ()),
)  # fmt: skip
URGENT = frozenset({"燃气（转燃气公司）"})


@transaction.atomic
def ensure_categories() -> None:
    """Create what is missing; categories the company has changed stay as they are."""
    departments = {department.code: department for department in Department.objects.all()}
    branches: dict[tuple[str, str], Category] = {}
    for order, (kind, branch, leaf, department, words) in enumerate(CATEGORIES, start=1):
        parent = None
        if branch:
            key = (kind, branch)
            if key not in branches:
                branches[key], _made = Category.objects.get_or_create(
                    kind=kind, parent=None, name=branch, defaults={"order": order}
                )
            parent = branches[key]
        Category.objects.get_or_create(
            kind=kind,
            parent=parent,
            name=leaf,
            defaults={
                "order": order,
                "department": departments.get(department),
                "keywords": list(words),
                "urgency": Urgency.URGENT if leaf in URGENT else Urgency.NORMAL,
            },
        )
