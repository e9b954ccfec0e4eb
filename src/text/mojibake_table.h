/* Made by tools/generate_mojibake_table.py: the classes and encodings of mojibake_table.c. */
#ifndef CCLIP_TEXT_MOJIBAKE_TABLE_H
#define CCLIP_TEXT_MOJIBAKE_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { CCLIP_ENCODINGS = 10 };

/* Encodings in the order in which they are tried. A sloppy one has control characters where
 * Windows has nothing, and the byte 1A for U+FFFD. */
#define CCLIP_ENCODINGS_SLOPPY { 0, 1, 1, 1, 1, 1, 1, 0, 0, 0 }

struct cclip_mojibake_character {
    uint32_t c;
    uint8_t bytes[CCLIP_ENCODINGS];
    uint64_t classes;
};
extern const struct cclip_mojibake_character cclip_mojibake_characters[];
extern const size_t cclip_mojibake_character_count;

/* In mojibake.c. NULL: not a character of these encodings. */
const struct cclip_mojibake_character *cclip_mojibake_find(uint32_t c);
uint64_t cclip_mojibake_classes(uint32_t c); /* MOJIBAKE_... and more */

#define MOJIBAKE_C1 ((uint64_t)1 << 0)
#define MOJIBAKE_COMMON ((uint64_t)1 << 1)
#define MOJIBAKE_BAD ((uint64_t)1 << 2)
#define MOJIBAKE_LAW ((uint64_t)1 << 3)
#define MOJIBAKE_CURRENCY ((uint64_t)1 << 4)
#define MOJIBAKE_START ((uint64_t)1 << 5)
#define MOJIBAKE_END ((uint64_t)1 << 6)
#define MOJIBAKE_NUMERIC ((uint64_t)1 << 7)
#define MOJIBAKE_KAOMOJI ((uint64_t)1 << 8)
#define MOJIBAKE_UPPER ((uint64_t)1 << 9)
#define MOJIBAKE_LOWER ((uint64_t)1 << 10)
#define MOJIBAKE_UPPER_COMMON ((uint64_t)1 << 11)
#define MOJIBAKE_LOWER_COMMON ((uint64_t)1 << 12)
#define MOJIBAKE_BOX ((uint64_t)1 << 13)
#define MOJIBAKE_DEGREE ((uint64_t)1 << 14)
#define MOJIBAKE_OE ((uint64_t)1 << 15)
#define MOJIBAKE_A_HAT ((uint64_t)1 << 16)
#define MOJIBAKE_A_TILDE ((uint64_t)1 << 17)
#define MOJIBAKE_A_GRAVE ((uint64_t)1 << 18)
#define MOJIBAKE_LATIN_LEAD ((uint64_t)1 << 19)
#define MOJIBAKE_AFTER_LATIN_LEAD ((uint64_t)1 << 20)
#define MOJIBAKE_ARABIC_LEAD ((uint64_t)1 << 21)
#define MOJIBAKE_AFTER_ARABIC_LEAD ((uint64_t)1 << 22)
#define MOJIBAKE_TIMES ((uint64_t)1 << 23)
#define MOJIBAKE_SQUARED ((uint64_t)1 << 24)
#define MOJIBAKE_FRACTION ((uint64_t)1 << 25)
#define MOJIBAKE_AFTER_A_TILDE ((uint64_t)1 << 26)
#define MOJIBAKE_ROOT ((uint64_t)1 << 27)
#define MOJIBAKE_AFTER_ROOT ((uint64_t)1 << 28)
#define MOJIBAKE_ALMOST ((uint64_t)1 << 29)
#define MOJIBAKE_AFTER_ALMOST ((uint64_t)1 << 30)
#define MOJIBAKE_LOW_QUOTE ((uint64_t)1 << 31)
#define MOJIBAKE_A_UMLAUT ((uint64_t)1 << 32)
#define MOJIBAKE_AFTER_A_UMLAUT ((uint64_t)1 << 33)
#define MOJIBAKE_A_HAT_O_ACUTE ((uint64_t)1 << 34)
#define MOJIBAKE_AFTER_A_HAT ((uint64_t)1 << 35)
#define MOJIBAKE_VE_SMALL ((uint64_t)1 << 36)
#define MOJIBAKE_DJE ((uint64_t)1 << 37)
#define MOJIBAKE_CYRILLIC_LEAD ((uint64_t)1 << 38)
#define MOJIBAKE_GREEK_LEAD ((uint64_t)1 << 39)
#define MOJIBAKE_BETWEEN_LEADS ((uint64_t)1 << 40)
#define MOJIBAKE_MICRO ((uint64_t)1 << 41)
#define MOJIBAKE_GHE ((uint64_t)1 << 42)
#define MOJIBAKE_SHORT_U ((uint64_t)1 << 43)
#define MOJIBAKE_VE ((uint64_t)1 << 44)
#define MOJIBAKE_BETA ((uint64_t)1 << 45)
#define MOJIBAKE_A_MACRON ((uint64_t)1 << 46)
#define MOJIBAKE_EURO ((uint64_t)1 << 47)
#define MOJIBAKE_AFTER_BETA_EURO ((uint64_t)1 << 48)
#define MOJIBAKE_FIRST_OF_2 ((uint64_t)1 << 49)
#define MOJIBAKE_FIRST_OF_3 ((uint64_t)1 << 50)
#define MOJIBAKE_LATER ((uint64_t)1 << 51)
#define MOJIBAKE_FIRST_OF_4 ((uint64_t)1 << 52)
#define MOJIBAKE_LATER_STRICT ((uint64_t)1 << 53)
enum { MOJIBAKE_CLASSES = 54 };

#endif
