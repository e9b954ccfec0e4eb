#include "api/train_skipped.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "formats/json.h"

/* What stands in a line but for the message, which is any text. */
struct entry {
    unsigned long long step, pair;
    int is_pair;
    enum cclip_pair_reason reason;
};

static cclip_status add_line(struct cclip_buffer *out, uint64_t step, const struct cclip_pair_loss *loss)
{
    cclip_status status = cclip_buffer_format(out, "{\"step\": %llu, ", (unsigned long long)step);
    if (!status && loss->index == SIZE_MAX)
        status = cclip_buffer_text(out, "\"shard\": true");
    else if (!status)
        status = cclip_buffer_format(out, "\"pair\": %zu, \"reason\": \"%s\"", loss->index,
                                     cclip_pair_reason_name(loss->reason));
    if (!status)
        status = cclip_buffer_text(out, ", \"message\": ");
    if (!status)
        status = cclip_json_quote(out, loss->message, strlen(loss->message));
    return status ? status : cclip_buffer_text(out, "}\n");
}

static cclip_status flush(struct cclip_train_skipped *skipped)
{
    struct cclip_buffer *lines = &skipped->lines;
    if (!skipped->stream || !lines->length)
        return CCLIP_OK;
    if (fwrite(lines->data, 1, lines->length, skipped->stream) != lines->length || fflush(skipped->stream))
        return cclip_fail_errno(skipped->path, "cannot write");
    cclip_buffer_clear(lines);
    return CCLIP_OK;
}

int cclip_train_skipped_add(struct cclip_train_skipped *skipped, uint64_t step,
                            const struct cclip_pair_loss *loss)
{
    if (!skipped->lines.maximum)
        cclip_buffer_open(&skipped->lines, CCLIP_LIMIT_TEXT_FILE);
    cclip_status status = add_line(&skipped->lines, step, loss);
    if (!status)
        status = flush(skipped);
    if (status)
        cclip_failure_take(&skipped->failure, status);
    return status != CCLIP_OK;
}

static int read_entry(struct entry *out, const char *line)
{
    char reason[64];
    const int read = sscanf(line, "{\"step\": %llu, \"pair\": %llu, \"reason\": \"%63[^\"]\"", &out->step,
                            &out->pair, reason);
    out->is_pair = 0;
    for (int i = 0; i < CCLIP_PAIR_REASONS && read == 3 && !out->is_pair; i++)
        if (!strcmp(reason, cclip_pair_reason_name((enum cclip_pair_reason)i))) {
            out->reason = (enum cclip_pair_reason)i;
            out->is_pair = 1;
        }
    return read >= 1 && strchr(line, '\n');
}

/* Tells of the lines that stay, and cuts off those behind them. */
static cclip_status take_up(struct cclip_train_skipped *skipped, uint64_t steps,
                            struct cclip_pair_batches *batches)
{
    char line[8 * 1024]; /* longer than any: a message has 1023 bytes, and one becomes 6 at most */
    struct entry entry;
    long end = 0;
    while (fgets(line, sizeof line, skipped->stream) && read_entry(&entry, line) && entry.step < steps) {
        if (entry.is_pair)
            cclip_pair_batches_know(batches, (size_t)entry.pair, entry.reason);
        end = ftell(skipped->stream);
    }
    if (ferror(skipped->stream) || end < 0 || fseek(skipped->stream, end, SEEK_SET) ||
        ftruncate(fileno(skipped->stream), end))
        return cclip_fail_errno(skipped->path, "cannot go on");
    if (end) /* the shards have been named */
        cclip_buffer_clear(&skipped->lines);
    return CCLIP_OK;
}

cclip_status cclip_train_skipped_open(struct cclip_train_skipped *skipped, const char *folder,
                                      uint64_t steps, struct cclip_pair_batches *batches)
{
    skipped->path = cclip_path_join(folder, "skipped.jsonl");
    if (!skipped->path)
        return CCLIP_ERROR_MEMORY;
    const int goes_on = steps && cclip_is_file(skipped->path);
    skipped->stream = fopen(skipped->path, goes_on ? "r+b" : "wb");
    if (!skipped->stream)
        return cclip_fail_errno(skipped->path, "cannot open");
    const cclip_status status = goes_on ? take_up(skipped, steps, batches) : CCLIP_OK;
    return status ? status : flush(skipped);
}

cclip_status cclip_train_skipped_take(struct cclip_train_skipped *skipped, const char *lines,
                                      struct cclip_pair_batches *batches)
{
    struct entry entry;
    cclip_status status = CCLIP_OK;
    if (!skipped->lines.maximum)
        cclip_buffer_open(&skipped->lines, CCLIP_LIMIT_TEXT_FILE);
    for (size_t length; *lines && !status; lines += length) {
        length = strcspn(lines, "\n") + 1;
        const size_t before = cclip_pair_batches_counts(batches)->broken;
        if (!read_entry(&entry, lines) || !entry.is_pair) /* shards are the same for all */
            continue;
        cclip_pair_batches_know(batches, (size_t)entry.pair, entry.reason);
        if (cclip_pair_batches_counts(batches)->broken > before)
            status = cclip_buffer_append(&skipped->lines, lines, length);
    }
    return status ? status : flush(skipped);
}

void cclip_train_skipped_close(struct cclip_train_skipped *skipped)
{
    if (skipped->stream)
        fclose(skipped->stream);
    cclip_release(skipped->path);
    cclip_buffer_close(&skipped->lines);
    *skipped = (struct cclip_train_skipped){ 0 };
}

/* snprintf behind what is there. */
#define ADD(...) used += used < size ? (size_t)snprintf(out + used, size - used, __VA_ARGS__) : 0

void cclip_train_skipped_account(char *out, size_t size, const struct cclip_train_skipped *skipped,
                                 const struct cclip_pair_counts *counts, uint64_t first_step)
{
    size_t used = 0;
    const char *part = " (";
    ADD("%zu pairs: %zu used", counts->pairs, counts->used);
    if (first_step)
        ADD(" since step %llu", (unsigned long long)first_step);
    ADD(", %zu skipped", counts->broken);
    for (int i = 0; i < CCLIP_PAIR_REASONS; i++)
        if (counts->reasons[i]) {
            ADD("%s%s: %zu", part, cclip_pair_reason_name((enum cclip_pair_reason)i), counts->reasons[i]);
            part = ", ";
        }
    ADD("%s, %zu not reached", counts->broken ? ")" : "", counts->pairs - counts->used - counts->broken);
    if (counts->damaged_shards)
        ADD("; %zu of %zu shards damaged: what lies behind the damage is in no count", counts->damaged_shards,
            counts->shards);
    if (counts->broken || counts->damaged_shards)
        ADD("; each is named in %s", skipped->path);
}
