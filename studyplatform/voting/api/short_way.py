"""The short way of a vote: a ballot in order is stored before sessions, languages and DRF are asked.

Votes are asked more than all else together, and nothing of those concerns them. It gives one kind of answer: the vote
that stands. Whatever else is to be said (a refusal, a fault in the ballot, another pair for a skipped one, a database
that is away) the view says, in the participant's language; to cast a ballot again there is safe, it is the same vote.
"""

import re
from collections.abc import Callable
from dataclasses import asdict

from django.core.exceptions import DisallowedHost
from django.db import Error, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import APIException
from rest_framework.utils import json

from studyplatform.voting import services
from studyplatform.voting.api.authentication import token_asking
from studyplatform.voting.api.bodies import is_too_long
from studyplatform.voting.api.serializers import Ballot
from studyplatform.voting.models import Vote
from studyplatform.voting.services import VoteRefused

VOTES = re.compile(r"/api/v1/studies/([-\w]+)/session/votes/", re.ASCII)
# Its fields are laid once; a serializer copies them for each instance, and validating keeps nothing.
BALLOT = Ballot()


class ShortWay:
    """Middleware: stands after the one that asks for HTTPS and before all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._long_way = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._stored(request) or self._long_way(request)

    def _stored(self, request: HttpRequest) -> HttpResponseBase | None:
        asked = VOTES.fullmatch(request.path_info)
        if asked is None or request.method != "POST" or request.content_type != "application/json":
            return None
        # The long way refuses both in words, and reads neither of them.
        if is_too_long(request):
            return None
        try:
            request.get_host()
            token = token_asking(request, asked[1])
            if token is None:
                return None
            ballot = BALLOT.run_validation(json.loads(request.body.decode()))
            if ballot["choice"] == Vote.Choice.SKIP:
                return None
            # A connection that has died is found out by the vote itself, which can be cast again.
            connection.health_check_done = True  # type: ignore[attr-defined]
            answer = services.vote_cast(study=asked[1], participant=token, **ballot)
        except (APIException, DisallowedHost, ValueError, RecursionError):
            return None
        except Error:
            connection.close_if_unusable_or_obsolete()
            return None
        if isinstance(answer, VoteRefused):
            return None
        response = JsonResponse(asdict(answer), status=200 if answer.replayed else 201)
        response["Cache-Control"] = "no-store"
        response["Content-Length"] = str(len(response.content))
        return response
