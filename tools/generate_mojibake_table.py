"""Writes src/text/mojibake_table.c: for each character that a single-byte encoding has above ASCII, its byte in each
encoding (Python's codecs know them) and the classes by which src/text/mojibake.c judges what stands beside what."""

import sys

# In the order in which they are tried. Those marked sloppy have a control character where Windows has nothing, and
# the byte 1A for U+FFFD.
ENCODINGS = [("latin-1", False), ("cp1252", True), ("cp1251", True), ("cp1250", True), ("cp1253", True),
             ("cp1254", True), ("cp1257", True), ("iso-8859-2", False), ("mac-roman", False), ("cp437", False)]
DETECTED = 8  # the first of these are also looked for within a text

UPPER = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"
LOWER = "ßàáâãäåæçèéêëìíîïðñüāăąćčďđēėęěğģīįķĺļľłŕœśşšťźżžґﬁﬂ"
COMMON = "\u00a0\u00ad·´–—―…’"
BAD = "¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\ufffd"
CURRENCY = "¢£¥₧€"
START = "¡©«¿΄΅‘‚“„•‹\uf8ff"
END = "®»˝”›™"
NUMERIC = "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"
C1 = "".join(map(chr, range(0x80, 0xa0)))
CLASSES = {
    "C1": C1,
    "COMMON": COMMON,
    "BAD": BAD,
    "LAW": "¶§",
    "CURRENCY": CURRENCY,
    "START": START,
    "END": END,
    "NUMERIC": NUMERIC,
    "KAOMOJI": "ÒÓÔÕÖÙÚÛòóôõöøùúûŌŐŪŲ°",
    "UPPER": UPPER,
    "LOWER": LOWER,
    "UPPER_COMMON": "ÞΆΈΉΊΌΎΏ" + "".join(map(chr, [*range(0x391, 0x3ac), *range(0x401, 0x430)])),
    "LOWER_COMMON": "".join(map(chr, [*range(0x3ac, 0x3ca), *range(0x430, 0x460)])),
    "BOX": "│┌┐┘├┤┬┼" + "".join(map(chr, range(0x2550, 0x256d))) + "▀▄█▌▐░▒▓",
    "DEGREE": "°",
    "OE": "Œœ",
    "A_HAT": "Â",
    "A_TILDE": "Ã",
    "A_GRAVE": "à",
    "LATIN_LEAD": "ÂÃÎÐ",
    "AFTER_LATIN_LEAD": "€œŠš¢£Ÿž\u00a0\u00ad®©°·»–—´" + START + END,
    "ARABIC_LEAD": "ØÙ",
    "AFTER_ARABIC_LEAD": COMMON + CURRENCY + BAD + NUMERIC + START + "ŸŠ®°µ»",
    "TIMES": "×",
    "SQUARED": "²³",
    "FRACTION": "²µ¹¼½¾",
    "AFTER_A_TILDE": "\u00a0¡",
    "ROOT": "√",
    "AFTER_ROOT": "±∂†≠®™´≤≥¥µø",
    "ALMOST": "≈",
    "AFTER_ALMOST": "°¢",
    "LOW_QUOTE": "‚",
    "A_UMLAUT": "Ä",
    "AFTER_A_UMLAUT": "ìîïòôúùû†°¢π",
    "A_HAT_O_ACUTE": "âó",
    "AFTER_A_HAT": "àä°ê",
    "VE_SMALL": "в",
    "DJE": "Ђ",
    "CYRILLIC_LEAD": "ВГРС",
    "GREEK_LEAD": "ΒΓΞΟ",
    "BETWEEN_LEADS": C1 + BAD + START + END + CURRENCY + "°",
    "MICRO": "µ",
    "GHE": "Г",
    "SHORT_U": "ў",
    "VE": "В",
    "BETA": "β",
    "A_MACRON": "ā",
    "EURO": "€",
    "AFTER_BETA_EURO": "™\u00a0Ά\u00ad®°",
}
# What looks like the first byte of a UTF-8 sequence of two, three or four, or like a later one. The strict ones
# do not also stand in ordinary text.
LOOSE = " –—―‘’‚“”„•…"
SPANS = {"FIRST_OF_2": (0xc2, 0xdf), "FIRST_OF_3": (0xe0, 0xef), "LATER": (0x80, 0xbf)}


