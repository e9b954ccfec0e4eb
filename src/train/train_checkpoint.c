#include "train/train_checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/new_folder.h"
#include "checkpoint/weights.h"
#include "checkpoint/write_safetensors.h"
#include "formats/checksum.h"
#include "formats/json.h"
#include "models/convert.h"
#include "train/ema_file.h"

static const char weights_name[] = "model.safetensors", optimizer_name[] = "optimizer.safetensors",
                  ema_name[] = "ema.safetensors", state_name[] = "state.json", folder_prefix[] = "step_";
static const char *const averages[2] = { "exp_avg", "exp_avg_sq" }; /* as PyTorch calls them */

enum { STATE_FORMAT = 1 };

static int learns(const struct cclip_trainable *item)
{
    return !item->frozen && !item->buffer;
}

static const float *average_of(const struct cclip_adamw *adamw, int which)
{
    return which ? adamw->square : adamw->mean;
}

/* The optimiser's file: both averages of each parameter that learns, in their order. */
struct optimizer_plan {
    const struct cclip_trainables *set;
    const struct cclip_adamw *adamw;
    struct cclip_safetensors_entry *entries;
    size_t *items; /* entry 2 k and 2 k + 1 belong to item items[k] */
    char (*names)[CCLIP_LIMIT_PATH / 16];
    size_t count;
};

static cclip_status plan_optimizer(struct optimizer_plan *plan)
{
    const size_t most = 2 * plan->set->count + 1;
    plan->entries = cclip_allocate_zero(most, sizeof *plan->entries);
    plan->items = cclip_allocate_zero(most, sizeof *plan->items);
    plan->names = cclip_allocate_zero(most, sizeof *plan->names);
    if (!plan->entries || !plan->items || !plan->names)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < plan->set->count; i++) {
        const struct cclip_trainable *item = &plan->set->items[i];
        for (int which = 0; which < 2 && learns(item); which++) {
            const size_t at = plan->count++;
            struct cclip_safetensors_entry *entry = &plan->entries[at];
            snprintf(plan->names[at], sizeof plan->names[at], "%s.%s", item->name, averages[which]);
            plan->items[at / 2] = i;
            *entry = (struct cclip_safetensors_entry){ .name = plan->names[at],
                                                       .dtype = CCLIP_F32,
                                                       .rank = item->rank };
            memcpy(entry->shape, item->shape, sizeof entry->shape);
        }
    }
    return CCLIP_OK;
}

static void plan_close(struct optimizer_plan *plan)
{
    cclip_release(plan->entries);
    cclip_release(plan->items);
    cclip_release(plan->names);
}

static cclip_status fill_average(void *context, size_t index, void *out)
{
    const struct optimizer_plan *plan = context;
    const struct cclip_trainable *item = &plan->set->items[plan->items[index / 2]];
    memcpy(out, average_of(plan->adamw, index % 2) + item->begin, item->count * sizeof(float));
    return CCLIP_OK;
}

static cclip_status write_optimizer(const char *path, const struct cclip_trainables *set,
                                    const struct cclip_adamw *adamw)
{
    struct optimizer_plan plan = { .set = set, .adamw = adamw };
    cclip_status status = plan_optimizer(&plan);
    if (!status)
        status = cclip_safetensors_write(path, plan.entries, plan.count, fill_average, &plan);
    plan_close(&plan);
    return status;
}

static cclip_status read_optimizer(const char *path, const struct cclip_trainables *set,
                                   struct cclip_adamw *adamw)
{
    struct optimizer_plan plan = { .set = set, .adamw = adamw };
    struct cclip_checkpoint *file = NULL;
    cclip_status status = plan_optimizer(&plan);
    if (!status)
        status = cclip_checkpoint_open(&file, path);
    if (!status && cclip_checkpoint_count(file) != plan.count)
        status = cclip_fail(CCLIP_ERROR_MISMATCH,
                            "%s: %zu tensors, but %zu belong to what this run trains: are other parts locked?",
                            path, cclip_checkpoint_count(file), plan.count);
    for (size_t i = 0; i < plan.count && !status; i++) {
        const struct cclip_trainable *item = &set->items[plan.items[i / 2]];
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(file, i);
        size_t count = 0;
        status = cclip_tensor_count(&count, tensor->shape, tensor->rank);
        if (!status && (strcmp(cclip_checkpoint_name(file, i), plan.names[i]) ||
                        tensor->dtype != CCLIP_F32 || count != item->count))
            status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: \"%s\" where \"%s\" of %zu elements was expected",
                                path, cclip_checkpoint_name(file, i), plan.names[i], item->count);
        if (!status)
            cclip_tensor_to_f32((i % 2 ? adamw->square : adamw->mean) + item->begin, tensor);
    }
    cclip_checkpoint_close(&file);
    plan_close(&plan);
    return status;
}

