"""Photographs of clothes (CC0) and groceries (MIT): tar files with a JPEG, a caption and a name each, where they are there."""
import json
import os
import tarfile

SETS = {"clothing": ("photo-clothes", "CC0-1.0", "Clothing photographs"), "grocery": ("photo-groceries", "MIT", "Grocery photographs")}


def samples(path):
    parts = {}
    with tarfile.open(path) as archive:
        for member in archive:
            stem, _, ending = member.name.partition(".")
            parts.setdefault(stem, {})[ending] = archive.extractfile(member).read()
    return sorted(parts.items())


def pictures(folder, report):
    for name, (pool, said, title) in SETS.items():
        path = os.path.join(folder, f"{name}-train.tar")
        if not os.path.exists(path):
            report.note(f"{path} is not there: no {title.lower()}")
            continue
        report.source(name, title, said, "", "")
        for stem, parts in samples(path):
            about = json.loads(parts["json"])
            yield dict(id=f"{name}/{stem}", source=name, pool=pool, licence=said, name=about["name"], names=[], tags=about["tags"],
                       categories=[], styles=("photo",), noun="photo", frame=("P", parts["jpg"]), keep=True)
