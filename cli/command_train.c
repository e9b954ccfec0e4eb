/* cclip train and finetune: one run by two sets of defaults. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    cclip_train_options train; /* the options' fields are this struct's own */
    const char *separator;
    struct cclip_texts augmentation, zeroshot_sets;
    int lock_image, unlock_image, freeze_layer_norm; /* as given */
    double layer_decay, image_layer_decay, text_layer_decay; /* below 0: not given */
};

/* What the callbacks need. */
struct watch {
    struct cclip_progress progress;
};

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    (void)user;
    (void)index;
    (void)status;
    cclip_message("skipped: %s", message);
    return 0; /* Ctrl-C ends the run after its step, which saves it */
}

static int on_progress(void *user, const cclip_train_report *figures)
{
    struct watch *watch = user;
    watch->progress.total = (size_t)figures->total;
    if (watch->progress.terminal) /* elsewhere the log's lines tell */
        cclip_progress_update(&watch->progress, (size_t)figures->step + 1);
    return cclip_interrupted();
}

static int on_stop(void *user)
{
    (void)user;
    return cclip_interrupted();
}

static void on_line(void *user, const char *line)
{
    (void)user;
    cclip_console_line(line);
}

/* What the common options say, and what needs more than a copy. */
static int choose_options(cclip_train_options *o, const struct cclip_verb *verb,
                          const struct settings *s)
{
    static const char *const precisions[] = { "f32", "bf16", "f16", "int8" };
    *o = s->train;
    o->model = s->common.model;
    o->vocabulary = s->common.vocabulary;
    o->style = (cclip_tokenizer_style)s->common.style;
    o->no_ftfy = s->common.no_ftfy;
    o->background = s->common.background;
    o->threads = (int)s->common.threads;
    o->device = s->common.device;
    o->augmentation = s->augmentation.items;
    o->augmentation_count = s->augmentation.count;
    o->zeroshot_sets = s->zeroshot_sets.items;
    o->zeroshot_count = s->zeroshot_sets.count;
    o->image_layer_decay = s->image_layer_decay < 0 ? s->layer_decay : s->image_layer_decay;
    o->text_layer_decay = s->text_layer_decay < 0 ? s->layer_decay : s->text_layer_decay;
    if (s->lock_image && s->unlock_image)
        return cclip_usage_error(verb, "--lock-image and --unlock-image exclude each other");
    o->lock_image |= s->lock_image;
    if (s->unlock_image && o->lock_image_unlocked_groups)
        return cclip_usage_error(verb, "--unlock-image lets the whole image tower learn; "
                                       "--lock-image-unlocked-groups %lld lets but a part of it: give one of them",
                                 (long long)o->lock_image_unlocked_groups);
    if (s->unlock_image)
        o->lock_image = o->lock_image_freeze_bn_stats = 0;
    if (o->device && strcmp(o->device, "cpu"))
        return cclip_usage_error(verb, "--device: \"%s\" is not in this build, which has cpu",
                                 o->device);
    if (s->common.precision > CCLIP_PRECISION_BF16)
        return cclip_usage_error(verb, "--precision: %s is not in this build, which trains in f32 and bf16",
                                 precisions[s->common.precision]);
    o->precision = s->common.precision < 0 ? CCLIP_PRECISION_F32 : (cclip_precision)s->common.precision;
    if (!o->train_data)
        return cclip_usage_error(verb, "no data: give --train-data");
    return cclip_choose_separator(&o->csv_separator, verb, s->separator);
}

static cclip_status print_result(const struct settings *s, const cclip_train_result *result)
{
    if (!s->common.json)
        return cclip_print("%s/model\n", result->folder);
    struct cclip_emitter e;
    char model[sizeof result->folder + 8];
    snprintf(model, sizeof model, "%s/model", result->folder);
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "model", model);
    cclip_emit_integer(&e, "first_step", (int64_t)result->first_step);
    cclip_emit_integer(&e, "steps", (int64_t)result->steps);
    cclip_emit_number(&e, "loss", result->loss);
    cclip_emit_integer(&e, "pairs", (int64_t)result->pairs);
    cclip_emit_integer(&e, "used", (int64_t)result->used);
    cclip_emit_integer(&e, "broken", (int64_t)result->broken);
    cclip_emit_integer(&e, "weights", (int64_t)result->trained);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    cclip_train_options options;
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    struct watch watch;
    (void)arguments;
    const int wrong = choose_options(&options, verb, s);
    if (wrong)
        return wrong;
    cclip_progress_open(&watch.progress, "steps", 0);
    options.progress = on_progress;
    options.line = on_line;
    options.stop = on_stop;
    options.skip = on_skip;
    options.user = &watch;
    cclip_status status = cclip_train(&result, &options);
    cclip_progress_close(&watch.progress);
    if (status == CCLIP_ERROR_ARGUMENT && !*result.folder) /* refused before there was a run */
        return cclip_usage_error(verb, "%s", cclip_error_message());
    if (status == CCLIP_ERROR_CANCELLED && cclip_interrupted() && !result.rank)
        cclip_message("interrupted: %s; --resume latest goes on", cclip_error_message());
    if (!status && !result.rank) /* one of several processes speaks for all */
        status = print_result(s, &result);
    if (status)
        return status == CCLIP_ERROR_CANCELLED ? CCLIP_EXIT_FAILED : cclip_report_failure();
    if (result.rank)
        return CCLIP_EXIT_DONE;
    if (result.damaged_shards && !result.broken)
        return CCLIP_EXIT_SKIPPED;
    return cclip_exit_status(result.broken, result.pairs, "pairs");
}

