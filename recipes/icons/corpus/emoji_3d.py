"""Emoji of the npm package @lobehub/fluent-emoji-3d: Microsoft's Fluent Emoji as rendered pictures, named by code point."""
import json
import os

from .licences import licence

NAME = "fluent-emoji-3d"


def pictures(packages, words, report):
    folder = os.path.join(packages, "node_modules/@lobehub", NAME)
    if not os.path.exists(folder):
        return report.note(f"{folder} is not there")
    with open(f"{folder}/package.json", encoding="utf-8") as file:
        about = json.load(file)
    said = licence(about.get("license"))
    if not said:
        return report.left_out(NAME, NAME, about.get("license"), f"licence: {about.get('license')}")
    report.source(NAME, "Fluent Emoji 3D", said, "Microsoft, packaged by LobeHub", "https://github.com/microsoft/fluentui-emoji")
    for file_name in sorted(os.listdir(f"{folder}/assets")):
        entry = words.emoji(file_name.rpartition(".")[0], "", [])
        if not entry.names:
            report.passed_over("no name", NAME)
            continue
        with open(f"{folder}/assets/{file_name}", "rb") as file:
            frame = ("P", file.read())
        yield dict(id=f"{NAME}/{file_name}", source=NAME, pool="emoji", licence=said, name=entry.names[0], names=entry.names[1:],
                   tags=entry.tags, categories=entry.categories, styles=("3D emoji", "glossy emoji"), noun="emoji", frame=frame)
