/* Opening, seeking, and giving out batches; what happens to each place of them is pair_place.c's. */
#include "data/pair_batches.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "data/pair_parts.h"
#include "image/preprocess.h"

static size_t step_width(const struct cclip_pair_batches *b)
{
    return b->request.batch * b->request.world;
}

static cclip_status check_request(const struct cclip_pair_request *r)
{
    struct cclip_placement placement;
    if (!r->source_count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "no training data");
    if (!r->batch || r->rank >= r->world || r->batch > CCLIP_LIMIT_SAMPLES / r->world)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "a batch of %zu pairs on rank %zu of %zu", r->batch,
                          r->rank, r->world);
    if (r->workers < 0 || r->workers > CCLIP_LIMIT_THREADS)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%d workers: 0 to %d expected", r->workers,
                          CCLIP_LIMIT_THREADS);
    if (r->context < 3 || r->context > CCLIP_LIMIT_CONTEXT)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "a context of %zu tokens: 3 to %zu expected", r->context,
                          CCLIP_LIMIT_CONTEXT);
    for (size_t i = 0; i < r->source_count; i++)
        if (!(r->sources[i].weight >= 0) || !isfinite(r->sources[i].weight))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: a weight of %g", r->sources[i].path,
                              r->sources[i].weight);
    const cclip_status status = r->second ? cclip_preprocess_place(&placement, 1, 1, r->second) : CCLIP_OK;
    return status ? status : cclip_preprocess_place(&placement, 1, 1, r->preprocessing);
}

static cclip_status open_plan(struct cclip_pair_batches *b)
{
    const struct cclip_pair_request *r = &b->request;
    double *weights = cclip_allocate(r->source_count, sizeof *weights);
    if (!weights)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < r->source_count; i++)
        weights[i] = r->sources[i].weight > 0 ? r->sources[i].weight : 1;
    cclip_status status = cclip_pair_plan_open(&b->plan, &b->index, weights, r->epoch_pairs, r->window,
                                               r->seed);
    for (int i = 0; i < 2 && !status; i++)
        status = cclip_pair_order_open(&b->orders[i], &b->plan);
    cclip_release(weights);
    return status;
}

static cclip_status count_all(struct cclip_pair_batches *b)
{
    const struct cclip_pair_request *r = &b->request;
    b->counts = (struct cclip_pair_counts){ .pairs = b->index.count,
                                            .epoch_pairs = b->plan.places,
                                            .steps = b->plan.places / step_width(b) };
    for (size_t i = 0; i < b->index.shard_count; i++) {
        b->counts.shards += b->index.shards[i].path != NULL;
        b->counts.damaged_shards += b->index.shards[i].damage != NULL;
    }
    if (b->counts.steps)
        return CCLIP_OK;
    char ranks[64] = "", parts[64] = "";
    if (r->world > 1)
        snprintf(ranks, sizeof ranks, "%zu ranks with ", r->world);
    if (r->parts > 1)
        snprintf(parts, sizeof parts, "accum_freq %zu x ", r->parts);
    return cclip_fail(CCLIP_ERROR_MISMATCH, "an epoch has %zu pairs, fewer than one step takes: %zu (%s%sbatches of "
                                            "%zu)",
                      b->plan.places, step_width(b), ranks, parts, r->batch / (r->parts ? r->parts : 1));
}

static cclip_status report_damage(const struct cclip_pair_batches *b)
{
    const struct cclip_pair_request *r = &b->request;
    for (size_t i = 0; i < b->index.shard_count; i++) {
        const struct cclip_failure *damage = b->index.shards[i].damage;
        if (!damage)
            continue;
        const struct cclip_pair_loss loss = { SIZE_MAX, CCLIP_PAIR_UNREADABLE, damage->status,
                                              damage->message };
        if (r->skip && r->skip(r->user, &loss))
            return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", damage->message);
    }
    return CCLIP_OK;
}

static cclip_status open_workers(struct cclip_pair_batches *b)
{
    const int count = b->request.workers + cclip_thread_pool_size(b->request.pool);
    cclip_status status = CCLIP_OK;
    b->workers = cclip_allocate_zero((size_t)count, sizeof *b->workers);
    if (!b->workers)
        return CCLIP_ERROR_MEMORY;
    for (; b->worker_count < count && !status; b->worker_count++) {
        struct cclip_pair_worker *worker = &b->workers[b->worker_count];
        cclip_sample_open(&worker->sample);
        cclip_buffer_open(&worker->scratch, CCLIP_PAIR_BYTES);
        status = cclip_text_encoder_open(&worker->encoder, b->request.tokenizer);
    }
    return status;
}

