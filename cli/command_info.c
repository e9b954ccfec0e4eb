/* cclip info: what a checkpoint is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

static const char *const resize_modes[] = { "shortest", "longest", "squash" };
static const char *const interpolations[] = { "bicubic", "bilinear", "nearest", "lanczos" };

static void write_background(char *out, size_t size, const cclip_preprocessing *p)
{
    if (p->has_background)
        snprintf(out, size, "#%02x%02x%02x", p->background[0], p->background[1], p->background[2]);
    else
        snprintf(out, size, "none");
}

static void emit_preprocessing(struct cclip_emitter *e, const cclip_preprocessing *p)
{
    char background[16];
    write_background(background, sizeof(background), p);
    cclip_emit_begin(e, "preprocessing", '{');
    cclip_emit_integer(e, "height", (int64_t)p->height);
    cclip_emit_integer(e, "width", (int64_t)p->width);
    cclip_emit_string(e, "resize_mode", resize_modes[p->resize_mode]);
    cclip_emit_string(e, "interpolation", interpolations[p->interpolation]);
    cclip_emit_floats(e, "mean", p->mean, 3);
    cclip_emit_floats(e, "std", p->std, 3);
    cclip_emit_string(e, "background", background);
    cclip_emit_end(e, '}');
}

static cclip_status print_json(const cclip_model_info *info)
{
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "path", info->path);
    cclip_emit_string(&e, "format", info->format);
    cclip_emit_string(&e, "layout", info->layout);
    cclip_emit_string(&e, "dtype", info->dtype);
    cclip_emit_string(&e, "architecture", info->architecture);
    cclip_emit_string(&e, "image_tower", info->image_tower);
    cclip_emit_string(&e, "text_tower", info->text_tower);
    cclip_emit_string(&e, "tokenizer", info->tokenizer);
    cclip_emit_string(&e, "licence", info->licence);
    cclip_emit_integer(&e, "embedding_dim", (int64_t)info->embedding_dim);
    cclip_emit_integer(&e, "context_length", (int64_t)info->context_length);
    cclip_emit_integer(&e, "vocabulary_size", (int64_t)info->vocabulary_size);
    cclip_emit_integer(&e, "parameters", (int64_t)info->parameters);
    cclip_emit_integer(&e, "image_parameters", (int64_t)info->image_parameters);
    cclip_emit_integer(&e, "text_parameters", (int64_t)info->text_parameters);
    cclip_emit_integer(&e, "image_layers", (int64_t)info->image_layers);
    cclip_emit_integer(&e, "text_layers", (int64_t)info->text_layers);
    cclip_emit_integer(&e, "image_tokens", (int64_t)info->image_tokens);
    cclip_emit_integer(&e, "image_width", (int64_t)info->image_width);
    cclip_emit_number(&e, "logit_scale", (double)info->logit_scale);
    cclip_emit_bool(&e, "logit_scale_assumed", info->logit_scale_assumed);
    cclip_emit_number(&e, "logit_bias", (double)info->logit_bias);
    cclip_emit_bool(&e, "sigmoid", info->is_sigmoid);
    emit_preprocessing(&e, &info->preprocessing);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static void add_row(struct cclip_table *table, const char *name, const char *text)
{
    char clean[512];
    cclip_table_cell(table, "%s", name);
    cclip_table_cell(table, "%s", cclip_printable(clean, sizeof(clean), text));
}

static void add_parameters(struct cclip_table *table, const char *name, size_t count)
{
    cclip_table_cell(table, "%s", name);
    cclip_table_cell(table, "%.2f million parameters", (double)count / 1e6);
}

/* As few digits as tell a float from its neighbours. */
static void add_floats(struct cclip_table *table, const char *name, const float *values, size_t count)
{
    char text[128] = "";
    for (size_t i = 0, length = 0; i < count; i++) {
        char number[32];
        int digits = 1;
        do
            snprintf(number, sizeof(number), "%.*g", digits, (double)values[i]);
        while (strtof(number, NULL) != values[i] && ++digits < 10);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? " " : "", number);
    }
    cclip_table_cell(table, "%s", name);
    cclip_table_cell(table, "%s", text);
}

