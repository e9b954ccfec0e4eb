/* The options of a run: defaults, ranges, and how params.txt spells them. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "api/train_files.h"
#include "base/cpu_features.h"
#include "base/file.h"
#include "base/limits.h"

void cclip_train_options_init(cclip_train_options *options)
{
    *options = (cclip_train_options)CCLIP_TRAIN_OPTIONS_INIT;
}

void cclip_train_options_init_fine_tune(cclip_train_options *options)
{
    *options = (cclip_train_options)CCLIP_TRAIN_OPTIONS_INIT_FINE_TUNE;
}

enum kind { TEXT, FLAG, CHOICE, COUNT, WHOLE, NUMBER, SEPARATOR };

/* Every option by open_clip's name, sorted; what is no text has a range. */
static const struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    double minimum, maximum;
    const char *const *choices;
} rows[] = {
#define AT(field) offsetof(cclip_train_options, field)
#define LARGE 9007199254740992.0 /* 2^53 */
    { "accum_freq", WHOLE, AT(accum_freq), 1, 1 << 20, NULL },
    { "background", TEXT, AT(background), 0, 0, NULL },
    { "batch_size", WHOLE, AT(batch_size), 1, 1 << 20, NULL },
    { "beta1", NUMBER, AT(beta1), 0, 0.9999999, NULL },
    { "beta2", NUMBER, AT(beta2), 0, 0.9999999, NULL },
    { "bucket_cap_mb", NUMBER, AT(bucket_cap_mb), 0.01, 1024, NULL },
    { "csv_caption_key", TEXT, AT(csv_caption_key), 0, 0, NULL },
    { "csv_img_key", TEXT, AT(csv_img_key), 0, 0, NULL },
    { "csv_separator", SEPARATOR, AT(csv_separator), 0, 0, NULL },
    { "dataset_type", CHOICE, AT(dataset_type), 0, 3,
      (const char *const[]){ "auto", "folder", "csv", "webdataset" } },
    { "decay_rule", CHOICE, AT(decay_rule), 0, 1, (const char *const[]){ "openai", "open_clip" } },
    { "delete_previous_checkpoint", FLAG, AT(delete_previous_checkpoint), 0, 1, NULL },
    { "device", TEXT, AT(device), 0, 0, NULL },
    { "dist_backend", CHOICE, AT(dist_backend), 0, 2, (const char *const[]){ "auto", "mpi", "none" } },
    { "dist_timeout", NUMBER, AT(dist_timeout), 1, 1e6, NULL },
    { "distill_model", TEXT, AT(distill_model), 0, 0, NULL },
    { "distill_pretrained", TEXT, AT(distill_pretrained), 0, 0, NULL },
    { "ema", NUMBER, AT(ema), 0, 0.99999999, NULL },
    { "epochs", WHOLE, AT(epochs), 1, 1e9, NULL },
    { "epochs_cooldown", WHOLE, AT(epochs_cooldown), 0, 1e9, NULL },
    { "eps", NUMBER, AT(eps), 0, 1, NULL },
    { "eval_every_n_steps", WHOLE, AT(eval_every_n_steps), 0, LARGE, NULL },
    { "force_patch_dropout", NUMBER, AT(force_patch_dropout), -1, 0.99, NULL },
    { "gather_with_grad", FLAG, AT(gather_with_grad), 0, 1, NULL },
    { "grad_checkpointing", FLAG, AT(grad_checkpointing), 0, 1, NULL },
    { "grad_clip_norm", NUMBER, AT(grad_clip_norm), 0, 1e30, NULL },
    { "group_captions", FLAG, AT(group_captions), 0, 1, NULL },
    { "group_key", TEXT, AT(group_key), 0, 0, NULL },
    { "image_key", TEXT, AT(image_key), 0, 0, NULL },
    { "image_layer_decay", NUMBER, AT(image_layer_decay), 0, 1, NULL },
    { "image_lr_mult", NUMBER, AT(image_lr_mult), 0, 1e6, NULL },
    { "image_mean", TEXT, AT(image_mean), 0, 0, NULL },
    { "image_std", TEXT, AT(image_std), 0, 0, NULL },
    { "json_text_key", TEXT, AT(json_text_key), 0, 0, NULL },
    { "local_loss", FLAG, AT(local_loss), 0, 1, NULL },
    { "lock_image", FLAG, AT(lock_image), 0, 1, NULL },
    { "lock_image_freeze_bn_stats", FLAG, AT(lock_image_freeze_bn_stats), 0, 1, NULL },
    { "lock_image_unlocked_groups", WHOLE, AT(lock_image_unlocked_groups), 0, 1e6, NULL },
    { "lock_text", FLAG, AT(lock_text), 0, 1, NULL },
    { "lock_text_unlocked_layers", WHOLE, AT(lock_text_unlocked_layers), 0, 1e6, NULL },
    { "log_every_n_steps", WHOLE, AT(log_every_n_steps), 1, LARGE, NULL },
    { "logs", TEXT, AT(logs), 0, 0, NULL },
    { "lr", NUMBER, AT(lr), 0, 1e6, NULL },
    { "lr_cooldown_end", NUMBER, AT(lr_cooldown_end), 0, 1e6, NULL },
    { "lr_cooldown_power", NUMBER, AT(lr_cooldown_power), 0, 1e3, NULL },
    { "lr_scheduler", CHOICE, AT(lr_scheduler), 0, 2,
      (const char *const[]){ "cosine", "const", "const-cooldown" } },
    { "model", TEXT, AT(model), 0, 0, NULL },
    { "name", TEXT, AT(name), 0, 0, NULL },
    { "no_ftfy", FLAG, AT(no_ftfy), 0, 1, NULL },
    { "precision", CHOICE, AT(precision), 0, 3, (const char *const[]){ "f32", "bf16", "f16", "int8" } },
    { "pretrained", TEXT, AT(pretrained), 0, 0, NULL },
    { "resume", TEXT, AT(resume), 0, 0, NULL },
    { "save_every_n_steps", WHOLE, AT(save_every_n_steps), 0, LARGE, NULL },
    { "save_every_seconds", NUMBER, AT(save_every_seconds), 0, 1e9, NULL },
    { "save_frequency", WHOLE, AT(save_frequency), 0, 1e9, NULL },
    { "seed", WHOLE, AT(seed), 0, LARGE, NULL },
    { "siglip", FLAG, AT(siglip), 0, 1, NULL },
    { "style", CHOICE, AT(style), 0, 3, (const char *const[]){ "auto", "openai", "open_clip", "hf" } },
    { "text_key", TEXT, AT(text_key), 0, 0, NULL },
    { "text_layer_decay", NUMBER, AT(text_layer_decay), 0, 1, NULL },
    { "text_lr_mult", NUMBER, AT(text_lr_mult), 0, 1e6, NULL },
    { "threads", COUNT, AT(threads), 0, CCLIP_LIMIT_THREADS, NULL },
    { "train_data", TEXT, AT(train_data), 0, 0, NULL },
    { "train_data_upsampling_factors", TEXT, AT(train_data_upsampling_factors), 0, 0, NULL },
    { "train_num_samples", WHOLE, AT(train_num_samples), 0, LARGE, NULL },
    { "use_bn_sync", FLAG, AT(use_bn_sync), 0, 1, NULL },
    { "val_data", TEXT, AT(val_data), 0, 0, NULL },
    { "val_frequency", WHOLE, AT(val_frequency), 0, 1e9, NULL },
    { "vocab", TEXT, AT(vocabulary), 0, 0, NULL },
    { "warmup", WHOLE, AT(warmup), 0, LARGE, NULL },
    { "wd", NUMBER, AT(wd), 0, 1e6, NULL },
    { "wise_ft", NUMBER, AT(wise_ft), 0, 1, NULL },
    { "workers", WHOLE, AT(workers), 0, CCLIP_LIMIT_THREADS, NULL },
    { "zeroshot_frequency", WHOLE, AT(zeroshot_frequency), 0, 1e9, NULL },
#undef LARGE
#undef AT
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* The value of an option that is a number of some kind. */
static double value_of(const cclip_train_options *options, const struct row *row)
{
    const char *at = (const char *)options + row->offset;
    int64_t whole;
    double number;
    int flag;
    switch (row->kind) {
    case WHOLE:
        memcpy(&whole, at, sizeof whole);
        return (double)whole;
    case NUMBER:
        memcpy(&number, at, sizeof number);
        return number;
    case FLAG:
    case COUNT:
    case CHOICE:
        memcpy(&flag, at, sizeof flag); /* an enum of C has the size of an int here */
        return flag;
    default:
        return 0;
    }
}

static const char *text_of(const cclip_train_options *options, const struct row *row)
{
    const char *text;
    memcpy(&text, (const char *)options + row->offset, sizeof text);
    return text;
}

static cclip_status check_ranges(const cclip_train_options *o)
{
    for (size_t i = 0; i < ROWS; i++) {
        const double value = value_of(o, &rows[i]);
        if (rows[i].kind != TEXT && !(value >= rows[i].minimum && value <= rows[i].maximum))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "train options: %s: %g is not between %g and %g",
                              rows[i].name, value, rows[i].minimum, rows[i].maximum);
    }
    return CCLIP_OK;
}

