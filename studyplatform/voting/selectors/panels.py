"""Who comes from where, and the way back: the study's panel held against what the address says."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.crypto import salted_hmac

from studyplatform.voting.core import panels
from studyplatform.voting.models import CompletionCode, Panel, PanelIdentity, Session, Study


@dataclass(frozen=True)
class WayOut:
    """What somebody is given at the end: a code, the address that leads back to the panel, and whose panel it is.

    ``hand_in``: where a Mechanical Turk assignment is handed in by a form with ``fields``; else empty.
    """

    code: str
    url: str
    panel: str
    hand_in: str
    fields: Mapping[str, str]


def panel_of(study: Study) -> Panel | None:
    """The panel of a study, if it has one."""
    return Panel.objects.filter(study=study).first()


def arrival_of(study: Study, parameters: Mapping[str, str]) -> panels.Arrival | None:
    """Who comes, by the parameters of the address; ``None`` without a panel or without an id.

    Raises :class:`~studyplatform.voting.core.panels.ArrivalError` for what no panel sends.
    """
    panel = panel_of(study)
    if panel is None:
        return None
    return panels.arrival(panel.provider, id_parameter(panel), captured_parameters(panel), parameters)


def is_somebody_else(session: Session, arrival: panels.Arrival | None) -> bool:
    """Whether the address names another participant than the one to whom this browser's session belongs."""
    if arrival is None:
        return False
    identity = PanelIdentity.objects.filter(participant=session.participant_id).first()
    return identity is None or (identity.provider, identity.external_id) != (arrival.provider, arrival.external_id)


def panel_parameters(study: Study, parameters: Mapping[str, str]) -> list[tuple[str, str]]:
    """Those parameters of an address that the study's panel uses."""
    panel = panel_of(study)
    names = (id_parameter(panel), *captured_parameters(panel)) if panel is not None else ()
    return [(name, parameters[name]) for name in names if name in parameters]


def id_parameter(panel: Panel) -> str:
    """The address parameter that names a participant."""
    return panel.id_parameter or panels.PRESETS[panel.provider].id_parameter


def captured_parameters(panel: Panel) -> tuple[str, ...]:
    """The further parameters that are kept."""
    own = tuple(name.strip() for name in panel.captured.split(",") if name.strip())
    return own or panels.PRESETS[panel.provider].captured


def parameters_kept(study: Study) -> tuple[str, ...]:
    """The address parameters that the study keeps of its participants; none without a panel."""
    panel = panel_of(study)
    return captured_parameters(panel) if panel is not None else ()


def way_out(session: Session, outcome: str) -> WayOut:
    """What a session that ends as ``outcome`` is given. Without a code of the panel it is a code of our own."""
    panel = panel_of(session.study)
    code = getattr(panel, f"{outcome}_code", "") or _own_code(session, outcome)
    identity = PanelIdentity.objects.filter(participant=session.participant_id).first()
    if panel is None or identity is None:
        return WayOut(code, "", "", "", {})
    address = panel.return_address or panels.PRESETS[panel.provider].return_address
    # An address without a place for the code means “complete”; nobody else is sent there.
    leads = outcome == Session.Outcome.COMPLETE or ("{code}" in address and getattr(panel, f"{outcome}_code"))
    try:
        url = panels.way_back(address, code, identity.external_id, identity.captured) if leads else ""
    except ValueError:
        url = ""  # the code is shown whatever the address is worth
    hand_in = panels.hand_in_address(identity.captured) if outcome == Session.Outcome.COMPLETE else ""
    fields = {"assignmentId": identity.captured.get("assignmentId", ""), "code": code} if hand_in else {}
    return WayOut(code, url, panel.get_provider_display(), hand_in, fields)


def _own_code(session: Session, outcome: str) -> str:
    """The completion code; for any other outcome one that the house can make again and nobody else."""
    if outcome == Session.Outcome.COMPLETE:
        issued = CompletionCode.objects.filter(participant=session.participant_id).first()
        return issued.code if issued is not None else ""
    if outcome != Session.Outcome.FAILED:
        return ""
    return exit_code(session.participant.token)


def exit_code(token: str, *, key: str | None = None) -> str:
    """The code of a participant whom a fault kept from finishing; ``manage.py reconcile`` knows whose it is.

    ``key`` is an earlier secret key of the house, under which it may have been shown.
    """
    return "X-" + salted_hmac("eyeballot.exit", token, secret=key).hexdigest()[:8].upper()
