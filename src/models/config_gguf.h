/* clip.cpp's GGUF files: configuration and vocabulary from the key-value pairs. */
#ifndef CCLIP_MODELS_CONFIG_GGUF_H
#define CCLIP_MODELS_CONFIG_GGUF_H

#include "checkpoint/gguf.h"
#include "models/config.h"

cclip_status cclip_config_from_gguf(struct cclip_config *out, const struct cclip_gguf *gguf,
                                    const char *name);
/* tokenizer.ggml.tokens; the merges, which the file lacks, are rebuilt. */
cclip_status cclip_config_gguf_tokenizer(struct cclip_tokenizer **out, const struct cclip_gguf *gguf,
                                         const struct cclip_text_options *options);

#endif