static cclip_status open_slots(struct cclip_pair_batches *b)
{
    const size_t batches = b->request.workers ? 2 : 1, context = b->request.context;
    const size_t slots = batches * b->request.batch, batch = b->request.batch;
    b->row = 3 * b->preprocessing.height * b->preprocessing.width;
    b->second_row = b->request.second ? 3 * b->second.height * b->second.width : 0;
    b->slots = cclip_allocate_zero(slots, sizeof *b->slots);
    b->pixels = cclip_allocate(slots, b->row * sizeof *b->pixels);
    if (b->second_row)
        b->second_pixels = cclip_allocate(slots, b->second_row * sizeof *b->second_pixels);
    b->ids = cclip_allocate(slots, context * sizeof *b->ids);
    b->packed = cclip_allocate(batch, context * sizeof *b->packed);
    b->offsets = cclip_allocate(batch + 1, sizeof *b->offsets);
    b->groups = cclip_allocate(batch, sizeof *b->groups);
    b->hashes = cclip_allocate(batch, sizeof *b->hashes);
    b->names = cclip_allocate(batch, sizeof *b->names);
    b->captions = cclip_allocate(batch, sizeof *b->captions);
    b->keys = cclip_allocate(batch, sizeof *b->keys);
    for (b->table_size = 2; b->table_size < 2 * batch;)
        b->table_size *= 2;
    b->table = cclip_allocate(b->table_size, sizeof *b->table);
    b->known = cclip_allocate_zero(b->index.count / 8 + 1, 1);
    b->used = cclip_allocate_zero(b->index.count / 8 + 1, 1);
    if (!b->slots || !b->pixels || !b->second_pixels != !b->second_row || !b->ids || !b->packed ||
        !b->offsets || !b->groups || !b->hashes || !b->names || !b->captions || !b->keys || !b->table ||
        !b->known || !b->used)
        return CCLIP_ERROR_MEMORY;
    for (; b->slot_count < slots; b->slot_count++) {
        cclip_buffer_open(&b->slots[b->slot_count].name, 2 * CCLIP_LIMIT_PATH);
        cclip_buffer_open(&b->slots[b->slot_count].caption, CCLIP_LIMIT_TEXT_BYTES);
        cclip_buffer_open(&b->slots[b->slot_count].group, CCLIP_LIMIT_TEXT_BYTES);
    }
    return CCLIP_OK;
}

cclip_status cclip_pair_batches_open(struct cclip_pair_batches **out,
                                     const struct cclip_pair_request *request)
{
    *out = NULL;
    struct cclip_pair_batches *b = cclip_allocate_zero(1, sizeof *b);
    if (!b)
        return CCLIP_ERROR_MEMORY;
    b->request = *request;
    b->request.world = request->world ? request->world : 1;
    b->preprocessing = *request->preprocessing;
    if (request->second)
        b->second = *request->second;
    cclip_augmentation_init(&b->augmentation);
    if (request->augmentation)
        b->augmentation = *request->augmentation;
    cclip_status status = check_request(&b->request);
    if (!status)
        status = cclip_augmentation_check(&b->augmentation);
    if (!status)
        status = cclip_pair_index_open(&b->index, request->sources, request->source_count,
                                       request->workers);
    if (!status)
        status = open_plan(b);
    if (!status)
        status = count_all(b);
    if (!status)
        status = report_damage(b);
    if (!status)
        status = open_slots(b);
    if (!status)
        status = open_workers(b);
    if (status)
        cclip_pair_batches_close(&b);
    *out = b;
    return status;
}

static void close_slots(struct cclip_pair_batches *b)
{
    for (size_t i = 0; i < b->slot_count; i++) {
        cclip_buffer_close(&b->slots[i].name);
        cclip_buffer_close(&b->slots[i].caption);
        cclip_buffer_close(&b->slots[i].group);
        cclip_release(b->slots[i].problems);
    }
    for (int i = 0; i < b->worker_count; i++) {
        cclip_sample_close(&b->workers[i].sample);
        cclip_buffer_close(&b->workers[i].scratch);
        cclip_text_encoder_close(&b->workers[i].encoder);
    }
    void *const all[] = { b->slots,  b->workers, b->pixels, b->second_pixels, b->ids, b->packed,
                          b->offsets, b->groups, b->hashes, (void *)b->names, (void *)b->captions,
                          (void *)b->keys, b->table, b->known, b->used };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cclip_release(all[i]);
}

