"""The forms of the moves: one class a verb. They read what was typed; the verbs judge it."""

from tickets.forms.base import MoveForm
from tickets.forms.closing import ConcludeForm, HandOverForm, JudgeForm, SummariseForm, TalkForm
from tickets.forms.correction import (
    AmendForm,
    CancelForm,
    LinkForm,
    NameSubjectsForm,
    RevokeLinkForm,
    SupplementForm,
    UnlinkForm,
)
from tickets.forms.dispatching import AcceptForm, AnswerOnSpotForm, DispatchForm, ReturnForm, TransferForm
from tickets.forms.feedback import AttemptForm, FeedBackForm, RateForm, ReopenForm
from tickets.forms.handling import ArriveForm, CompleteForm, FollowUpForm, HoldForm, ResumeForm
from tickets.forms.referring import ReferForm, ReplyAuthorityForm
from tickets.forms.urging import AnswerUrgeForm, OverseeForm, UrgeForm

FORMS: dict[str, type[MoveForm]] = {
    form.verb.value: form
    for form in (
        AcceptForm, AmendForm, AnswerOnSpotForm, AnswerUrgeForm, ArriveForm, AttemptForm, CancelForm, CompleteForm,
        ConcludeForm, DispatchForm, FeedBackForm, FollowUpForm, HandOverForm, HoldForm, JudgeForm, LinkForm,
        NameSubjectsForm, OverseeForm, RateForm, ReferForm, ReopenForm, ReplyAuthorityForm, ResumeForm, ReturnForm,
        RevokeLinkForm, SummariseForm, SupplementForm, TalkForm, TransferForm, UnlinkForm, UrgeForm,
    )
}  # fmt: skip

__all__ = ["FORMS", "FollowUpForm", "MoveForm", "SupplementForm"]
