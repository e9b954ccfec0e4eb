#include "cli/open_clip_options.h"

#include <stddef.h>
#include <string.h>

#define CONFIGURE "give --model a configuration (NAME.json) that says so"
#define PYTORCH "it is about PyTorch, which is not used here"
#define WATCH "metrics.jsonl, report.html and event files for TensorBoard are always written"
#define COCA "captions are not generated here: the loss is the contrastive one"
#define PACKED "texts are packed without padding here"
#define REMOTE "each checkpoint appears whole under LOGS/NAME, and can be copied from there by any tool"

static const struct {
    const char *name, *reason;
} rows[] = {
    { "bucket-pool", PACKED },
    { "cache-dir", "set XDG_CACHE_HOME" },
    { "coca-caption-loss-weight", COCA },
    { "coca-contrastive-loss-weight", COCA },
    { "copy-codebase", "params.txt and `cclip --version` say what ran" },
    { "dataset-resampled", "an epoch takes each pair once, whatever the shards; --train-num-samples sets its size" },
    { "ddp-static-graph", PYTORCH },
    { "debug", "-v says more" },
    { "dist-url", "mpirun or srun starts the processes and connects them" },
    { "force-context-length", CONFIGURE },
    { "force-custom-text", CONFIGURE },
    { "force-image-size", CONFIGURE },
    { "force-quick-gelu", "give --model NAME-quickgelu, or a configuration that says so" },
    { "fsdp", PYTORCH },
    { "horovod", PYTORCH },
    { "image-interpolation", CONFIGURE },
    { "image-resize-mode", CONFIGURE },
    { "imagenet-v2", "any set can judge the run: --zeroshot-set SET" },
    { "imagenet-val", "any set can judge the run: --zeroshot-set SET" },
    { "length-bucketing", PACKED },
    { "log-local", "there is one log, LOGS/NAME/out.log" },
    { "loss-dist-impl", "the loss over many processes has one form here" },
    { "max-image-pixels", "pictures have limits of their own, which docs/bad_input.md names" },
    { "momentum", "the optimiser is AdamW, which has --beta1 and --beta2" },
    { "no-set-device-rank", PYTORCH },
    { "opt", "the optimiser is AdamW" },
    { "opt-kwargs", "the optimiser is AdamW: --beta1, --beta2, --eps, --wd" },
    { "pretrained-image", "an image tower comes with its text tower here: give a whole model (--pretrained)" },
    { "remote-sync", REMOTE },
    { "remote-sync-frequency", REMOTE },
    { "remote-sync-protocol", REMOTE },
    { "report-to", WATCH },
    { "save-most-recent", "checkpoints are of use at once; --delete-previous-checkpoint keeps the newest alone" },
    { "skip-scheduler", "--lr-scheduler const with --warmup 0 does it" },
    { "torchcompile", PYTORCH },
    { "torchcompile-strategy", PYTORCH },
    { "torchscript", PYTORCH },
    { "trace", PYTORCH },
    { "use-bnb-linear", PYTORCH },
    { "use-naflex", "pictures of a run have one size here" },
    { "val-num-samples", "all pairs of --val-data judge the run" },
    { "wandb-notes", WATCH },
    { "wandb-project-name", WATCH },
    { "wd-exclude", "--decay-rule says which weights decay" },
};

const char *cclip_open_clip_reason(const char *verb, const char *option)
{
    const int trains = !strcmp(verb, "train") || !strcmp(verb, "finetune");
    for (size_t i = 0; trains && i < sizeof rows / sizeof rows[0]; i++)
        if (!strcmp(rows[i].name, option))
            return rows[i].reason;
    return NULL;
}
