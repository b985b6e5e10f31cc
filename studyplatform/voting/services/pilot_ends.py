"""What becomes of those who are in the middle of a pilot that ends."""

from studyplatform.voting.models import Block, Session, Study


def pilot_end(*, study: Study) -> None:
    """End the sessions of a pilot that goes back to draft: what they were asked may change. What was answered stays."""
    Session.objects.filter(study=study, outcome="", withdrew_at=None).update(outcome=Session.Outcome.FAILED)
    Block.objects.filter(study=study, state=Block.State.HELD).update(state=Block.State.DONE, expires_at=None)