static int run_train(const struct cclip_verb *verb, const void *settings,
                     const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    if (!s->common.model && !s->train.pretrained)
        return cclip_usage_error(verb, "no model: give --model, a configuration for a new one or a "
                                       "checkpoint to go on from");
    return run(verb, settings, arguments);
}

static const struct cclip_choice dataset_types[] = { { "auto", CCLIP_DATASET_AUTO, 0 },
                                                     { "folder", CCLIP_DATASET_FOLDER, 0 },
                                                     { "csv", CCLIP_DATASET_CSV, 0 },
                                                     { "webdataset", CCLIP_DATASET_WEBDATASET, 0 },
                                                     { NULL, 0, 0 } };
static const struct cclip_choice schedulers[] = { { "cosine", CCLIP_LR_COSINE, 0 },
                                                  { "const", CCLIP_LR_CONST, 0 },
                                                  { "const-cooldown", CCLIP_LR_CONST_COOLDOWN, 0 },
                                                  { NULL, 0, 0 } };
static const struct cclip_choice backends[] = { { "auto", CCLIP_DIST_AUTO, 0 },
                                                { "mpi", CCLIP_DIST_MPI, 0 },
                                                { "none", CCLIP_DIST_NONE, 0 },
                                                { NULL, 0, 0 } };
static const struct cclip_choice decay_rules[] = { { "openai", CCLIP_RULE_OPENAI, 0 },
                                                   { "open_clip", CCLIP_RULE_OPEN_CLIP, 0 },
                                                   { NULL, 0, 0 } };

#define FIELD(field) offsetof(struct settings, field)
#define TEXT(name, value, help, field)                                                             \
    { name, 0, CCLIP_OPTION_TEXT, value, help, FIELD(field), 0, 0, 0, NULL }
#define WHOLE(name, help, field, least, most)                                                      \
    { name, 0, CCLIP_OPTION_INTEGER, "N", help, FIELD(train.field), 0, least, most, NULL }
#define NUMBER(name, help, field, least, most)                                                     \
    { name, 0, CCLIP_OPTION_NUMBER, "X", help, FIELD(train.field), 0, least, most, NULL }
#define SHARE(name, help, field)                                                                   \
    { name, 0, CCLIP_OPTION_NUMBER, "X", help, FIELD(field), 0, 0, 1, NULL }
#define FLAG(name, help, field) { name, 0, CCLIP_OPTION_FLAG, NULL, help, FIELD(field), 0, 0, 0, NULL }
#define CHOICE(name, value, help, field, choices)                                                  \
    { name, 0, CCLIP_OPTION_CHOICE, value, help, FIELD(train.field), 0, 0, 0, choices }
#define MANY 9007199254740992.0