static void add_preprocessing(struct cclip_table *table, const cclip_preprocessing *p)
{
    char background[16];
    write_background(background, sizeof(background), p);
    cclip_table_cell(table, "preprocessing");
    cclip_table_cell(table, "%zu x %zu pixels, %s, %s, background %s", p->width, p->height,
                     resize_modes[p->resize_mode], interpolations[p->interpolation], background);
    add_floats(table, "  mean", p->mean, 3);
    add_floats(table, "  std", p->std, 3);
}

static cclip_status print_table(const cclip_model_info *info)
{
    struct cclip_table table;
    cclip_table_open(&table, "<<");
    add_row(&table, "checkpoint", info->path);
    cclip_table_cell(&table, "format");
    cclip_table_cell(&table, "%s, names of %s, weights %s", info->format, info->layout,
                     info->dtype);
    add_row(&table, "architecture", info->architecture);
    add_row(&table, "image tower", info->image_tower);
    add_parameters(&table, "", info->image_parameters);
    add_row(&table, "text tower", info->text_tower);
    add_parameters(&table, "", info->text_parameters);
    add_parameters(&table, "both", info->parameters);
    cclip_table_cell(&table, "embedding");
    cclip_table_cell(&table, "%zu values", info->embedding_dim);
    cclip_table_cell(&table, "texts");
    cclip_table_cell(&table, "up to %zu tokens of %zu", info->context_length,
                     info->vocabulary_size);
    add_row(&table, "tokenizer", info->tokenizer);
    add_preprocessing(&table, &info->preprocessing);
    cclip_table_cell(&table, "logit scale");
    cclip_table_cell(&table, "%.6g%s", (double)info->logit_scale,
                     info->logit_scale_assumed ? " (the file stores none: assumed)" : "");
    if (info->is_sigmoid || info->logit_bias != 0) {
        cclip_table_cell(&table, "logit bias");
        cclip_table_cell(&table, "%.6g%s", (double)info->logit_bias,
                         info->is_sigmoid ? " (trained with the sigmoid loss)" : "");
    }
    add_row(&table, "licence", info->licence);
    const cclip_status status = cclip_table_print(&table);
    cclip_table_close(&table);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    (void)verb;
    const struct cclip_common *common = settings;
    struct cclip_opened opened;
    int status = cclip_opened_model(&opened, common, arguments->count ? arguments->items[0] : NULL);
    if (!status && (common->json ? print_json(&opened.info) : print_table(&opened.info)))
        status = cclip_report_failure();
    cclip_opened_close(&opened);
    return status;
}

static const struct cclip_common defaults;

const struct cclip_verb cclip_command_info = {
    "info",
    "what a checkpoint is: architecture, parameters, preprocessing, tokenizer",
    "[MODEL]",
    "Prints what is known of a checkpoint: file format, whose names its tensors have, "
    "architecture, "
    "parameters of each tower, weight type, preprocessing, tokenizer, logit scale, and the licence "
    "if "
    "its files name one. Weights are checked by name and shape, but not read.\n\n"
    "Without MODEL: --model, $CCLIP_MODEL, else the model that ships with cclip.",
    "cclip info ViT-B-32.pt\ncclip info --json models/clip-vit-base-patch32",
    "`path`, `format`, `layout` (whose tensor names), `dtype`, `architecture`, `image_tower`, "
    "`text_tower`, `tokenizer`, `licence`, `embedding_dim`, `context_length`, `vocabulary_size`, "
    "`parameters`, `image_parameters`, `text_parameters`, `image_layers`, `text_layers`, "
    "`image_tokens`, `image_width`, `logit_scale`, `logit_scale_assumed`, `logit_bias`, `sigmoid`, "
    "`preprocessing` {`height`, `width`, `resize_mode`, `interpolation`, `mean`, `std`, "
    "`background`}",
    NULL,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY,
    0,
    1,
    sizeof(struct cclip_common),
    &defaults,
    run
};
