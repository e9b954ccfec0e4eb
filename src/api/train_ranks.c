#include "api/train_ranks.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cpu_features.h"
#include "base/memory.h"
#include "distributed/launcher.h"

cclip_status cclip_training_connect(struct cclip_training *t)
{
    static const enum cclip_launch launches[] = {
        [CCLIP_DIST_AUTO] = CCLIP_LAUNCH_AUTO,
        [CCLIP_DIST_MPI] = CCLIP_LAUNCH_MPI,
        [CCLIP_DIST_NONE] = CCLIP_LAUNCH_NONE,
    };
    const cclip_train_options *o = t->options;
    const cclip_status status =
        cclip_launcher_connect(&t->ranks, launches[o->dist_backend], o->dist_timeout);
    t->result->rank = cclip_communicator_rank(t->ranks);
    t->result->ranks = cclip_communicator_size(t->ranks);
    cclip_communicator_exchange(&t->exchange, t->ranks);
    return status;
}

int cclip_training_threads(const struct cclip_training *t)
{
    const int all = cclip_cpu_count_allowed(), beside = cclip_launcher_neighbours();
    if (t->options->threads)
        return t->options->threads;
    return t->ranks && beside > 1 && all > 1 && !cclip_launcher_binds() ? (all + beside - 1) / beside : all;
}

/* ---- what all must have in common --------------------------------------------------------------- */

/* Options that may differ between ranks: where things lie, and what does not change a result. */
static int may_differ(const char *line, size_t length)
{
    static const char *const names[] = { "device", "dist_timeout", "log_every_n_steps", "logs", "name",
                                         "resume", "save_every_n_steps", "save_every_seconds", "threads",
                                         "train_data", "workers" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (length > strlen(names[i]) && line[strlen(names[i])] == ':' &&
            !strncmp(line, names[i], strlen(names[i])))
            return 1;
    return 0;
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* Names, shapes and what learns. */
static uint64_t hash_model(const struct cclip_trainables *set)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < set->count; i++) {
        const struct cclip_trainable *item = &set->items[i];
        hash = hash_bytes(hash, item->name, strlen(item->name));
        hash = hash_bytes(hash, &item->begin, sizeof item->begin);
        hash = hash_bytes(hash, &item->count, sizeof item->count);
        hash = hash_bytes(hash, &item->frozen, sizeof item->frozen);
    }
    return hash;
}

/* "name: value" a line: what would make another run of it. */
static cclip_status describe(struct cclip_training *t, struct cclip_buffer *text)
{
    const struct cclip_trainables *set = &t->learner->parameters;
    const struct cclip_pair_counts *counts = cclip_pair_batches_counts(t->batches);
    cclip_status status = cclip_buffer_format(text, "cclip: %s\ninstruction set (CCLIP_CPU): %x\n",
                                              CCLIP_VERSION_STRING, cclip_cpu_features());
    if (!status)
        status = cclip_train_options_text(text, t->options);
    if (!status)
        status = cclip_buffer_format(text, "model: %zu values, %016llx\n", set->elements,
                                     (unsigned long long)hash_model(set));
    if (!status)
        status = cclip_buffer_format(text, "data: %zu pairs, %zu steps an epoch, %016llx\n", counts->pairs,
                                     counts->steps, (unsigned long long)t->data);
    return status;
}

/* The first line of `own` that differs from rank 0's. */
static cclip_status compare_lines(const char *own, const char *first)
{
    while (*own && *first) {
        const size_t length = strcspn(own, "\n"), wanted = strcspn(first, "\n");
        if ((length != wanted || memcmp(own, first, length)) && !may_differ(own, length))
            return cclip_fail(CCLIP_ERROR_MISMATCH,
                              "\"%.*s\" where rank 0 has \"%.*s\": all ranks need the same options, model and "
                              "data", (int)length, own, (int)wanted, first);
        own += length + (own[length] != '\0');
        first += wanted + (first[wanted] != '\0');
    }
    return CCLIP_OK;
}

cclip_status cclip_training_compare(struct cclip_training *t)
{
    struct cclip_buffer own;
    char *first = NULL;
    if (!t->ranks)
        return CCLIP_OK;
    cclip_buffer_open(&own, CCLIP_LIMIT_JSON_FILE);
    cclip_status status = describe(t, &own);
    uint64_t length = own.length;
    if (!status)
        status = cclip_broadcast(t->ranks, &length, sizeof length);
    if (!status && !(first = cclip_allocate_zero((size_t)length + 1, 1)))
        status = CCLIP_ERROR_MEMORY;
    if (!status) {
        memcpy(first, own.data, own.length < length ? own.length : (size_t)length);
        status = cclip_broadcast(t->ranks, first, (size_t)length);
    }
    if (!status)
        status = compare_lines(own.data, first);
    cclip_release(first);
    cclip_buffer_close(&own);
    return status;
}

/* ---- what rank 0 gives ------------------------------------------------------------------------- */

