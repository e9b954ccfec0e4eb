"""Writes src/text/html_entities_table.c: the named character references of HTML 5, from Python's html.entities."""

import html.entities
import sys

HEAD = """/* The named character references of HTML 5, sorted by bytes. Names without ';' are the old ones that
 * also count without it. Made by tools/generate_html_entities.py. A flat table, long: a line a name. */
#include "text/html.h"

"""


def main():
    names = sorted(html.entities.html5.items(), key=lambda item: item[0].encode("ascii"))
    lines = [HEAD, f"const struct cclip_html_entity cclip_html_entities[{len(names)}] = {{\n"]
    for name, value in names:
        codes = [ord(c) for c in value] + [0]
        lines.append(f'    {{ "{name}", {{ 0x{codes[0]:x}, 0x{codes[1]:x} }} }},\n')
    lines.append("};\n")
    lines.append("const size_t cclip_html_entity_count =\n"
                 "    sizeof cclip_html_entities / sizeof cclip_html_entities[0];\n")
    with open("src/text/html_entities_table.c", "w", encoding="ascii") as out:
        out.write("".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
