"""Pictures that nothing in the corpus may look like: the evaluation sets where they are there, and the sets they are drawn from."""
import os
import tarfile

from .iconify import svg_of
from .iconify_sets import EVALUATION

PICTURES = (".webp", ".png", ".jpg")


def pictures(packages, folder, iconify):
    """(name, frame) of each."""
    for name in sorted(os.listdir(folder)) if folder and os.path.isdir(folder) else []:
        shards = os.path.join(folder, name, "test")
        for shard in sorted(os.listdir(shards)) if os.path.isdir(shards) else []:
            if shard.endswith(".tar"):
                with tarfile.open(os.path.join(shards, shard)) as archive:
                    for member in archive:
                        if member.name.endswith(PICTURES):
                            yield f"{name}/{member.name}", ("P", archive.extractfile(member).read())
    for name in sorted(EVALUATION & set(iconify.collections)):
        book = iconify.book(name)
        for key, icon in book["icons"].items():
            yield f"{name}/{key}", ("S", svg_of(icon, book))
    static = os.path.join(packages, "node_modules/lucide-static/icons")
    for name in sorted(os.listdir(static)) if os.path.isdir(static) else []:
        if name.endswith(".svg"):
            with open(os.path.join(static, name), "rb") as file:
                yield f"lucide-static/{name}", ("S", file.read())
