"""Who may come where: one row per address, and what the words of a row mean for each of the actors.

A new address fails the test until it has a row. Pages of a study have theirs by what they say they need.
"""

from studyplatform.voting.admin.pages import registry
from tests.config.role_world import ACTORS

# ok: let in. look: let in, but may change nothing. login: to the sign-in. moved: led away to where everybody may go.
# Otherwise the status.
_KINDS = """
                    anonymous participant elsewhere account owner editor analyst viewer researcher nobody superuser
public              ok        ok          ok        ok      ok    ok     ok      ok     ok         ok     ok
missing             404       404         404       404     404   404    404     404    404        404    404
participant         moved     ok          moved     moved   moved moved  moved   moved  moved      moved  moved
participant-missing moved     404         moved     moved   moved moved  moved   moved  moved      moved  moved
participant-call    401       ok          401       401     401   401    401     401    401        401    401
staff               login     login       login     login   ok    ok     ok      ok     ok         ok     ok
staff-refused       login     login       login     login   403   403    403     403    403        403    403
staff-missing       login     login       login     login   404   404    404     404    404        404    404
superuser           login     login       login     login   403   403    403     403    403        403    ok
superuser-refused   login     login       login     login   403   403    403     403    403        403    403
study-view          login     login       login     login   ok    ok     ok      ok     404        404    ok
study-look          login     login       login     login   ok    ok     look    look    404        404    ok
study-edit          login     login       login     login   ok    ok     403     403    404        404    ok
study-edit-or-back  login     login       login     login   ok    ok     moved   moved  404        404    ok
study-download      login     login       login     login   ok    ok     ok      403    404        404    ok
study-own           login     login       login     login   ok    403    403     403    404        404    ok
study-missing       login     login       login     login   404   404    404     404    404        404    404
study-refused       login     login       login     login   403   403    403     403    404        404    403
people-view         login     login       login     login   ok    ok     ok      404    404        404    ok
people-refused      login     login       login     login   403   403    403     404    404        404    403
grid-admin          login     login       login     login   ok    404    404     404    404        404    ok
grid-refused        login     login       login     login   403   404    404     404    404        404    403
metric-admin        login     login       login     login   ok    404    404     404    ok         404    ok
metric-refused      login     login       login     login   403   404    404     404    403        404    403
grid                login     login       login     404     ok    404    404     404    404        404    ok
grid-missing        login     login       login     404     404   404    404     404    404        404    404
report              404       404         404       404     ok    ok     ok      ok     404        404    ok
report-download     404       404         404       404     ok    ok     ok      403    404        404    ok
api-list            403       403         403       ok      ok    ok     ok      ok     ok         ok     ok
api-study           403       403         403       404     ok    ok     ok      ok     404        404    ok
api-download        403       403         403       404     ok    ok     ok      403    404        404    ok
"""
KINDS: dict[str, dict[str, str]] = {
    line.split()[0]: dict(zip(ACTORS, line.split()[1:], strict=True)) for line in _KINDS.strip().splitlines()[1:]
}

# The admin of a model: its list, one row, and changing it; adding and deleting where they differ from changing.
_STUDY_ROWS = {"changelist": "staff", "view": "study-view", "change": "study-refused", "add": "staff-refused"}
_GRID_ROWS = {"changelist": "staff", "view": "grid-admin", "change": "grid-refused", "add": "staff-refused"}
_SUPERUSERS = {"changelist": "superuser", "view": "superuser", "change": "superuser", "add": "superuser"}
MODELS: dict[str, dict[str, str]] = {
    "voting_study": {
        "changelist": "staff", "view": "study-view", "change": "study-edit", "delete": "study-edit-or-back",
        "add": "staff",
    },
    "voting_stimulus": _STUDY_ROWS,
    "voting_participant": _STUDY_ROWS | {"view": "people-view", "change": "people-refused"},
    "voting_trial": _STUDY_ROWS,
    "voting_auditentry": _STUDY_ROWS,
    "evaluation_analysis": _STUDY_ROWS,
    "generation_grid": _GRID_ROWS | {"add": "staff", "delete": "grid-admin"},
    "generation_sourceimage": _GRID_ROWS | {"add": "staff", "change": "grid-admin"},
    # What a metric is, is one for all whose grids ask for it: here the stranger's too.
    "generation_metric": {
        "changelist": "staff", "view": "metric-admin", "change": "metric-refused", "add": "staff-refused",
    },
    "generation_job": _GRID_ROWS,
    "generation_render": _GRID_ROWS,
    "generation_training": _GRID_ROWS,
    "auth_user": _SUPERUSERS,
    "auth_group": _SUPERUSERS,
}  # fmt: skip