void cclip_pair_batches_close(struct cclip_pair_batches **batches)
{
    struct cclip_pair_batches *b = *batches;
    if (!b)
        return;
    cclip_work_ahead_close(&b->ahead);
    close_slots(b);
    cclip_pair_order_close(&b->orders[0]);
    cclip_pair_order_close(&b->orders[1]);
    cclip_pair_plan_close(&b->plan);
    cclip_pair_index_close(&b->index);
    cclip_release(b);
    *batches = NULL;
}

const struct cclip_pair_counts *cclip_pair_batches_counts(const struct cclip_pair_batches *batches)
{
    return &batches->counts;
}

const struct cclip_pair_index *cclip_pair_batches_index(const struct cclip_pair_batches *batches)
{
    return &batches->index;
}

cclip_status cclip_pair_batches_seek(struct cclip_pair_batches *b, size_t epoch, size_t step)
{
    const size_t most = SIZE_MAX / 4 / step_width(b) / b->counts.steps;
    if (step >= b->counts.steps || epoch >= most)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "epoch %zu, step %zu: an epoch has %zu steps", epoch, step,
                          b->counts.steps);
    cclip_work_ahead_close(&b->ahead);
    b->next_step = epoch * b->counts.steps + step;
    return CCLIP_OK;
}

/* The order of a step's epoch, made before any thread may work on it. The one that is replaced is two epochs
 * old: its last batch was given out before this one. */
static void prepare_order(struct cclip_pair_batches *b, size_t step)
{
    const size_t epoch = step / b->counts.steps;
    if (b->orders[epoch % 2].epoch != epoch)
        cclip_pair_order_set(&b->orders[epoch % 2], epoch);
}

static cclip_status start(struct cclip_pair_batches *b)
{
    const struct cclip_pair_request *r = &b->request;
    const struct cclip_work_request work = { .work = cclip_pair_place_fill,
                                             .context = b,
                                             .first = b->next_step * r->batch,
                                             .end = SIZE_MAX,
                                             .batch = r->batch,
                                             .batches = r->workers ? 2 : 1,
                                             .threads = r->workers,
                                             .pool = r->pool };
    return cclip_work_ahead_open(&b->ahead, &work);
}

const char *cclip_pair_reason_name(enum cclip_pair_reason reason)
{
    static const char *const names[CCLIP_PAIR_REASONS] = {
        [CCLIP_PAIR_NO_PICTURE] = "no picture",
        [CCLIP_PAIR_BAD_PICTURE] = "picture cannot be decoded",
        [CCLIP_PAIR_NO_CAPTION] = "no caption",
        [CCLIP_PAIR_EMPTY_CAPTION] = "empty caption",
        [CCLIP_PAIR_BAD_CAPTION] = "caption is not UTF-8",
        [CCLIP_PAIR_UNREADABLE] = "cannot be read",
    };
    return names[reason];
}

/* Sets the sample's bit; whether it was not set. */
static int mark(unsigned char *bits, size_t sample)
{
    const unsigned bit = 1u << sample % 8;
    const int is_new = !(bits[sample / 8] & bit);
    bits[sample / 8] |= (unsigned char)bit;
    return is_new;
}

static int count_broken(struct cclip_pair_batches *b, size_t sample, enum cclip_pair_reason reason)
{
    if (!mark(b->known, sample))
        return 0;
    b->counts.broken++;
    b->counts.reasons[reason]++;
    b->counts.used -= b->used[sample / 8] >> sample % 8 & 1; /* another of its captions was */
    return 1;
}

void cclip_pair_batches_know(struct cclip_pair_batches *b, size_t sample, enum cclip_pair_reason reason)
{
    if (sample < b->index.count)
        count_broken(b, sample, reason);
}

unsigned char *cclip_pair_batches_used(struct cclip_pair_batches *b, size_t *bytes)
{
    *bytes = b->index.count / 8 + 1;
    return b->used;
}

void cclip_pair_batches_recount(struct cclip_pair_batches *b)
{
    b->counts.used = 0;
    for (size_t i = 0; i < b->index.count; i++)
        b->counts.used += b->used[i / 8] >> i % 8 & ~b->known[i / 8] >> i % 8 & 1;
}

