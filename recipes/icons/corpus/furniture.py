"""Furniture of the Debian package sweethome3d-furniture: catalogues (zip files) of 3D models with a rendered picture of each."""
import os
import re
import zipfile

from .licences import licence
from .names import plain

NAME = "sweethome3d"
COPYRIGHT = "usr/share/doc/sweethome3d-furniture/copyright"


def licences_of(path):
    """Catalogue -> licence, from the package's copyright file (Debian's machine-readable form)."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return dict(re.findall(r"^Files: (\S+?)/\*\n(?:Copyright: .*\n(?: .*\n)*)License: (\S+)", text, re.M))


def entries(catalogue):
    """Number -> its keys, of a Java properties file."""
    found = {}
    text = catalogue.read("PluginFurnitureCatalog.properties").decode("latin-1")
    for key, number, value in re.findall(r"^(\w+)#(\d+)=(.*)$", text, re.M):
        found.setdefault(int(number), {})[key] = value.strip()
    return sorted(found.items())


def pictures(folder, words, report):
    root = os.path.join(folder, "usr/share/sweethome3d/furniture")
    if not os.path.exists(root):
        return report.note(f"{root} is not there")
    said = licences_of(os.path.join(folder, COPYRIGHT))
    for file_name in sorted(os.listdir(root)):
        title, source = file_name.rpartition(".")[0], f"{NAME}/{file_name.rpartition('.')[0]}"
        if not licence(said.get(title)):
            report.left_out(source, title, said.get(title), f"licence: {said.get(title)}")
            continue
        report.source(source, f"Sweet Home 3D furniture, {title}", licence(said[title]), title, "http://www.sweethome3d.com")
        with zipfile.ZipFile(os.path.join(root, file_name)) as catalogue:
            inside = set(catalogue.namelist())
            for number, about in entries(catalogue):
                icon, name = about.get("icon", "").lstrip("/"), plain(about.get("name", ""))
                if icon not in inside or not name:
                    continue
                tags = [plain(tag) for tag in about.get("tags", "").split(",") if plain(tag) not in ("", "blend swap")]
                yield dict(id=f"{source}/{number}", source=source, pool="furniture", licence=licence(said[title]), name=name,
                           names=words.wordnet.synonyms(name), tags=tags, categories=[plain(about.get("category", ""))] +
                           words.wordnet.kinds(name), styles=("3D model", "render"), noun="object", frame=("P", catalogue.read(icon)))
