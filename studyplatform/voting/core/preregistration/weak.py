"""What a reviewer would ask about a preregistration that is not frozen yet."""

from studyplatform.voting.core.preregistration.plan import Plan


def weak_points(plan: Plan) -> list[str]:
    """A sentence on everything that is still weak and how to mend it; none stands in the way of opening."""
    study, found = plan.study, []
    if not str(study["hypothesis"]).strip():
        found.append("No hypothesis is written. Say in one sentence what you expect, under “Preregistration”.")
    if plan.compares and not plan.primary_label:
        found.append(
            "The grids name no common primary metric, so no test of a metric will be confirmatory. Choose grids that "
            "name the same one."
        )
    if not plan.session.get("catch"):
        found.append("There are no pairs with a known answer, so who answers at random can hardly be told from others.")
    elif plan.session["catch"] < 2:
        found.append("One pair with a known answer flags nobody: one slip is human. Ask at least three.")
    found += [claim.sentence for claim in plan.claims if plan.compares and not claim.reachable]
    if study["show_own_result"]:
        found.append(
            "Participants are told at the end how often they chose the picture with the lower loss. Who hears it from "
            "them knows which way the study goes."
        )
    if study["simulated"]:
        found.append("This is a rehearsal: its preregistration binds nobody.")
    return found
