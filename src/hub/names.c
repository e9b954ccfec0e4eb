#include "hub/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"

static const char *without_prefix(const char *name, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncmp(name, prefix, length) ? NULL : name + length;
}

static const char *const repository_prefixes[] = { "hf-hub:", "hf_clip:" };
static const char *const separators[] = { "::", "__", "," };

cclip_status cclip_hub_parse(struct cclip_hub_name *out, const char *name)
{
    *out = (struct cclip_hub_name){ 0 };
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof repository_prefixes / sizeof *repository_prefixes && !rest; i++)
        rest = without_prefix(name, repository_prefixes[i]);
    if (rest) {
        out->is_repository = 1;
        snprintf(out->architecture, sizeof out->architecture, "%s", rest);
        return *rest ? CCLIP_OK
                     : cclip_fail(CCLIP_ERROR_ARGUMENT, "model name \"%s\" is empty", name);
    }
    rest = without_prefix(name, "open_clip:");
    const char *body = rest ? rest : name, *at = NULL;
    size_t width = 0;
    for (size_t i = 0; i < sizeof separators / sizeof *separators && !at; i++) {
        at = strstr(body, separators[i]);
        width = strlen(separators[i]);
    }
    if (!at && rest && (at = strrchr(body, '/'))) /* open_clip:ViT-B-32/tag */
        width = 1;
    const size_t length = at ? (size_t)(at - body) : strlen(body);
    if (!length || length >= sizeof out->architecture)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "model name \"%.100s%s\" is empty or too long",
                          name, strlen(name) > 100 ? "..." : "");
    memcpy(out->architecture, body, length);
    for (char *c = out->architecture; *c; c++) /* OpenAI writes ViT-B/32 and ViT-L/14@336px */
        if (*c == '/' || *c == '@')
            *c = '-';
    char *pixels = strstr(out->architecture, "px");
    if (pixels && !pixels[2])
        *pixels = '\0';
    snprintf(out->tag, sizeof out->tag, "%s", at ? at + width : "");
    return CCLIP_OK;
}

void cclip_hub_cache_folder(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache)
        snprintf(path, size, "%s/cclip", cache);
    else if (home && *home)
        snprintf(path, size, "%s/.cache/cclip", home);
    else
        path[0] = '\0';
}

/* Tries "CACHE/STEM" as a folder and as a file of each kind. */
static int try_stem(char *path, size_t size, const char *cache, const char *stem)
{
    static const char *const suffixes[] = { "", ".pt", ".safetensors", ".bin", ".gguf" };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, size, "%s/%s%s", cache, stem, suffixes[i]);
        if (i ? cclip_is_file(path) : cclip_is_folder(path))
            return 1;
    }
    return 0;
}

/* OpenAI publishes its files without a tag and with the pixels: ViT-L-14-336px.pt. open_clip names its own
 * configuration of the same weights ViT-B-32-quickgelu; the file itself says which GELU it means. */
static int try_openai(char *path, size_t size, const char *cache, char *architecture)
{
    static const char *const endings[] = { "", "px" };
    static const char quick[] = "-quickgelu";
    const size_t length = strlen(architecture);
    char stem[512];
    if (length > strlen(quick) && !strcmp(architecture + length - strlen(quick), quick))
        architecture[length - strlen(quick)] = '\0';
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(stem, sizeof stem, "%s%s", architecture, endings[i]);
        if (try_stem(path, size, cache, stem))
            return 1;
    }
    return 0;
}

/* open_clip's spelling of a path. */
static cclip_status locate_folder(char *path, size_t size, const char *folder)
{
    snprintf(path, size, "%s", cclip_is_folder(folder) ? folder : "");
    return path[0] ? CCLIP_OK : cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no such folder", folder);
}

cclip_status cclip_hub_locate(char *path, size_t size, const char *name)
{
    char cache[4096], stem[512];
    struct cclip_hub_name parsed;
    const char *folder = without_prefix(name, "local-dir:");
    if (folder)
        return locate_folder(path, size, folder);
    const cclip_status status = cclip_hub_parse(&parsed, name);
    if (status)
        return status;
    cclip_hub_cache_folder(cache, sizeof cache);
    static const char *const between[] = { "__", "/", "-" };
    const size_t count = parsed.tag[0] ? sizeof between / sizeof *between : 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(stem, sizeof stem, "%s%s%s", parsed.architecture, between[i], parsed.tag);
        if (cache[0] && try_stem(path, size, cache, stem))
            return CCLIP_OK;
    }
    const int untagged = !parsed.tag[0] || !strcmp(parsed.tag, "openai");
    if (untagged && cache[0] && try_openai(path, size, cache, parsed.architecture))
        return CCLIP_OK;
    if (parsed.is_repository) { /* org/name is kept as org--name */
        char *slash = strchr(parsed.architecture, '/');
        if (slash)
            snprintf(stem, sizeof stem, "%.*s--%s", (int)(slash - parsed.architecture),
                     parsed.architecture, slash + 1);
        if (slash && cache[0] && try_stem(path, size, cache, stem))
            return CCLIP_OK;
    }
    path[0] = '\0';
    return cclip_fail(CCLIP_ERROR_NOT_FOUND,
                      "model \"%.*s\": no such file or folder, and not in the cache (%s)",
                      (int)CCLIP_LIMIT_PATH / 2, name,
                      cache[0] ? cache : "neither XDG_CACHE_HOME nor HOME is set");
}