def table_of(encoding, sloppy):
    table = {}
    for byte in range(0x80, 0x100):
        character = bytes([byte]).decode(encoding, "replace")
        if character == "\ufffd":
            assert sloppy
            character = chr(byte)
        table[character] = byte
    if sloppy:
        table["\ufffd"] = 0x1a
    return table


def main():
    tables = [table_of(*e) for e in ENCODINGS]
    detected = tables[:DETECTED]
    classes = dict(CLASSES)
    for name, (low, high) in SPANS.items():
        classes[name] = "".join(c for t in detected for c, b in t.items() if low <= b <= high)
    classes["FIRST_OF_4"] = "".join(c for t in detected for c, b in t.items() if b in (0xf0, 0xf3))
    classes["LATER_STRICT"] = "".join(c for c in classes["LATER"] if c not in LOOSE)
    characters = sorted({c for t in tables for c in t} | {c for s in classes.values() for c in s})
    out = ["/* Characters of the single-byte encodings: the byte in each, 0 where there is none, and the classes by\n"
           " * which mojibake.c judges. Made by tools/generate_mojibake_table.py; a flat table, so long. */\n"
           '#include "text/mojibake_table.h"\n\n'
           f"const struct cclip_mojibake_character cclip_mojibake_characters[{len(characters)}] = {{\n"]
    names = list(classes)
    for c in characters:
        mask = sum(1 << i for i, name in enumerate(names) if c in classes[name])
        row = ", ".join(f"0x{t.get(c, 0):02x}" for t in tables)
        out.append(f"    {{ 0x{ord(c):04x}, {{ {row} }}, 0x{mask:x} }},\n")
    out.append("};\nconst size_t cclip_mojibake_character_count =\n"
               "    sizeof cclip_mojibake_characters / sizeof cclip_mojibake_characters[0];\n")
    with open("src/text/mojibake_table.c", "w", encoding="ascii") as f:
        f.write("".join(out))
    lines = ["/* Made by tools/generate_mojibake_table.py: the classes and encodings of mojibake_table.c. */\n"
             "#ifndef CCLIP_TEXT_MOJIBAKE_TABLE_H\n#define CCLIP_TEXT_MOJIBAKE_TABLE_H\n\n"
             "#include <stddef.h>\n#include <stdint.h>\n\n"
             f"enum {{ CCLIP_ENCODINGS = {len(ENCODINGS)} }};\n\n"
             "/* Encodings in the order in which they are tried. A sloppy one has control characters where\n"
             " * Windows has nothing, and the byte 1A for U+FFFD. */\n"]
    sloppy = ", ".join(str(int(s)) for _, s in ENCODINGS)
    lines.append(f"#define CCLIP_ENCODINGS_SLOPPY {{ {sloppy} }}\n\n")
    lines.append("struct cclip_mojibake_character {\n    uint32_t c;\n    uint8_t bytes[CCLIP_ENCODINGS];\n"
                 "    uint64_t classes;\n};\n"
                 "extern const struct cclip_mojibake_character cclip_mojibake_characters[];\n"
                 "extern const size_t cclip_mojibake_character_count;\n\n"
                 "/* In mojibake.c. NULL: not a character of these encodings. */\n"
                 "const struct cclip_mojibake_character *cclip_mojibake_find(uint32_t c);\n"
                 "uint64_t cclip_mojibake_classes(uint32_t c); /* MOJIBAKE_... and more */\n\n")
    lines += [f"#define MOJIBAKE_{name} ((uint64_t)1 << {i})\n" for i, name in enumerate(names)]
    lines.append(f"enum {{ MOJIBAKE_CLASSES = {len(names)} }};\n\n#endif\n")
    with open("src/text/mojibake_table.h", "w", encoding="ascii") as f:
        f.write("".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