/* The numbers of state.json; those that an older file may lack are 0 then. */
static const struct {
    const char *key;
    size_t offset;
    int optional;
} state_fields[] = {
    { "step", offsetof(struct cclip_train_state, step), 0 },
    { "epoch", offsetof(struct cclip_train_state, epoch), 0 },
    { "step_in_epoch", offsetof(struct cclip_train_state, step_in_epoch), 0 },
    { "optimizer_steps", offsetof(struct cclip_train_state, optimizer_steps), 0 },
    { "batch_norm_batches", offsetof(struct cclip_train_state, batches), 0 },
    { "seed", offsetof(struct cclip_train_state, seed), 0 },
    { "batch_size", offsetof(struct cclip_train_state, batch_size), 0 },
    { "steps_an_epoch", offsetof(struct cclip_train_state, steps_an_epoch), 0 },
    { "ema_updates", offsetof(struct cclip_train_state, ema_updates), 1 },
    { "data", offsetof(struct cclip_train_state, data), 1 },
    { "model_crc32", offsetof(struct cclip_train_state, checksums[0]), 1 },
    { "optimizer_crc32", offsetof(struct cclip_train_state, checksums[1]), 1 },
    { "ema_crc32", offsetof(struct cclip_train_state, checksums[2]), 1 },
};
static const char *const value_files[CCLIP_CHECKPOINT_FILES] = { weights_name, optimizer_name, ema_name };
enum { STATE_FIELDS = sizeof state_fields / sizeof state_fields[0] };

static cclip_status write_state(const char *path, const struct cclip_train_state *state)
{
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_JSON_FILE);
    cclip_status status = cclip_buffer_format(&text, "{\n  \"format\": %d,\n", STATE_FORMAT);
    for (size_t i = 0; i < STATE_FIELDS && !status; i++) {
        uint64_t value;
        memcpy(&value, (const char *)state + state_fields[i].offset, sizeof value);
        status = cclip_buffer_format(&text, "  \"%s\": %llu,\n", state_fields[i].key,
                                     (unsigned long long)value);
    }
    if (!status)
        status = cclip_buffer_text(&text, "  \"model\": ");
    if (!status)
        status = cclip_json_quote(&text, state->model ? state->model : "",
                                  state->model ? strlen(state->model) : 0);
    if (!status)
        status = cclip_buffer_text(&text, "\n}\n");
    if (!status)
        status = cclip_file_write(path, text.data, text.length);
    cclip_buffer_close(&text);
    return status;
}

static cclip_status read_state(struct cclip_train_state *out, const char *path)
{
    cclip_json *root = NULL;
    cclip_status status = cclip_json_read_file(&root, path);
    if (!status && cclip_json_integer(cclip_json_get(root, "format"), 0) != STATE_FORMAT)
        status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: \"format\" is not %d: no state of a training run",
                            path, STATE_FORMAT);
    for (size_t i = 0; i < STATE_FIELDS && !status; i++) {
        const cclip_json *number = cclip_json_get(root, state_fields[i].key);
        const int64_t value = cclip_json_integer(number, number || !state_fields[i].optional ? -1 : 0);
        if (value < 0)
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be a whole number from 0 on", path,
                                state_fields[i].key);
        else
            memcpy((char *)out + state_fields[i].offset, &value, sizeof value);
    }
    size_t length = 0;
    const char *model = cclip_json_string(cclip_json_get(root, "model"), &length);
    if (!status && !(out->model = cclip_copy_text(model ? model : "", model ? length : 0)))
        status = CCLIP_ERROR_MEMORY;
    cclip_json_close(&root);
    return status;
}