#define DATA_OPTIONS                                                                               \
    TEXT("train-data", "DATA",                                                                     \
         "folder of pictures with captions beside them, CSV or TSV, or tar shards "                \
         "(\"pairs-{000..127}.tar\"); several with :: between them", train.train_data),            \
        TEXT("train-data-upsampling-factors", "X::X",                                              \
             "how often an epoch takes each of several sources (default 1)",                       \
             train.train_data_upsampling_factors),                                                 \
        CHOICE("dataset-type", "TYPE", "how the data lies (default auto)", dataset_type,           \
               dataset_types),                                                                     \
        WHOLE("train-num-samples", "pairs an epoch (default: all there are)", train_num_samples, 1, \
              MANY),                                                                               \
        TEXT("csv-img-key", "NAME", "column of a CSV with the path (default filepath)",            \
             train.csv_img_key),                                                                   \
        TEXT("csv-caption-key", "NAME", "column of a CSV with the caption (default title)",        \
             train.csv_caption_key),                                                               \
        TEXT("csv-separator", "C",                                                                 \
             "of a CSV: a character, tab, comma or semicolon (default: by the first line)",        \
             separator),                                                                           \
        { "aug-cfg", 0, CCLIP_OPTION_TEXTS, "KEY=X[,X]",                                           \
          "augmentation: scale=0.4,1 flip=0.5 color_jitter=... (repeatable; default scale=0.9,1)", \
          FIELD(augmentation), 0, 0, 0, NULL },                                                    \
        FLAG("group-captions", "pairs of a batch with the same caption match each other",          \
             train.group_captions),                                                                \
        TEXT("group-key", "KEY",                                                                   \
             "pairs of a batch match each other that have the same value in this column of a table, or " \
             "under this key of a shard's .json; those without one go by their captions",          \
             train.group_key),                                                                     \
        TEXT("image-key", "EXT[;EXT]", "of a shard: extensions of the picture (default: any)",     \
             train.image_key),                                                                     \
        TEXT("text-key", "EXT",                                                                    \
             "of a shard: extension of the caption (default txt, else the .json's caption)",       \
             train.text_key),                                                                      \
        TEXT("json-text-key", "KEY", "of a shard: the caption is what the .json has under this key", \
             train.json_text_key),                                                                \
        WHOLE("workers", "threads that decode ahead (default 4)", workers, 0, 1024)

#define JUDGE_OPTIONS                                                                              \
    TEXT("val-data", "DATA", "held-out pairs by which the run is judged, as --train-data",         \
         train.val_data),                                                                          \
        WHOLE("val-frequency", "after so many epochs, and at the end (default 1; 0: never)",       \
              val_frequency, 0, 1e9),                                                              \
        { "zeroshot-set", 0, CCLIP_OPTION_TEXTS, "SET",                                            \
          "a labelled set by which the run is judged, as `cclip evaluate` takes it (repeatable)",  \
          FIELD(zeroshot_sets), 0, 0, 0, NULL },                                                   \
        WHOLE("zeroshot-frequency", "after so many epochs, and at the end (default 2; 0: never)",  \
              zeroshot_frequency, 0, 1e9),                                                         \
        WHOLE("eval-every-n-steps", "judged by all of these in between, too", eval_every_n_steps, 1, MANY)

#define MODEL_OPTIONS                                                                              \
    TEXT("pretrained", "WEIGHTS",                                                                  \
         "weights for the architecture that --model names: a file or folder, or a tag in the cache", \
         train.pretrained),                                                                        \
        TEXT("distill-model", "MODEL",                                                             \
             "learn from this model too, of any size: checkpoint or name, as --model",             \
             train.distill_model),                                                                 \
        TEXT("distill-pretrained", "WEIGHTS", "its weights, as --pretrained",                      \
             train.distill_pretrained),                                                            \
        TEXT("image-mean", "X[,X,X]", "what pixels are normalised by (default: as the model says)", \
             train.image_mean),                                                                    \
        TEXT("image-std", "X[,X,X]", "likewise", train.image_std),                                 \
        NUMBER("force-patch-dropout",                                                              \
               "a step leaves out this share of a Vision Transformer's patches (default: as the "  \
               "configuration says)", force_patch_dropout, 0, 0.99)