static cclip_status check_locks(const cclip_train_options *o)
{
    if (o->lock_image_unlocked_groups && !o->lock_image)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "lock_image_unlocked_groups: the image tower is not locked "
                                                "(lock_image), all of it learns");
    if (o->lock_text_unlocked_layers && !o->lock_text)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "lock_text_unlocked_layers: the text tower is not locked (lock_text), "
                                                "all of it learns");
    if (o->lock_image && o->lock_text && !o->lock_image_unlocked_groups && !o->lock_text_unlocked_layers)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "both towers are locked: nothing would learn");
    return CCLIP_OK;
}

static cclip_status check_cooldown(const cclip_train_options *o)
{
    if (o->lr_scheduler == CCLIP_LR_CONST_COOLDOWN && !o->epochs_cooldown)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "lr_scheduler const-cooldown: epochs_cooldown is missing, the last "
                                                "epochs, in which the rate falls; const is a rate that does not");
    if (o->epochs_cooldown > o->epochs)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "train options: a cooldown of %lld epochs in a run of %lld",
                          (long long)o->epochs_cooldown, (long long)o->epochs);
    return CCLIP_OK;
}

cclip_status cclip_train_options_check(const cclip_train_options *o)
{
    if (o->version != CCLIP_TRAIN_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "train options: version %u is not known",
                          (unsigned)o->version);
    const cclip_status status = check_ranges(o);
    if (status)
        return status;
    if (o->precision > CCLIP_PRECISION_BF16)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "precision: this build trains in f32 and bf16");
    if (o->precision == CCLIP_PRECISION_BF16 && !(cclip_cpu_features() & CCLIP_CPU_AVX512_BF16))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "precision: this CPU has no instructions for bf16, which would "
                                                   "gain nothing: train in f32");
    if (o->device && strcmp(o->device, "cpu"))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "device \"%s\": this build has: cpu", o->device);
    if (!o->train_data || !*o->train_data)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "train options: no data");
    if (!o->csv_img_key || !o->csv_caption_key || !o->logs)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "train options: csv_img_key, csv_caption_key and logs must be set");
    if (o->batch_size * o->accum_freq > 1 << 24)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "accum_freq: a step of %lld batches of %lld pairs has more than %d "
                                                "pairs, the most there can be", (long long)o->accum_freq,
                          (long long)o->batch_size, 1 << 24);
    if (o->siglip && (o->distill_model || o->distill_pretrained))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                          "distillation goes with the contrastive loss, not with the sigmoid one (siglip)");
    if (o->name && (!*o->name || strchr(o->name, '/') || o->name[0] == '.'))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "\"%s\" is no name for a run: it becomes a folder in %s",
                          o->name, o->logs);
    const cclip_status locks = check_locks(o);
    return locks ? locks : check_cooldown(o);
}

