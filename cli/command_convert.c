/* cclip convert: a checkpoint in another layout. */
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    int format;
};

static const struct cclip_choice formats[] = { { "open_clip", CCLIP_FORMAT_OPEN_CLIP, 0 },
                                               { "hf", CCLIP_FORMAT_HUGGING_FACE, 0 },
                                               { "huggingface", CCLIP_FORMAT_HUGGING_FACE, 1 },
                                               { NULL, 0, 0 } };

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    const char *input = arguments->items[0], *output = arguments->items[1];
    (void)verb;
    if (cclip_checkpoint_convert(input, output, (cclip_checkpoint_format)s->format,
                                 s->common.vocabulary))
        return cclip_report_failure();
    if (!s->common.json)
        return CCLIP_EXIT_DONE;
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "input", input);
    cclip_emit_string(&e, "output", output);
    cclip_emit_string(&e, "format", formats[s->format].name);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status ? cclip_report_failure() : CCLIP_EXIT_DONE;
}

static const struct settings defaults;

static const struct cclip_option options[] = {
    { "format", 0, CCLIP_OPTION_CHOICE, "FORMAT", "layout to write (default open_clip)",
      offsetof(struct settings, format), 0, 0, 0, formats },
    { "vocab", 0, CCLIP_OPTION_TEXT, "FILE",
      "vocabulary to put beside the weights, where IN has none",
      offsetof(struct settings, common.vocabulary), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};

const struct cclip_verb cclip_command_convert = {
    "convert",
    "a checkpoint in another layout",
    "IN OUT",
    "Reads any checkpoint that cclip opens and writes the folder OUT in open_clip's or Hugging "
    "Face's "
    "layout, which those libraries load. Every weight keeps its bits and type; quantised GGUF "
    "weights "
    "become f32. OUT must not exist or be empty, and appears only when it is complete.",
    "cclip convert ViT-B-32.pt vit-b-32-hf --format hf --vocab bpe_simple_vocab_16e6.txt.gz",
    "`input`, `output`, `format`",
    options,
    0,
    2,
    2,
    sizeof(struct settings),
    &defaults,
    run
};