#define OPTIMIZER_OPTIONS(rate, steps, rounds, clip)                                               \
    WHOLE("batch-size", "pairs that go through the model at a time (default 64)", batch_size, 1,   \
          1 << 20),                                                                                \
        WHOLE("accum-freq", "so many batches are one step, with the gradient of all their pairs "  \
                            "together (default 1)", accum_freq, 1, 1 << 20),                       \
        FLAG("grad-checkpointing",                                                                 \
             "less memory, more time: most of the forward pass is computed anew on the way back",  \
             train.grad_checkpointing),                                                            \
        WHOLE("epochs", "times through the data (default " rounds ")", epochs, 1, 1e9),            \
        NUMBER("lr", "highest learning rate (default " rate ")", lr, 0, 1e6),                      \
        NUMBER("beta1", "of AdamW (default 0.9)", beta1, 0, 0.9999999),                            \
        NUMBER("beta2", "of AdamW (default 0.98, for a ResNet 0.999)", beta2, 0, 0.9999999),       \
        NUMBER("eps", "of AdamW (default 1e-6, for a ResNet 1e-8)", eps, 0, 1),                    \
        NUMBER("wd", "weight decay (default 0.2)", wd, 0, 1e6),                                    \
        WHOLE("warmup", "steps in which the learning rate grows, far fewer than the run has "      \
                        "(default " steps ")", warmup, 0, MANY),                                   \
        CHOICE("lr-scheduler", "NAME", "learning rate after that (default cosine)", lr_scheduler,  \
               schedulers),                                                                        \
        WHOLE("epochs-cooldown", "const-cooldown: the last epochs", epochs_cooldown, 0, 1e9),      \
        NUMBER("lr-cooldown-end", "const-cooldown: learning rate at the end (default 0)",          \
               lr_cooldown_end, 0, 1e6),                                                           \
        NUMBER("lr-cooldown-power", "const-cooldown: 1 is a straight line (default 1)",            \
               lr_cooldown_power, 0, 1e3),                                                         \
        NUMBER("grad-clip-norm", "shorten gradients to this length (default " clip ")",            \
               grad_clip_norm, 0, 1e30),                                                           \
        CHOICE("decay-rule", "RULE", "which weights decay (default openai)", decay_rule,           \
               decay_rules),                                                                       \
        NUMBER("image-lr-mult", "learning rate of the image tower, times (default 1)",             \
               image_lr_mult, 0, 1e6),                                                             \
        NUMBER("text-lr-mult", "learning rate of the text tower, times (default 1)", text_lr_mult, \
               0, 1e6),                                                                            \
        SHARE("layer-decay", "learning rate of each layer, times that of the one behind it (default 1)", \
              layer_decay),                                                                        \
        SHARE("image-layer-decay", "the same for the image tower alone", image_layer_decay),       \
        SHARE("text-layer-decay", "the same for the text tower alone", text_layer_decay),          \
        NUMBER("ema", "the model that is written is a moving average of the weights, with this decay " \
                      "(0.999, say; default: the last weights)", ema, 0, 0.99999999),              \
        FLAG("siglip", "the sigmoid loss, with a logit bias", train.siglip)

#define LOCK_OPTIONS                                                                               \
    FLAG("lock-image", "the image tower does not learn", lock_image),                              \
        WHOLE("lock-image-unlocked-groups", "but for its last groups, of layers + 2, of a ResNet 6 (default 0)", \
              lock_image_unlocked_groups, 0, 1e6),                                                 \
        FLAG("lock-image-freeze-bn-stats", "nor do its running statistics change",                 \
             train.lock_image_freeze_bn_stats),                                                    \
        FLAG("lock-text", "the text tower does not learn", train.lock_text),                       \
        WHOLE("lock-text-unlocked-layers", "but for its last groups, of layers + 2 (default 0)",   \
              lock_text_unlocked_layers, 0, 1e6),                                                  \
        FLAG("lock-text-freeze-layer-norm", "nor its layer norms: they never do when it is locked", \
             freeze_layer_norm)

#define RUN_OPTIONS(every)                                                                         \
    WHOLE("seed", "of new weights, order and augmentation (default 0)", seed, 0, MANY),            \
        TEXT("logs", "DIR", "folder of all runs (default ./logs)", train.logs),                    \
        TEXT("name", "NAME", "of this run: its files go to DIR/NAME (default: by time)", train.name), \
        TEXT("resume", "PATH", "go on from a checkpoint, or from the latest one of this run that is whole: latest", \
             train.resume),                                                                        \
        WHOLE("log-every-n-steps", "a line in out.log and metrics.jsonl (default " every ")",      \
              log_every_n_steps, 1, MANY),                                                         \
        WHOLE("save-every-n-steps", "a checkpoint every N steps", save_every_n_steps, 0, MANY),    \
        NUMBER("save-every-seconds", "a checkpoint every X seconds", save_every_seconds, 0, 1e9),  \
        WHOLE("save-frequency", "a checkpoint every N epochs (default 1; 0: at the end alone)",    \
              save_frequency, 0, 1e9),                                                             \
        FLAG("delete-previous-checkpoint", "keep only the newest one",                             \
             train.delete_previous_checkpoint)

#define RANK_OPTIONS                                                                               \
    CHOICE("dist-backend", "NAME",                                                                 \
           "how processes find each other: auto (MPI under mpirun), mpi, none (default auto)",     \
           dist_backend, backends),                                                                \
        FLAG("use-bn-sync", "several processes: batch norms go by the pairs of all",               \
             train.use_bn_sync),                                                                   \
        FLAG("local-loss", "accepted: a process works out its own rows of logits alone in any case", \
             train.local_loss),                                                                    \
        FLAG("gather-with-grad", "accepted: gradients are those of the whole batch in any case",   \
             train.gather_with_grad),                                                              \
        NUMBER("dist-timeout", "seconds without a sign of the others that end a run (default 1800)", \
               dist_timeout, 1, 1e6),                                                              \
        NUMBER("bucket-cap-mb", "gradients go on their way in pieces of so many MB (default 25)",  \
               bucket_cap_mb, 0.01, 1024)

