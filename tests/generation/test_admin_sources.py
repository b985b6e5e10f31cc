"""The library of pictures in the admin: many at once, strictly, nothing lost or doubled, and only one's own."""

import io
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from generation.core import images
from generation.models import Artifact, SourceImage
from generation.services import source_add
from generation.services.artifacts import master_name
from generation.services.sources import SourceInUse, source_delete, sources_upload
from tests import factories
from tests.generation.gamma_task import picture

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/generation/sourceimage/add/", "/admin/generation/sourceimage/"


def file(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def packed_as(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return made.getvalue()


def names(owner: User) -> list[str]:
    return sorted(SourceImage.objects.filter(owner=owner).values_list("name", flat=True))


def test_good_ones_are_kept_and_bad_ones_named(as_owner: Client, owner: User) -> None:
    files = [file("My Cat.png", picture(1)), file("cut.png", picture(2)[:200]), file("words.jpg", b"hello")]
    page = as_owner.post(ADD, {"pictures": files, "licence": "CC0", "credit": "Me"}).content.decode()
    assert "1 picture added" in page
    assert "&#x27;cut.png&#x27; is damaged or cut off" in page
    assert "&#x27;words.jpg&#x27; is not a PNG, JPEG or WebP picture" in page
    source = SourceImage.objects.get()
    assert (source.name, source.title, source.licence, source.credit) == ("my-cat", "My Cat", "CC0", "Me")
    assert source.owner == owner


def test_the_same_files_again_change_nothing(owner: User) -> None:
    files = {f"{n}.png": picture(n) for n in range(3)}
    first = sources_upload(owner=owner, files=[file(n, d) for n, d in files.items()], licence="CC0")
    again = sources_upload(owner=owner, files=[file(n, d) for n, d in files.items()], licence="other")
    assert (len(first.added), len(again.added), len(again.known)) == (3, 0, 3)
    assert SourceImage.objects.count() == Artifact.objects.count() == 3
    assert set(SourceImage.objects.values_list("licence", flat=True)) == {"CC0"}
    storages["masters"].delete(master_name(first.added[0].artifact_id))
    sources_upload(owner=owner, files=[file("0.png", files["0.png"])])
    assert storages["masters"].exists(master_name(first.added[0].artifact_id))  # mended


def test_names_are_unique_for_an_owner_and_free_for_others(owner: User, stranger: User) -> None:
    entries = {"one/cat.png": picture(1), "two/cat.png": picture(2), "three/Cat!.jpg": picture(3)}
    sources_upload(owner=owner, files=[file("cats.zip", packed_as(entries))])
    assert names(owner) == ["cat", "cat-2", "cat-3"]
    sources_upload(owner=stranger, files=[file("cat.png", picture(9)), file("§.png", picture(8))])
    assert names(stranger) == ["cat", "picture"]


def test_an_archive_comes_in_whole_or_not_at_all(owner: User) -> None:
    good = {"a.png": picture(1), "deep/b.png": picture(2), "read me.txt": b"words"}
    result = sources_upload(owner=owner, files=[file("good.zip", packed_as(good))])
    assert names(owner) == ["a", "b"]
    assert [name for name, _ in result.refused] == ["read me.txt"]
    bad = {"c.png": picture(3), "d.png": picture(4)[:99], "e.png": b"?"}
    for broken in (packed_as(bad), packed_as({"c.png": picture(3), "../d.png": picture(4)})):
        result = sources_upload(owner=owner, files=[file("bad.zip", broken), file("f.png", picture(5))])
        assert not {"c", "d", "e"} & set(names(owner))
        assert "Nothing of" in result.refused[-1][1]
    assert Artifact.objects.count() == 3
    assert names(owner) == ["a", "b", "f"]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_decoded_or_written_while_the_database_is_held(owner: User, monkeypatch: Any) -> None:
    """On SQLite whoever votes meanwhile waits for the transaction, and not for long."""
    held: list[tuple[str, bool]] = []

    def noting(what: str, call: Any) -> Any:
        def noted(*args: Any, **kwargs: Any) -> Any:
            held.append((what, connection.in_atomic_block))
            return call(*args, **kwargs)

        return noted

    storage = storages["masters"]
    monkeypatch.setattr(images, "decode", noting("decoded", images.decode))
    monkeypatch.setattr(storage, "save", noting("written", storage.save))
    monkeypatch.setattr(SourceImage, "save", noting("row", SourceImage.save))
    entries = {"a.png": picture(1), "b.png": picture(2)}
    sources_upload(owner=owner, files=[file("two.zip", packed_as(entries)), file("c.png", picture(3))])
    assert names(owner) == ["a", "b", "c"]
    two, one = [("decoded", False), ("decoded", False), ("written", False), ("written", False)], [("row", True)]
    assert held == [*two, *one * 2, ("decoded", False), ("written", False), *one]


def test_rows_that_cannot_be_written_leave_none_of_the_others(owner: User, monkeypatch: Any) -> None:
    entries = {"a.png": picture(1), "b.png": picture(2)}
    save = SourceImage.save

    def fails(self: SourceImage, *args: Any, **kwargs: Any) -> None:
        if self.name == "b":
            raise OperationalError("disk full")
        save(self, *args, **kwargs)

    monkeypatch.setattr(SourceImage, "save", fails)
    with pytest.raises(OperationalError):
        sources_upload(owner=owner, files=[file("two.zip", packed_as(entries))])
    assert not SourceImage.objects.exists()
    assert not Artifact.objects.exists()


def test_an_empty_archive_is_said_to_be_empty(as_owner: Client) -> None:
    for archive in (packed_as({}), packed_as({"folder/": b"", ".DS_Store": b"x"})):
        page = as_owner.post(ADD, {"pictures": [file("none.zip", archive)]}).content.decode()
        assert "&#x27;none.zip&#x27; holds no pictures: the archive is empty." in page


def test_a_licence_that_is_too_long_is_refused_and_not_cut(as_owner: Client, owner: User) -> None:
    field = as_owner.get(ADD).content.decode().split('name="licence"')[1].split(">")[0]
    assert "maxlength" not in field  # the browser would cut it without a word
    sent = {"pictures": [file("a.png", picture(1))], "licence": "long " * 600, "credit": "Me"}
    answer = as_owner.post(ADD, sent, headers={"accept": "application/json"})
    assert answer.status_code == 400
    said = "The licence has 2999 characters; at most 120 are kept."
    assert said in answer.json()["refused"][0][1]
    assert names(owner) == []
    as_owner.post(ADD, {"pictures": [file("a.png", picture(1))]})
    address = reverse("admin:generation_sourceimage_change", args=[SourceImage.objects.get().pk])
    html = as_owner.get(address).content.decode()
    assert "maxlength" not in html.split('name="licence"')[1].split(">")[0]
    html = as_owner.post(address, {"name": "a", "title": "A", "licence": "long " * 600}).content.decode()
    assert said in html


def test_an_archive_under_a_pictures_name_is_an_archive(owner: User) -> None:
    result = sources_upload(owner=owner, files=[file("cat.png", packed_as({"/etc/x.png": picture(1)}))])
    assert "leads out" in result.refused[0][1]
    assert not Artifact.objects.exists()


def test_a_script_is_told_the_same_as_json(as_owner: Client) -> None:
    source_add(owner=factories.user(), data=picture(1), name="known", title="Known")
    sent = {"pictures": [file("new.png", picture(2)), file("old.png", picture(1)), file("no.png", b"no")]}
    answer = as_owner.post(ADD, sent, headers={"Accept": "application/json"}).json()
    assert [one["name"] for one in answer["added"]] == ["new"]
    assert [one["name"] for one in answer["known"]] == ["known"]
    assert answer["refused"][0][0] == "no.png"
    nothing = as_owner.post(ADD, {}, headers={"Accept": "application/json"})
    assert nothing.status_code == 400
    assert nothing.json()["refused"]


def test_the_list_has_thumbnails_and_few_queries(
    as_owner: Client, owner: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        source_add(owner=owner, data=picture(number, (16, 16)), name=f"n{number}", title=f"Picture {number}")
    with django_assert_max_num_queries(6):
        page = as_owner.get(LIST).content.decode()
    address = reverse("admin:generation_sourceimage_thumbnail", args=[SourceImage.objects.first().pk])  # type: ignore[union-attr]
    assert address in page
    answer = as_owner.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")


def test_other_peoples_pictures_do_not_exist(owner: User, stranger: User) -> None:
    source = source_add(owner=owner, data=picture(), name="mine", title="Very Mine")
    client = factories.signed_in(stranger)
    assert "Very Mine" not in client.get(LIST).content.decode()
    for name in ("change", "delete", "thumbnail", "history"):
        address = reverse(f"admin:generation_sourceimage_{name}", args=[source.pk])
        assert client.get(address).status_code == 404
        if name in ("change", "delete"):
            assert client.post(address, {"name": "theirs", "title": "x", "post": "yes"}).status_code == 404
    source.refresh_from_db()
    assert source.title == "Very Mine"
    assert factories.signed_in(factories.user("root", superuser=True)).get(address).status_code == 200


def test_what_is_said_is_edited_and_the_bytes_are_not(as_owner: Client, owner: User) -> None:
    source = source_add(owner=owner, data=picture(), name="cat", title="Cat")
    source_add(owner=owner, data=picture(7), name="dog", title="Dog")
    address = reverse("admin:generation_sourceimage_change", args=[source.pk])
    sent = {"name": "kitten", "title": "Kitten", "licence": "CC0", "credit": "Me"}
    assert as_owner.post(address, {**sent, "artifact": "0" * 64, "owner": 99}).status_code == 302
    after = SourceImage.objects.get(pk=source.pk)
    assert (after.name, after.credit, after.artifact_id, after.owner) == ("kitten", "Me", source.artifact_id, owner)
    taken = as_owner.post(address, {**sent, "name": "dog"}).content.decode()
    assert "is called &#x27;dog&#x27; already" in taken


def test_a_picture_in_use_stays_and_another_goes_with_its_bytes(as_owner: Client, owner: User) -> None:
    grid = factories.rendered_grid(owner=owner)
    used = SourceImage.objects.get(owner=owner, name="waves")
    address = reverse("admin:generation_sourceimage_delete", args=[used.pk])
    for answer in (as_owner.get(address, follow=True), as_owner.post(address, {"sure": "yes"}, follow=True)):
        assert f"is used by the grid “{grid}”" in answer.content.decode()
    with pytest.raises(SourceInUse):
        source_delete(source=used)
    assert SourceImage.objects.filter(pk=used.pk).exists()
    free = source_add(owner=owner, data=picture(5), name="free", title="Free")
    address = reverse("admin:generation_sourceimage_delete", args=[free.pk])
    assert "Its file is deleted with it" in as_owner.get(address).content.decode()
    assert as_owner.post(address, {"sure": "yes"}).status_code == 302
    assert not SourceImage.objects.filter(pk=free.pk).exists()
    assert not Artifact.objects.filter(pk=free.artifact_id).exists()


@pytest.mark.django_db(transaction=True)
def test_bytes_stay_while_somebody_else_has_the_picture(owner: User, stranger: User) -> None:
    mine = source_add(owner=owner, data=picture(5), name="a", title="A")
    theirs = source_add(owner=stranger, data=picture(5), name="a", title="A")
    sha = mine.artifact_id
    source_delete(source=mine)
    assert storages["masters"].exists(master_name(sha))
    source_delete(source=theirs)
    assert not storages["masters"].exists(master_name(sha))
