"""The parts of a bundle in the folders and under the names of Psych-DS, and what explains them there.

Psych-DS 1.5: https://psychds-docs.readthedocs.io. Data files are named by keywords whose values are letters and digits;
``dataset_description.json`` (schema.org as JSON-LD) names the columns of all of them and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from evaluation.core.bundle.package import as_json, sha256
from evaluation.core.bundle.schema import Json
from evaluation.core.bundle.tables import table_named
from evaluation.core.bundle.writing import export_name

SCHEMA_VERSION = "Psych-DS 1.5.0"
DESCRIPTION = "dataset_description.json"
MANIFEST = "documentation/manifest.json"
#: Files and folders of a bundle and where they lie here. What is not named stays out: it speaks of the bundle's paths.
PLACES = {
    "LICENSE": "LICENSE",
    "CITATION.cff": "CITATION.cff",
    "study.json": "documentation/study.json",
    "prereg/": "documentation/",
    "derived/": "results/",
    "figures/": "products/",
    "images/": "materials/",
}
#: What lies in a folder here, for the page to read first.
FOLDERS = {
    "documentation/": "the study, its preregistration where there is one, and what made these files",
    "results/": "the votes that are analysed with every loss beside them, and the last analysis where there is one",
    "products/": "its figures, and the data of each",
    "materials/": "the pictures, named by their SHA-256",
}
#: The standard's validator warns of files that the standard does not know, its own list of exceptions among them.
IGNORED = (".psychds-ignore", "LICENSE", "CITATION.cff", "checksums.sha256")


def placed(path: str, slug: str, *, simulated: bool) -> str:
    """Where a file of the bundle of a study lies in Psych-DS; empty for one that stays out."""
    if path.startswith("data/"):
        study = _letters(export_name(slug, simulated=simulated)) or "study"
        table = _letters(path.removeprefix("data/").removesuffix(".csv"))
        return f"data/study-{study}_description-{table}_data.csv"
    return next((place + path[len(name) :] for name, place in PLACES.items() if path.startswith(name)), "")


def laid_out(package: Json, manifest: Json, *, author: str, licence: str) -> dict[str, bytes]:
    """What explains the files here, from the bundle's data package and manifest. The same input gives the same bytes.

    ``author``, ``licence``: whom to name and what is allowed, as texts; empty where nothing is stated.
    """
    head = manifest["study"]
    places = {path: placed(path, head["slug"], simulated=head["simulated"]) for path in manifest["files"]}
    sums = {place: manifest["files"][path] for path, place in places.items() if place}
    tables = {r["name"]: r for r in package["resources"] if r["path"].startswith("data/")}
    name = f"SIMULATED: {package['title']}" if head["simulated"] else package["title"]
    stated = {"author": author, "license": licence}
    description = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": name,
        "description": package["description"],
        "schemaVersion": SCHEMA_VERSION,
        "version": head["data_digest"][:12],
        "identifier": head["data_digest"],
        **{key: text for key, text in stated.items() if text},
        "variableMeasured": _variables(tables),
    }
    listed = [
        f"- `{places[r['path']]}`: a row is {table_named(table).about}; key: {', '.join(r['schema']['primaryKey'])}"
        for table, r in tables.items()
    ]
    listed += [f"- `{f}`: {what}" for f, what in FOLDERS.items() if any(place.startswith(f) for place in sums)]
    found = {
        "README.md": _readme(name, package["description"], manifest, listed, licence).encode(),
        DESCRIPTION: as_json(description),
        ".psychds-ignore": "".join(f"{path}\n" for path in IGNORED).encode(),
    }
    sums |= {path: sha256(content) for path, content in found.items()}
    own = {"files": {path: sums[path] for path in sorted(sums)}, "command": f"{manifest['command']} --layout psychds"}
    found[MANIFEST] = as_json(manifest | own)
    sums[MANIFEST] = sha256(found[MANIFEST])
    found["checksums.sha256"] = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()
    return found


def _letters(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name)


def _variables(tables: Mapping[str, Json]) -> list[Json]:
    """Every column once, in order of the files; where tables mean different things by a name, each says its own."""
    said: dict[str, dict[tuple[str, str], list[str]]] = {}
    for table, resource in tables.items():
        for field in resource["schema"]["fields"]:
            meaning = _about(table, field), field.get("unit", "")
            said.setdefault(field["name"], {}).setdefault(meaning, []).append(_letters(table))
    return [_variable(name, meanings) for name, meanings in said.items()]


def _variable(name: str, meanings: Mapping[tuple[str, str], Iterable[str]]) -> Json:
    units = {unit for _, unit in meanings}
    one = len(meanings) == 1
    texts = [
        (about if one else f"{', '.join(tables)}: {about}") + (f" Unit: {unit}." if unit and len(units) > 1 else "")
        for (about, unit), tables in meanings.items()
    ]
    found = {"@type": "PropertyValue", "name": name, "description": " ".join(texts)}
    unit = units.pop() if len(units) == 1 else ""
    return found | ({"unitText": unit} if unit else {})


def _about(table: str, field: Json) -> str:
    """What a column says, with the words it may hold; of a wide one, what is said of its kind."""
    wide = (said for names, said in table_named(table).wide if field["name"].startswith(names.partition("<")[0]))
    about: str = field.get("description") or next(wide, "")
    words = field.get("constraints", {}).get("enum")
    return f"{about} One of {', '.join(words)}." if words else about


def _readme(name: str, about: str, manifest: Json, listed: Iterable[str], licence: str) -> str:
    counts = ", ".join(
        f"{manifest['rows'][table]} {table}"
        for table in ("participants", "trials", "stimuli", "conditions", "scenes", "metrics")
    )
    sealed = (
        "**Everything but the choices.** Who chose which picture is sealed: the trials have no `choice`, and there are "
        "no results.\n\n"
    )
    return f"""# {name}

{about}

{counts}.

This folder is laid out as {SCHEMA_VERSION} (https://psych-ds.github.io); `{DESCRIPTION}` says what every
column means. The tables are those of the study's bundle, byte for byte. The bundle is the normative form and has more:
types and keys for programs (`datapackage.json`, `croissant.json`) and code that reads it. `manage.py export_study`
writes it without `--layout`, and `manage.py evaluate --bundle` reads it and not this folder.

{"" if manifest["contents"] == "everything" else sealed}{chr(10).join(listed)}

UTF-8, commas, missing = empty, a leading apostrophe guards text that a spreadsheet would run. `{MANIFEST}`
has the versions and options that made these files, `checksums.sha256` their digests (`sha256sum -c checksums.sha256`).
{f"Licence: {licence}." if licence else "No licence is stated; see `LICENSE`."}
"""