#define END { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }

static const struct cclip_option train_table[] = { DATA_OPTIONS, JUDGE_OPTIONS, MODEL_OPTIONS,
                                                   OPTIMIZER_OPTIONS("5e-4", "10000", "32", "none"),
                                                   LOCK_OPTIONS, RUN_OPTIONS("100"), RANK_OPTIONS, END };

static const struct cclip_option finetune_table[] = {
    DATA_OPTIONS, JUDGE_OPTIONS, MODEL_OPTIONS, OPTIMIZER_OPTIONS("1e-5", "10", "10", "1"), LOCK_OPTIONS,
    FLAG("unlock-image", "let the image tower learn too: it is locked unless this is given",
         unlock_image),
    NUMBER("wise-ft", "write a model that is this share of what was learned, the rest the original "
                      "(default 1)", wise_ft, 0, 1),
    RUN_OPTIONS("10"), RANK_OPTIONS, END
};
#undef FIELD

static const struct settings train_defaults = { .train = CCLIP_TRAIN_OPTIONS_INIT, .layer_decay = 1,
                                                .image_layer_decay = -1, .text_layer_decay = -1 };
static const struct settings finetune_defaults = { .train = CCLIP_TRAIN_OPTIONS_INIT_FINE_TUNE,
                                                   .layer_decay = 1, .image_layer_decay = -1,
                                                   .text_layer_decay = -1 };

#define KEYS                                                                                       \
    "`model` (the folder), `first_step` (not 0 after `--resume`), `steps`, `loss` (of the last step), " \
    "`pairs`, `used` (of them, since `first_step`), `broken` (of them), `weights` (that learned)"

enum { GROUPS = CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND };

const struct cclip_verb cclip_command_train = {
    "train",
    "contrastive training from pictures and captions",
    NULL,
    "Trains a model and writes LOGS/NAME: params.txt, out.log, metrics.jsonl, skipped.jsonl, report.html, "
    "tensorboard, checkpoints and, at the "
    "end, model, an open_clip folder that every verb takes as --model. Options are open_clip's.\n\n"
    "--model is a configuration in open_clip_config.json's form (NAME.json) or an architecture's name alone "
    "(ViT-B-32), from which a new model with random weights is made, or a checkpoint to go on from. Equal "
    "options and data give equal weights.\n\n"
    "--val-data and --zeroshot-set judge the run on its way: figures go to out.log, checkpoints/results.jsonl, "
    "tensorboard and report.html. Ctrl-C leaves judging out.\n\n"
    "Interrupted at any moment, by Ctrl-C or a power cut, the same command with --resume latest goes on "
    "and ends with the same weights to the bit; what else was changed is said in warnings. Of runs of one name one "
    "is at work at a time. Pairs that cannot be used are named, "
    "also in skipped.jsonl, and others take their place.",
    "cclip train --model tiny.json --vocab vocab --train-data 'pairs-{000..003}.tar' --batch-size 64 "
    "--epochs 2 --lr 1e-3 --warmup 20 --name run\n"
    "cclip train --model tiny.json --vocab vocab --train-data pairs.tsv --warmup 500 --name run "
    "--save-every-seconds 600 --resume latest\n"
    "cclip train --model small.json --vocab vocab --train-data pairs.tsv --warmup 500 --distill-model ViT-L-14::openai "
    "--ema 0.999 --val-data held-out.tsv --zeroshot-set animals",
    KEYS,
    train_table,
    GROUPS,
    0,
    0,
    sizeof(struct settings),
    &train_defaults,
    run_train
};

const struct cclip_verb cclip_command_finetune = {
    "finetune",
    "train a model further on few pairs: careful defaults",
    NULL,
    "The same as train with defaults for a small set of pairs and a model that knows much already: the "
    "image tower does not learn (--unlock-image lets it), small learning rate, gradients shortened to 1. "
    "Where many weights learn from few pairs a warning with both numbers comes before the first step.\n\n"
    "--wise-ft X writes a model between the original and the trained one (WiSE-FT), which keeps more of "
    "what the original knew.",
    "cclip finetune --model ViT-B-32.pt --train-data icons.tsv --epochs 5 --name icons --wise-ft 0.5",
    KEYS,
    finetune_table,
    GROUPS,
    0,
    0,
    sizeof(struct settings),
    &finetune_defaults,
    run
};
