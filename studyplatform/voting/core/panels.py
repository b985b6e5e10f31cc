"""Where participants come from: what a panel's address carries in, and the address that leads back to it.

The presets are the panels' documented habits; each part can be set otherwise in a study. Sources: Prolific's researcher
help ("integrating with your own software"), SONA Systems ("external study with a survey code"), CloudResearch Connect
("project completion": the redirect address is copied from the project), Amazon Mechanical Turk (ExternalQuestion).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

ID_LIMIT = 120

#: Hosts to which Mechanical Turk lets a task be handed in.
MTURK_HOSTS = ("www.mturk.com", "workersandbox.mturk.com")
#: What Mechanical Turk sends in place of an assignment while somebody only looks.
MTURK_PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"


class ArrivalError(ValueError):
    """The address does not say who comes, or says it in a form no panel uses; the text is for the participant."""


@dataclass(frozen=True)
class Preset:
    """The habits of a panel: the parameter that names a participant, the others it sends, the way back.

    ``return_address`` holds places in braces: ``{code}`` for the outcome's code, ``{id}`` for the participant, and each
    captured parameter by its name. Where it is empty, the researcher copies the address from the panel.
    ``placeholders`` are what the panel replaces in a link that it sends people to, by parameter; None where it adds its
    parameters to any link by itself.
    """

    id_parameter: str
    captured: tuple[str, ...] = ()
    return_address: str = ""
    placeholders: Mapping[str, str] | None = None


PRESETS: Mapping[str, Preset] = {
    "prolific": Preset(
        "PROLIFIC_PID",
        ("STUDY_ID", "SESSION_ID"),
        "https://app.prolific.com/submissions/complete?cc={code}",
        {name: f"{{{{%{name}%}}}}" for name in ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")},
    ),
    "sona": Preset("sona_code", placeholders={"sona_code": "%SURVEY_CODE%"}),
    "connect": Preset("participantId", ("assignmentId", "projectId")),
    "mturk": Preset("workerId", ("assignmentId", "hitId", "turkSubmitTo")),
    "generic": Preset("id", placeholders={}),
}


@dataclass(frozen=True)
class Arrival:
    """Somebody whom a panel sent: the panel's name, the id it uses, the further parameters."""

    provider: str
    external_id: str
    captured: Mapping[str, str]


def arrival(
    provider: str, id_parameter: str, captured: tuple[str, ...], parameters: Mapping[str, str]
) -> Arrival | None:
    """Who comes, by the parameters of the address; ``None`` where the parameter is missing.

    Raises :class:`ArrivalError`, which names the parameter, for an id that is no plain word of at most 120 characters
    (one that begins with = + - @ is a formula where the lists for the panel are opened in a spreadsheet), for a
    parameter that holds no plain text, and for a Mechanical Turk preview, which is nobody yet.
    """
    who = parameters.get(id_parameter, "").strip()
    if not who:
        return None
    if len(who) > ID_LIMIT or not re.fullmatch(r"[\w.:~][\w.@:+=~-]*", who):
        raise ArrivalError(id_parameter)
    kept = {name: parameters[name][:300] for name in captured if parameters.get(name)}
    if unprintable := [name for name, value in kept.items() if not value.isprintable()]:
        raise ArrivalError(unprintable[0])
    if kept.get("assignmentId") == MTURK_PREVIEW:
        raise ArrivalError("assignmentId")
    return Arrival(provider, who, kept)


def way_back(address: str, code: str, external_id: str, captured: Mapping[str, str]) -> str:
    """``address`` with its places filled in, each quoted so that it stays one part of it; empty without an address.

    A place that nothing fills is left empty. Raises ``ValueError`` for an address that is not http(s).
    """
    if not address:
        return ""
    if urlsplit(address).scheme not in ("https", "http"):
        raise ValueError(f"{address!r} is no web address. It begins with https://.")
    values = {**captured, "code": code, "id": external_id}
    return re.sub(r"\{(\w+)\}", lambda place: quote(values.get(place[1], ""), safe=""), address)


def link_for(address: str, id_parameter: str, captured: tuple[str, ...], placeholders: Mapping[str, str] | None) -> str:
    """The link that a panel is given: ``address`` with its placeholders, which it fills in for each participant.

    A parameter without a known placeholder gets its own name in capitals, to be replaced by hand. Placeholders are not
    quoted: the panel looks for them as they are.
    """
    if placeholders is None:
        return address
    names = dict.fromkeys((id_parameter, *captured))
    return address + "?" + "&".join(f"{name}={placeholders.get(name, name.upper())}" for name in names)


def hand_in_address(captured: Mapping[str, str]) -> str:
    """Where a Mechanical Turk assignment is handed in; empty when the address did not come from there."""
    try:
        parts = urlsplit(captured.get("turkSubmitTo", ""))
    except ValueError:
        return ""
    if parts.scheme != "https" or parts.hostname not in MTURK_HOSTS or not captured.get("assignmentId"):
        return ""
    return f"https://{parts.hostname}/mturk/externalSubmit"