void cclip_train_state_close(struct cclip_train_state *state)
{
    cclip_release(state->model);
    *state = (struct cclip_train_state){ 0 };
}

/* Calls `use` with the path of one of a checkpoint's files. */
#define WITH_FILE(status, folder, name, call)                                                      \
    do {                                                                                           \
        char *path = (status) ? NULL : cclip_path_join(folder, name);                              \
        if (!(status))                                                                             \
            (status) = path ? (call) : CCLIP_ERROR_MEMORY;                                         \
        cclip_release(path);                                                                       \
    } while (0)

static cclip_status find_checksums(struct cclip_train_state *state, const char *folder)
{
    cclip_status status = CCLIP_OK;
    for (int i = 0; i < (state->ema_updates ? 3 : 2); i++) {
        uint32_t sum = 0;
        WITH_FILE(status, folder, value_files[i], cclip_file_crc32(&sum, path));
        state->checksums[i] = sum;
    }
    return status;
}

/* Checkpoints of older versions have no checksums. */
static cclip_status check_checksums(const struct cclip_train_state *state, const char *folder)
{
    cclip_status status = CCLIP_OK;
    for (int i = 0; i < CCLIP_CHECKPOINT_FILES && !status; i++) {
        uint32_t sum = (uint32_t)state->checksums[i];
        if (state->checksums[i])
            WITH_FILE(status, folder, value_files[i], cclip_file_crc32(&sum, path));
        if (!status && sum != state->checksums[i])
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s/%s: is not what was written: its CRC-32 is %08x, and was %08x",
                                folder, value_files[i], (unsigned)sum, (unsigned)state->checksums[i]);
    }
    return status;
}

cclip_status cclip_train_checkpoint_write(char **out, const char *folder,
                                          const struct cclip_model *model,
                                          const struct cclip_trainables *set,
                                          const struct cclip_adamw *adamw,
                                          const struct cclip_ema *ema,
                                          const struct cclip_train_state *state)
{
    char name[64];
    struct cclip_new_folder target = { 0 };
    struct cclip_train_state summed = *state;
    *out = NULL;
    snprintf(name, sizeof name, "%s%llu", folder_prefix, (unsigned long long)state->step);
    cclip_status status = cclip_folder_make(folder);
    WITH_FILE(status, folder, name, cclip_new_folder_open_over(&target, path));
    if (!status)
        status = cclip_models_write_open_clip(model, target.temporary, weights_name);
    WITH_FILE(status, target.temporary, optimizer_name, write_optimizer(path, set, adamw));
    if (ema)
        WITH_FILE(status, target.temporary, ema_name, cclip_ema_write(path, set, ema));
    if (!status)
        status = find_checksums(&summed, target.temporary);
    WITH_FILE(status, target.temporary, state_name, write_state(path, &summed));
    if (target.path)
        status = cclip_new_folder_commit(&target, status);
    if (!status && !(*out = cclip_copy_text(target.path, strlen(target.path))))
        status = CCLIP_ERROR_MEMORY;
    cclip_new_folder_close(&target);
    return status;
}

cclip_status cclip_train_checkpoint_state(struct cclip_train_state *out, const char *folder)
{
    cclip_status status = CCLIP_OK;
    *out = (struct cclip_train_state){ 0 };
    if (!cclip_is_folder(folder))
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no such checkpoint (a folder step_N with %s)",
                          folder, state_name);
    WITH_FILE(status, folder, state_name, read_state(out, path));
    if (status)
        cclip_train_state_close(out);
    return status;
}

static cclip_status read_weights(const char *path, struct cclip_trainables *set)
{
    struct cclip_checkpoint *file = NULL;
    struct cclip_weights *weights = NULL;
    cclip_status status = cclip_checkpoint_open(&file, path);
    if (!status)
        status = cclip_weights_open(&weights, file);
    if (status)
        cclip_checkpoint_close(&file);
    for (size_t i = 0; i < set->count && !status; i++) {
        const struct cclip_trainable *item = &set->items[i];
        status = cclip_weights_require(weights, item->name, item->shape, item->rank);
        if (!status)
            status = cclip_weights_read(weights, item->name, set->values + item->begin);
    }
    if (!status)
        status = cclip_weights_finish(weights);
    cclip_weights_close(&weights);
    return status;
}