/* Counts and reports what was tried in vain, in the order of the places. */
static cclip_status report(struct cclip_pair_batches *b, const struct cclip_pair_slot *slot)
{
    const struct cclip_pair_request *r = &b->request;
    b->counts.replaced += slot->problem_count && !slot->failure.status;
    for (size_t i = 0; i < slot->problem_count; i++) {
        const struct cclip_pair_problem *problem = &slot->problems[i];
        const struct cclip_pair_loss loss = { problem->sample, problem->reason, problem->failure.status,
                                              problem->failure.message };
        if (!count_broken(b, problem->sample, problem->reason))
            continue;
        if (r->skip && r->skip(r->user, &loss))
            return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", problem->failure.message);
    }
    return cclip_failure_raise(&slot->failure);
}

static uint64_t hash_ids(const int32_t *ids, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ (uint32_t)ids[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static uint64_t hash_bytes(const char *bytes, size_t count)
{
    uint64_t hash = ~(uint64_t)count;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static int same_ids(const struct cclip_pair_batches *b, size_t x, size_t y)
{
    const size_t length = b->offsets[x + 1] - b->offsets[x];
    return length == b->offsets[y + 1] - b->offsets[y] &&
           !memcmp(b->packed + b->offsets[x], b->packed + b->offsets[y], length * sizeof *b->packed);
}

/* Of the same group, or of the same caption where neither has one. */
static int match(const struct cclip_pair_batches *b, size_t x, size_t y)
{
    const struct cclip_buffer *group = b->keys[x], *other = b->keys[y];
    if (!group->length && !other->length)
        return same_ids(b, x, y);
    return group->length == other->length && !memcmp(group->data, other->data, group->length);
}

/* The first pair of the batch that pair i matches. */
static size_t find_group(struct cclip_pair_batches *b, size_t i)
{
    for (size_t at = b->hashes[i];; at++) {
        size_t *entry = &b->table[at & (b->table_size - 1)];
        if (!*entry)
            *entry = i + 1;
        if (*entry == i + 1 || (b->hashes[*entry - 1] == b->hashes[i] && match(b, *entry - 1, i)))
            return *entry - 1;
    }
}

/* Returns how many have a group. */
static size_t pack(struct cclip_pair_batches *b, size_t first_slot)
{
    size_t grouped = 0;
    memset(b->table, 0, b->table_size * sizeof *b->table);
    b->offsets[0] = 0;
    for (size_t i = 0; i < b->request.batch; i++) {
        const struct cclip_pair_slot *slot = &b->slots[first_slot + i];
        const int32_t *ids = b->ids + (first_slot + i) * b->request.context;
        memcpy(b->packed + b->offsets[i], ids, slot->id_count * sizeof *ids);
        b->offsets[i + 1] = b->offsets[i] + slot->id_count;
        b->keys[i] = &slot->group;
        b->hashes[i] = slot->group.length ? hash_bytes(slot->group.data, slot->group.length)
                                          : hash_ids(ids, slot->id_count);
        b->groups[i] = find_group(b, i);
        b->names[i] = slot->name.data;
        if (mark(b->used, slot->sample))
            b->counts.used += !(b->known[slot->sample / 8] >> slot->sample % 8 & 1);
        b->captions[i] = slot->caption.data;
        grouped += slot->group.length > 0;
    }
    return grouped;
}

cclip_status cclip_pair_batches_next(struct cclip_pair_batches *b, struct cclip_pair_batch *out)
{
    struct cclip_work_batch work;
    const size_t step = b->next_step;
    cclip_status status = CCLIP_OK;
    *out = (struct cclip_pair_batch){ 0 };
    prepare_order(b, step);
    prepare_order(b, step + 1);
    if (!b->ahead)
        status = start(b);
    if (status)
        return status;
    cclip_work_ahead_next(b->ahead, &work);
    for (size_t i = 0; i < b->request.batch && !status; i++)
        status = report(b, &b->slots[work.slot + i]);
    if (status) { /* the step is still the next one */
        cclip_work_ahead_close(&b->ahead);
        return status;
    }
    const size_t grouped = pack(b, work.slot);
    const float *second = b->second_row ? b->second_pixels + work.slot * b->second_row : NULL;
    b->next_step++;
    *out = (struct cclip_pair_batch){ .epoch = step / b->counts.steps,
                                      .step = step % b->counts.steps,
                                      .count = b->request.batch,
                                      .pixels = b->pixels + work.slot * b->row,
                                      .second_pixels = second,
                                      .ids = b->packed,
                                      .offsets = b->offsets,
                                      .groups = b->groups,
                                      .grouped = grouped,
                                      .hashes = b->hashes,
                                      .names = b->names,
                                      .captions = b->captions };
    return CCLIP_OK;
}
