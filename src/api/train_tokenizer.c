/* The trainer of tokenizer.h over the room text. */
#include <cclip/tokenizer.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/new_folder.h"
#include "text/vocabulary_trainer.h"

struct cclip_tokenizer_trainer {
    cclip_tokenizer_training_options options;
    struct cclip_vocabulary_trainer inner;
};

void cclip_tokenizer_training_options_init(cclip_tokenizer_training_options *options)
{
    *options = (cclip_tokenizer_training_options)CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
}

static cclip_status check(const cclip_tokenizer_training_options *options)
{
    if (options->version != CCLIP_TOKENIZER_TRAINING_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "tokenizer training options: version %u is not known",
                          (unsigned)options->version);
    if ((unsigned)options->style > CCLIP_TOKENIZER_HF)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "tokenizer training options: style %d is not known",
                          (int)options->style);
    if (options->size < CCLIP_VOCABULARY_MINIMUM || options->size > CCLIP_LIMIT_VOCABULARY)
        return cclip_fail(
            CCLIP_ERROR_ARGUMENT,
            "tokenizer training options: a vocabulary of %zu tokens; between %d and %zu "
            "are possible",
            options->size, (int)CCLIP_VOCABULARY_MINIMUM, CCLIP_LIMIT_VOCABULARY);
    return CCLIP_OK;
}

cclip_status cclip_tokenizer_trainer_open(cclip_tokenizer_trainer **out,
                                          const cclip_tokenizer_training_options *options)
{
    const cclip_tokenizer_training_options defaults = CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
    *out = NULL;
    cclip_status status = options ? check(options) : CCLIP_OK;
    if (status)
        return status;
    cclip_tokenizer_trainer *trainer = cclip_allocate_zero(1, sizeof *trainer);
    if (!trainer)
        return CCLIP_ERROR_MEMORY;
    trainer->options = options ? *options : defaults;
    const struct cclip_text_options inner = {
        .style =
            trainer->options.style ? (enum cclip_text_style)trainer->options.style : CCLIP_STYLE_HF,
        .no_ftfy = trainer->options.no_ftfy
    };
    status = cclip_vocabulary_trainer_open(&trainer->inner, &inner);
    if (status)
        cclip_tokenizer_trainer_close(&trainer);
    *out = trainer;
    return status;
}

void cclip_tokenizer_trainer_close(cclip_tokenizer_trainer **trainer)
{
    if (!*trainer)
        return;
    cclip_vocabulary_trainer_close(&(*trainer)->inner);
    cclip_release(*trainer);
    *trainer = NULL;
}

cclip_status cclip_tokenizer_trainer_add(cclip_tokenizer_trainer *trainer, const char *text,
                                         size_t length)
{
    return cclip_vocabulary_trainer_add(&trainer->inner, text, length);
}

cclip_status cclip_tokenizer_trainer_learn(cclip_tokenizer **out,
                                           cclip_tokenizer_training_info *info,
                                           const cclip_tokenizer_trainer *trainer)
{
    const cclip_tokenizer_training_options *options = &trainer->options;
    const struct cclip_merge_training training = { options->size - CCLIP_VOCABULARY_MINIMUM,
                                                   options->minimum_count, options->progress,
                                                   options->user };
    uint64_t tokens;
    *out = NULL;
    if (info && info->version != CCLIP_TOKENIZER_TRAINING_INFO_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "tokenizer training info: version %u is not known",
                          (unsigned)info->version);
    if (!trainer->inner.counts.count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "no words in %llu captions",
                          (unsigned long long)trainer->inner.captions);
    const cclip_status status =
        cclip_vocabulary_trainer_learn(out, &tokens, &trainer->inner, &training);
    if (!status && info) {
        info->captions = trainer->inner.captions;
        info->words = trainer->inner.words;
        info->distinct_words = trainer->inner.counts.count;
        info->tokens = tokens;
        info->merges = cclip_text_merge_count(*out);
    }
    return status;
}

cclip_status cclip_tokenizer_write(const cclip_tokenizer *tokenizer, const char *folder,
                                   size_t context)
{
    struct cclip_new_folder new_folder;
    cclip_status status = cclip_new_folder_open(&new_folder, folder);
    if (!status) {
        status = cclip_text_write_vocabulary_for(tokenizer, new_folder.temporary, context);
        status = cclip_new_folder_commit(&new_folder, status);
    }
    cclip_new_folder_close(&new_folder);
    return status;
}
