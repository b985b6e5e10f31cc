"""Who sees which rows: every researcher their own, a superuser all; what is not theirs does not exist for them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict

from generation.models import Grid


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are looked at, not typed in, by every researcher who finds them in ``get_queryset``."""

    show_full_result_count = False

    class Media:
        css = {"all": ["generation/admin.css"]}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)  # other people's rows are not in the queryset

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Rows are deleted one at a time, where a refusal can be explained, or not at all."""
        return {}


class OwnedAdmin(ReadOnlyAdmin):
    """Rows with an owner."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(owner_id=request.user.pk)


def sent(request: HttpRequest) -> QueryDict | None:
    """What was posted, for a form; None for a look at the page. An empty post is one."""
    return request.POST if request.method == "POST" else None


def own_grid(request: HttpRequest, pk: int) -> Grid:
    """A grid the reader may see; 404 for all others."""
    grids = Grid.objects.all() if request.user.is_superuser else Grid.objects.filter(owner_id=request.user.pk)
    grid = grids.filter(pk=pk).first()
    if grid is None:
        raise Http404("There is no such grid.")
    return grid
