"""What a researcher may ask for: their own studies, so far."""

from dataclasses import asdict

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studyplatform.voting.api import serializers as shapes
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import studies_visible, study_counts


class StudyListView(APIView):
    """Studies of the signed-in researcher."""

    authentication_classes = [SessionAuthentication]

    @extend_schema(operation_id="studies", responses={200: shapes.StudyRow(many=True)})
    def get(self, request: Request) -> Response:
        """The studies you own or are a member of, and how far each is."""
        user = request.user
        studies = studies_visible(user) if isinstance(user, User) else Study.objects.none()
        rows = [{**_named(study), **asdict(study_counts(study))} for study in studies]
        return Response(shapes.StudyRow(rows, many=True).data)


def _named(study: Study) -> dict[str, object]:
    return {name: getattr(study, name) for name in ("slug", "title", "state", "simulated", "design_digest")}