cclip_status cclip_train_checkpoint_read(const char *folder, const struct cclip_train_state *state,
                                         struct cclip_trainables *set, struct cclip_adamw *adamw,
                                         struct cclip_ema *ema)
{
    cclip_status status = check_checksums(state, folder);
    WITH_FILE(status, folder, weights_name, read_weights(path, set));
    WITH_FILE(status, folder, optimizer_name, read_optimizer(path, set, adamw));
    if (status || !ema)
        return status;
    ema->updates = state->ema_updates;
    if (!ema->updates)
        memcpy(ema->values, set->values, set->elements * sizeof *ema->values);
    else
        WITH_FILE(status, folder, ema_name, cclip_ema_read(path, set, ema));
    return status;
}

/* The number of "step_N"; -1 for any other name. */
static long long step_of(const char *name)
{
    const size_t length = sizeof folder_prefix - 1;
    char *end;
    if (strncmp(name, folder_prefix, length) || name[length] < '0' || name[length] > '9')
        return -1;
    const long long step = strtoll(name + length, &end, 10);
    return *end ? -1 : step;
}

static int is_leftover(const char *name)
{
    return !strncmp(name, folder_prefix, sizeof folder_prefix - 1) &&
           (strstr(name, ".tmp-") || strstr(name, ".old-"));
}

cclip_status cclip_train_checkpoint_latest(char **out, uint64_t *steps, const char *folder)
{
    struct cclip_names names = { 0 };
    const uint64_t limit = *steps;
    long long best = -1;
    *out = NULL;
    if (!cclip_is_folder(folder))
        return CCLIP_OK;
    cclip_status status = cclip_folder_list(&names, folder);
    for (size_t i = 0; i < names.count && !status; i++) {
        char *path = cclip_path_join(folder, names.names[i]);
        if (!path) {
            status = CCLIP_ERROR_MEMORY;
        } else if (step_of(names.names[i]) > best && (uint64_t)step_of(names.names[i]) < limit) {
            best = step_of(names.names[i]);
            *steps = (uint64_t)best;
            cclip_release(*out);
            *out = path;
            path = NULL;
        } else if (is_leftover(names.names[i])) {
            cclip_flat_folder_remove(path);
        }
        cclip_release(path);
    }
    cclip_names_close(&names);
    if (status) {
        cclip_release(*out);
        *out = NULL;
    }
    return status;
}

/* Under the first name that is free: the run may have gone back before. */
static cclip_status set_aside(struct cclip_buffer *notes, const char *folder, const char *name)
{
    struct stat there;
    char *from = cclip_path_join(folder, name), *to = NULL;
    cclip_status status = from ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (int i = 1; !status && (!to || !lstat(to, &there)); i++) {
        char aside[64];
        snprintf(aside, sizeof aside, i > 1 ? "set_aside_%s_%d" : "set_aside_%s", name, i);
        cclip_release(to);
        to = cclip_path_join(folder, aside);
        status = to ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    }
    if (!status && rename(from, to))
        status = cclip_fail_errno(from, "cannot rename");
    if (!status)
        status = cclip_buffer_format(notes, "%s is of what the run was before it went back: set aside as %s\n", from,
                                     cclip_path_name(to));
    cclip_release(to);
    cclip_release(from);
    return status;
}

cclip_status cclip_train_checkpoints_set_aside(struct cclip_buffer *notes, const char *folder, uint64_t steps)
{
    struct cclip_names names = { 0 };
    if (!cclip_is_folder(folder))
        return CCLIP_OK;
    cclip_status status = cclip_folder_list(&names, folder);
    for (size_t i = 0; i < names.count && !status; i++)
        if (step_of(names.names[i]) > (long long)steps)
            status = set_aside(notes, folder, names.names[i]);
    cclip_names_close(&names);
    return status;
}
