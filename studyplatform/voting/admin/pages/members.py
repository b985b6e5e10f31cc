"""Who works on a study: add somebody, give another role, remove, hand the study over."""

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Membership, Study
from studyplatform.voting.selectors import may_own

Role = Membership.Role

# What each role may do, as the page says it.
ROLES = (
    (Role.OWNER, "everything, also who works on the study and what is erased"),
    (Role.EDITOR, "design, states, participants and their pay, quotas, and all that follows"),
    (Role.ANALYST, "looks at everything that a viewer sees, and takes the data"),
    (Role.VIEWER, "looks at the design, at how far the study is, and at the report"),
)


class MemberForm(forms.Form):
    """Somebody to add."""

    name = forms.CharField(
        label="User name or email",
        max_length=254,
        help_text="As the account has it. Who has none yet gets one from a superuser.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=Role, initial=Role.VIEWER)


def members(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The members in a table of small forms, and one to add somebody."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  (the registry lets nobody else in)
    adds = request.method == "POST" and request.POST.get("do") == "add"
    form = MemberForm(request.POST if adds else None)
    if adds and form.is_valid():
        try:
            member = services.member_add(study=study, by=user, **form.cleaned_data)
        except services.StudyError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"“{member.user}” is {member.role} of the study now.")
            return redirect("admin:voting_study_members", study.pk)
    elif request.method == "POST" and not adds:
        _change(request, study, user)
        # Who has removed themselves, or made themselves less, no longer has this page.
        stays = may_own(user, study)
        return redirect("admin:voting_study_members", study.pk) if stays else redirect("admin:index")
    context = {
        "form": form,
        "roles": Role.choices,
        "may": ROLES,
        "members": study.memberships.exclude(user=study.owner_id).select_related("user").order_by("user__username"),
    }
    return study_page(request, study, "admin/voting/study/pages/members.html", context, page="members")


def _change(request: HttpRequest, study: Study, by: User) -> None:
    """What a button of the table asks for; a refusal is said."""
    asked = request.POST.get("member", "")
    found = study.memberships.select_related("user").filter(pk=asked).first() if asked.isdecimal() else None
    if found is None:
        messages.error(request, "This member was removed meanwhile.")
        return
    try:
        match request.POST.get("do"):
            case "role":
                member = services.member_change(study=study, by=by, user=found.user, role=request.POST.get("role", ""))
                messages.success(request, f"“{member.user}” is {member.role} of the study now.")
            case "remove":
                services.member_remove(study=study, by=by, user=found.user)
                messages.success(request, f"“{found.user}” no longer works on the study.")
            case "hand over":
                services.study_hand_over(study=study, by=by, to=found.user)
                messages.success(request, f"“{found.user}” owns the study now.")
            case _:
                messages.error(request, "That button is not known here. Nothing was changed.")
    except services.StudyError as error:
        messages.error(request, str(error))


register(StudyPage("members", "Members", members, order=86, needs="own"))