cclip_status cclip_training_share(struct cclip_training *t)
{
    const struct cclip_trainables *set = &t->learner->parameters;
    const size_t bytes = set->elements * sizeof(float);
    uint64_t numbers[] = { t->loop.step, t->adamw.steps, (uint64_t)t->batches_before };
    if (!t->ranks)
        return CCLIP_OK;
    cclip_status status = cclip_broadcast(t->ranks, numbers, sizeof numbers);
    t->loop.step = numbers[0];
    t->adamw.steps = numbers[1];
    t->batches_before = (int64_t)numbers[2];
    float *const arrays[] = { set->values, t->adamw.mean, t->adamw.square };
    for (size_t i = 0; i < (numbers[1] ? 3 : 1) && !status; i++)
        status = cclip_broadcast(t->ranks, arrays[i], bytes);
    if (!status)
        status = cclip_gradient_sum_open(&t->sum, t->ranks, set,
                                         (size_t)(t->options->bucket_cap_mb * (1 << 20)));
    t->loop.ranks = t->ranks;
    t->loop.sum = &t->sum;
    if (t->options->use_bn_sync)
        t->device.exchange = &t->exchange;
    return status;
}

/* ---- after a step ------------------------------------------------------------------------------ */

/* Every rank takes the same steps from the same gradients. That this is so is looked at where a checkpoint
 * is kept: a machine that computes otherwise is found before its weights are. */
static cclip_status check_weights(struct cclip_training *t)
{
    const struct cclip_trainables *set = &t->learner->parameters;
    uint64_t own = 0xcbf29ce484222325u, first;
    for (size_t i = 0; i < set->count; i++)
        if (!set->items[i].buffer)
            own = hash_bytes(own, set->values + set->items[i].begin, set->items[i].count * sizeof(float));
    first = own;
    const cclip_status status = cclip_broadcast(t->ranks, &first, sizeof first);
    if (!status && own != first)
        return cclip_fail(CCLIP_ERROR_MISMATCH, "after step %llu the weights are not those of rank 0: this machine "
                                                "computes otherwise", (unsigned long long)t->loop.step);
    return status;
}

/* What the ranks could not use goes to rank 0, which keeps the list. */
static cclip_status collect_skipped(struct cclip_training *t)
{
    struct cclip_buffer *own = &t->skipped.lines;
    const size_t ranks = (size_t)t->result->ranks;
    size_t most = 0;
    size_t *lengths = cclip_allocate(ranks, sizeof *lengths);
    cclip_status status = lengths ? cclip_all_gather(t->ranks, lengths, &own->length, sizeof own->length)
                                  : CCLIP_ERROR_MEMORY;
    for (size_t r = 0; r < ranks && !status; r++)
        most = lengths[r] > most ? lengths[r] : most;
    if (status || !most) {
        cclip_release(lengths);
        return status;
    }
    char *padded = cclip_allocate_zero(most + 1, 1), *all = cclip_allocate_zero(ranks, most + 1);
    if (!padded || !all)
        status = CCLIP_ERROR_MEMORY;
    if (!status) {
        memcpy(padded, own->data, own->length);
        status = cclip_all_gather(t->ranks, all, padded, most + 1);
    }
    for (size_t r = 1; r < ranks && !status && cclip_training_is_first(t); r++)
        status = cclip_train_skipped_take(&t->skipped, all + r * (most + 1), t->batches);
    if (own->maximum)
        cclip_buffer_clear(own);
    cclip_release(lengths);
    cclip_release(padded);
    cclip_release(all);
    return status;
}

cclip_status cclip_training_agree(struct cclip_training *t, int *due)
{
    double flags[2] = { t->stop, cclip_training_is_first(t) && *due };
    if (!t->ranks)
        return CCLIP_OK;
    cclip_status status = cclip_all_sum(t->ranks, flags, 2);
    t->stop = flags[0] > 0;
    *due = flags[0] > 0 || flags[1] > 0;
    if (!status && *due)
        status = collect_skipped(t);
    if (!status && *due)
        status = check_weights(t);
    if (!status) { /* rank 0 writes only where all others have said the same */
        double none = 0;
        status = *due ? cclip_all_sum(t->ranks, &none, 1) : CCLIP_OK;
    }
    return status;
}

cclip_status cclip_training_add_up(struct cclip_training *t)
{
    enum { PIECE = 1 << 12 }; /* bytes of the map of used pairs */
    const size_t ranks = (size_t)t->result->ranks;
    size_t bytes;
    unsigned char *used = cclip_pair_batches_used(t->batches, &bytes);
    unsigned char *all = t->ranks ? cclip_allocate(ranks, PIECE) : NULL;
    if (!t->ranks)
        return CCLIP_OK;
    cclip_status status = all ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t at = 0, n; at < bytes && !status; at += n) {
        n = bytes - at < PIECE ? bytes - at : PIECE;
        status = cclip_all_gather(t->ranks, all, used + at, n);
        for (size_t i = 0; i < ranks * n && !status; i++)
            used[at + i % n] |= all[i];
    }
    cclip_release(all);
    cclip_pair_batches_recount(t->batches);
    t->result->broken = cclip_pair_batches_counts(t->batches)->broken;
    return status;
}

cclip_status cclip_training_disconnect(struct cclip_training *t, cclip_status status)
{
    char message[CCLIP_MESSAGE_SIZE];
    const int echo = status && cclip_communicator_has_heard(t->ranks);
    snprintf(message, sizeof message, "%s", status ? cclip_error_message() : "");
    if (status == CCLIP_ERROR_CANCELLED && t->stop) /* which all agreed on */
        cclip_communicator_linger(t->ranks);
    else
        cclip_communicator_fail(t->ranks, status);
    cclip_gradient_sum_close(&t->sum);
    cclip_communicator_close(&t->ranks);
    if (!status)
        return CCLIP_OK;
    return cclip_fail(echo && t->result->rank ? CCLIP_ERROR_CANCELLED : status, "%s", message);
}
