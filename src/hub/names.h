/* The usual spellings of checkpoint names, and where a cache keeps them. */
#ifndef CCLIP_HUB_NAMES_H
#define CCLIP_HUB_NAMES_H

#include <stddef.h>
#include "base/status.h"

/* A name taken apart: "ViT-B/32", "ViT-B-32::openai", "ViT-B-32,laion2b", "ViT-B-32__openai",
 * "open_clip:ViT-B-32/laion2b", "hf-hub:org/name", "hf_clip:org/name". */
struct cclip_hub_name {
    char architecture[128]; /* "ViT-B-32", or "org/name" for a hub repository */
    char tag[128];          /* "openai", "laion2b_s34b_b79k", or "" */
    int is_repository;
};
cclip_status cclip_hub_parse(struct cclip_hub_name *out, const char *name);

/* The cache: $XDG_CACHE_HOME/cclip, else ~/.cache/cclip; empty text if there is neither. */
void cclip_hub_cache_folder(char *path, size_t size);

/* Looks a name up in the cache: ARCHITECTURE__TAG, ARCHITECTURE/TAG, ARCHITECTURE-TAG, or without a tag (or
 * with OpenAI's) ARCHITECTURE as OpenAI names its files, or org/name, org--name; each as a folder or with
 * .pt, .safetensors, .bin, .gguf behind it. */
cclip_status cclip_hub_locate(char *path, size_t size, const char *name);

#endif