# Address -> the kind for looking, and for writing where that is another.
ROWS: dict[str, tuple[str, ...]] = {
    "home": ("public",),
    "favicon": ("public",),
    "live": ("public",),
    "ready": ("public",),
    "dictionary": ("public",),
    "admin:index": ("staff",),
    "admin:login": ("public",),
    "admin:logout": ("public",),
    "admin:password_change": ("staff",),
    "admin:password_change_done": ("staff",),
    "admin:autocomplete": ("staff-refused",),  # no form here asks for it
    "admin:jsi18n": ("staff",),
    "admin:view_on_site": ("staff-missing",),
    "admin:app_list": ("staff",),
    "admin:admin/(?P<url>.*)$": ("staff-missing",),
    "admin:auth_user_password_change": ("superuser",),
    "admin:voting_study_import": ("staff",),
    "admin:voting_study_plan_file": ("study-missing",),  # nothing of the plan is simulated yet
    "admin:voting_study_transition": ("study-edit-or-back",),
    "admin:voting_participant_decide": ("study-edit-or-back",),
    "admin:generation_grid_guide": ("staff",),
    **{f"admin:generation_grid_{name}": ("grid-admin",) for name in ("launch", "measure", "progress", "retry")},
    "admin:generation_sourceimage_thumbnail": ("grid-admin",),
    "admin:generation_grid_import": ("staff",),
    "admin:generation_grid_import_columns": ("staff-missing",),
    "evaluation:report": ("report",),
    "evaluation:figure": ("report",),
    "evaluation:pictures": ("report",),
    "evaluation:pairs": ("report",),
    "evaluation:thumbnail": ("report",),
    "evaluation:votes": ("report-download",),
    "evaluation:table": ("report-download",),
    "evaluation:derived": ("report-download",),
    "evaluation:format": ("report-download",),
    "evaluation:next-grid": ("report-download",),
    "evaluation:bundle": ("report-download",),
    "generation:grid": ("grid",),
    "generation:report": ("grid",),
    "generation:report-file": ("grid",),
    "generation:sheet": ("grid-missing",),  # the owner's grid trains nothing, so it has no sheets
    "generation:sheets-zip": ("grid-missing",),
    "generation:image": ("grid",),
    "generation:thumbnail": ("grid",),
    "voting:landing": ("public",),
    "voting:start": ("public",),
    "voting:language": ("public",),
    "voting:stimulus": ("public",),
    **{
        f"voting:{name}": ("participant",)
        for name in ("consent", "checks", "instructions", "trial", "back", "debrief", "thanks", "withdraw")
    },
    "voting:decline": ("public", "participant"),  # it says good-bye to whoever comes
    "voting:check_picture": ("participant-missing",),  # the study asks for no check
    "voting:preview_stimulus": ("missing",),
    "voting:api-schema": ("public",),
    "voting:api-docs": ("public",),
    "voting:api-session": ("participant-call", "public"),  # POST starts one
    **{
        f"voting:api-{name}": ("participant-call",)
        for name in (
            "consent", "decline", "checks", "instructions", "plan", "votes", "undo", "events", "finish", "debrief",
            "withdraw",
        )
    },
    "voting:api-studies": ("api-list",),
    "voting:api-stimuli": ("api-study",),
    "voting:api-exports": ("api-study",),
    "voting:api-trials": ("api-download",),
    "voting:api-study-votes": ("api-download",),
}  # fmt: skip

# Pages of a study on which every member may leave something of their own.
VIEWERS_WRITE = {"preview"}


def kinds_of(name: str) -> tuple[str, str] | None:
    """For looking and for writing, how the address of that name is kept; ``None`` where the table lacks it."""
    rows = {**_model_rows(), **_page_rows(), **ROWS}
    found = rows.get(name)
    return None if found is None else (found[0], found[-1])


def _page_rows() -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    for page in registry._pages.values():
        looks = page.needs == "view" and page.name not in VIEWERS_WRITE
        rows[f"admin:voting_study_{page.name}"] = (f"study-{page.needs}", *(["study-look"] if looks else []))
    return rows


def _model_rows() -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    for model, kinds in MODELS.items():
        change = kinds["change"]
        rows[f"admin:{model}_changelist"] = (kinds["changelist"],)
        rows[f"admin:{model}_add"] = (kinds["add"],)
        rows[f"admin:{model}_history"] = (kinds["view"],)
        rows[f"admin:{model}_delete"] = (kinds.get("delete", change),)
        rows[f"admin:{model}_change"] = (kinds["view"], change)
        # Django's own redirect to the form, which tells nothing.
        rows[f"admin:admin/{model.replace('_', '/', 1)}/<path:object_id>/"] = ("staff",)
    return rows