static cclip_status write_row(struct cclip_buffer *out, const cclip_train_options *o,
                              const struct row *row)
{
    const double value = value_of(o, row);
    const char *text;
    switch (row->kind) {
    case TEXT:
        text = text_of(o, row);
        return cclip_buffer_format(out, "%s: %s\n", row->name, text ? text : "None");
    case SEPARATOR:
        return o->csv_separator ? cclip_buffer_format(out, "%s: %c\n", row->name, o->csv_separator)
                                : cclip_buffer_format(out, "%s: auto\n", row->name);
    case FLAG:
        return cclip_buffer_format(out, "%s: %s\n", row->name, value != 0 ? "True" : "False");
    case CHOICE:
        return cclip_buffer_format(out, "%s: %s\n", row->name, row->choices[(int)value]);
    default:
        return cclip_buffer_format(out, "%s: %.15g\n", row->name, value);
    }
}

static cclip_status write_list(struct cclip_buffer *out, const char *name, const char *const *list,
                               size_t count)
{
    cclip_status status = cclip_buffer_format(out, "%s:", name);
    for (size_t i = 0; i < count && !status; i++)
        status = cclip_buffer_format(out, " %s", list[i]);
    return status ? status : cclip_buffer_byte(out, '\n');
}

cclip_status cclip_train_options_text(struct cclip_buffer *out, const cclip_train_options *options)
{
    cclip_status status = write_list(out, "aug_cfg", options->augmentation, options->augmentation_count);
    for (size_t i = 0; i < ROWS && !status; i++)
        status = write_row(out, options, &rows[i]);
    return status;
}

cclip_status cclip_train_options_write(const cclip_train_options *options, const char *path)
{
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_JSON_FILE);
    cclip_status status = cclip_train_options_text(&text, options);
    if (!status)
        status = write_list(&text, "zeroshot_set", options->zeroshot_sets, options->zeroshot_count);
    if (!status)
        status = cclip_file_write(path, text.data, text.length);
    cclip_buffer_close(&text);
    return status;
}
