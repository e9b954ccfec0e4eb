/* JSON documents: parsed, walked, written and parsed again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

/* Every kind of question to every value, two levels deep. */
static void ask(const cclip_json *value, int depth)
{
    struct cclip_json_iterator it;
    cclip_json_string(value, NULL);
    cclip_json_number(value, 0);
    cclip_json_integer(value, 0);
    for (size_t i = 0; depth && i < cclip_json_length(value) && i < 100; i++)
        ask(cclip_json_at(value, i), depth - 1);
    for (int valid = cclip_json_first(&it, value); depth && valid; valid = cclip_json_next(&it))
        ask(it.value, depth - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cclip_json *root, *again = NULL;
    struct cclip_buffer out;
    cclip_buffer_open(&out, (size_t)16 << 20);
    if (cclip_json_quote(&out, (const char *)data, size))
        abort(); /* any bytes can be quoted */
    cclip_buffer_clear(&out);
    if (cclip_json_parse(&root, (const char *)data, size, "input")) {
        cclip_buffer_close(&out);
        return 0;
    }
    ask(root, 2);
    if (!cclip_json_write(&out, root, 0) && cclip_json_parse(&again, out.data, out.length, "output"))
        abort(); /* what is written can be read */
    cclip_json_close(&again);
    cclip_json_close(&root);
    cclip_buffer_close(&out);
    return 0;
}
