/* Captions from files of several kinds, one after another, however large the file is.
 *
 * .csv .tsv       a column of a table, as open_clip reads them
 * .tar            the .txt members of shards, as webdataset writes them
 * .jsonl          a line each: a JSON string, or an object that has "caption" or "text"
 * any other, "-"  a line each */
#ifndef CCLIP_CLI_CAPTIONS_H
#define CCLIP_CLI_CAPTIONS_H

#include <stddef.h>
#include "base/status.h"

/* What is made of each caption. `status` tells that it could not be read, for the reason in this
 * thread's message; `file`, and `line` or `member` (the other is 0 or NULL), say where it stands. A
 * failure of the function ends the reading. */
struct cclip_caption {
    const char *text;
    size_t length;
    const char *file, *member;
    size_t line;
    cclip_status status;
};
typedef cclip_status cclip_caption_function(void *context, const struct cclip_caption *caption);

struct cclip_caption_reader {
    int jsonl;          /* also what is not called .jsonl */
    const char *column; /* of a table */
    char separator;     /* of a table; 0: tab, comma, semicolon or bar, by its first line */
    cclip_caption_function *take;
    void *context;
};

/* Ends early after Ctrl-C. A file that holds no text (zero bytes) is an error, as is a damaged
 * archive. */
cclip_status cclip_captions_read(const struct cclip_caption_reader *reader, const char *path);

#endif
