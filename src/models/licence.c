#include "models/licence.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { CARD_HEAD = 16384 }; /* bytes of the card that are looked at */

/* The value of "license: VALUE" in the lines of `head`, up to the second "---". */
static void find_licence(char *text, size_t size, const char *head, size_t length)
{
    static const char key[] = "license:";
    const char *end = head + length;
    const char *line = memchr(head, '\n', length);
    while (line && ++line < end && strncmp(line, "---", 3)) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!strncmp(line, key, sizeof key - 1)) {
            const char *value = line + sizeof key - 1;
            value += strspn(value, " \t\"'");
            const size_t used = strcspn(value, " \t\r\n\"'");
            snprintf(text, size, "%.*s", (int)(used < size ? used : size - 1), value);
            return;
        }
        line = next;
    }
}

void cclip_model_licence(char *text, size_t size, const char *weights)
{
    const char *name = cclip_path_name(weights);
    char *folder = name == weights ? cclip_copy_text(".", 1)
                                   : cclip_copy_text(weights, (size_t)(name - weights));
    char *card = folder ? cclip_path_join(folder, "README.md") : NULL;
    char head[CARD_HEAD + 1];
    snprintf(text, size, "unknown");
    FILE *file = card && cclip_is_file(card) ? fopen(card, "rb") : NULL;
    if (file) {
        const size_t length = fread(head, 1, CARD_HEAD, file);
        head[length] = '\0';
        if (!strncmp(head, "---\n", 4) || !strncmp(head, "---\r\n", 5))
            find_licence(text, size, head, strlen(head));
        fclose(file);
    }
    cclip_release(card);
    cclip_release(folder);
}
