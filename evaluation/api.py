"""The data dictionary for programs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluation.core.dictionary import dictionary


class ColumnShape(serializers.Serializer[Any]):
    """A column."""

    name = serializers.CharField()
    type = serializers.CharField(help_text="text, integer, number, boolean or time")
    unit = serializers.CharField(allow_blank=True)
    about = serializers.CharField(help_text="What it says.")
    words = serializers.ListField(child=serializers.CharField(), required=False, help_text="The only ones allowed.")
    refers_to = serializers.CharField(required=False, help_text="The table whose ids it holds.")
    needed = serializers.BooleanField(required=False, help_text="Without it the file cannot be read.")
    made = serializers.BooleanField(required=False, help_text="It follows from other columns.")
    sealed = serializers.BooleanField(required=False, help_text="It is left out while people vote.")


class TableShape(serializers.Serializer[Any]):
    """A table of an export."""

    table = serializers.CharField()
    path = serializers.CharField()
    row = serializers.CharField(help_text="What a row is.")
    needed = serializers.BooleanField()
    columns = ColumnShape(many=True)


class DictionaryView(APIView):
    """The tables and columns of every export; the same for all studies, and for everybody."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="dictionary", responses={200: TableShape(many=True)})
    def get(self, request: Request) -> Response:
        """Every table with its columns: type, unit and meaning."""
        return Response(dictionary())
