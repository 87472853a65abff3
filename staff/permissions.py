"""What a role may be given: one constant a power. Who holds which role is data (staff.models.role).

*Who* may act lives here; *in which status* lives with the requests (tickets.statuses).
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Permission(models.TextChoices):
    TICKET_VIEW_ALL = "ticket.view_all", _("查看本项目全部工单")
    TICKET_DEPARTMENT_QUEUE = "ticket.department_queue", _("查看派给本部门的待接工单")
    TICKET_REGISTER = "ticket.register", _("登记工单")
    TICKET_DISPATCH = "ticket.dispatch", _("派单")
    TICKET_ANSWER_ON_SPOT = "ticket.answer_on_spot", _("当场答复办结")
    TICKET_HANDLE = "ticket.handle", _("接单处理")
    TICKET_TRANSFER = "ticket.transfer", _("改派他人的工单")
    TICKET_FOLLOW_UP = "ticket.follow_up", _("跟进他人的工单")
    TICKET_FEED_BACK = "ticket.feed_back", _("回复业主")
    TICKET_RECORD_RATING = "ticket.record_rating", _("代录评价")
    TICKET_SUMMARISE = "ticket.summarise", _("总结他人首问的工单")
    TICKET_REOPEN = "ticket.reopen", _("重新办理")
    TICKET_CANCEL = "ticket.cancel", _("作废工单")
    TICKET_CONCLUDE = "ticket.conclude", _("终结办理")
    TICKET_AMEND = "ticket.amend", _("更正登记")
    TICKET_LOWER_URGENCY = "ticket.lower_urgency", _("降低紧急程度")
    TICKET_JUDGE = "ticket.judge", _("认定投诉是否有效、核实表扬")
    TICKET_OVERSEE = "ticket.oversee", _("主管提醒与首问责任移交")
    TICKET_URGE = "ticket.urge", _("催办")
    TICKET_SUPERVISE = "ticket.supervise", _("督办")
    TERMS_MANAGE = "terms.manage", _("维护时限标准、日历与升级规则")
    CHANNEL_MANAGE = "channel.manage", _("维护通知渠道")
    DUTY_MANAGE = "duty.manage", _("维护值班表与请假")
    OWNER_LOOKUP = "owner.lookup", _("查找业主与房屋")
    OWNER_REVEAL = "owner.reveal", _("填写事由后查看联系方式")
    OWNER_EDIT = "owner.edit", _("维护业主与入住信息")
    ESTATE_MANAGE = "estate.manage", _("维护楼栋与房屋")
    IMPORT_ESTATE = "import.estate", _("导入房产与业主")
    IMPORT_EMPLOYEES = "import.employees", _("导入员工")
    EMPLOYEE_MANAGE = "employee.manage", _("维护员工与离职")
    ROLE_MANAGE = "role.manage", _("授予角色")
    NOTICE_VIEW = "notice.view", _("查看提醒发送情况")
    REGULATION_MANAGE = "regulation.manage", _("维护制度条款")
    REVEAL_AUDIT = "reveal.audit", _("查看信息查阅记录")
