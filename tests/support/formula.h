/* The formula of golden/FORMULA.md: weights, images and token rows without files, the same to the bit
 * in any language. */
#ifndef CCLIP_TESTS_FORMULA_H
#define CCLIP_TESTS_FORMULA_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stream's name enters as an FNV-1a hash. */
static inline uint64_t formula_hash(const char *name)
{
    uint64_t h = 14695981039346656037u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

/* w(name, i): 24 bits. */
static inline uint32_t formula_integer(uint64_t hash, uint64_t i)
{
    uint64_t x = hash + i + 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    return (uint32_t)(x >> 40);
}

/* u(name, i): in [-1, 1). */
static inline float formula_value(uint64_t hash, uint64_t i)
{
    return ((float)formula_integer(hash, i) - 8388608.0f) * 0x1p-23f;
}

/* value[i] = offset + scale * u, or offset + scale * |u|. A constant has scale 0. */
struct formula_rule {
    uint64_t hash;
    float offset, scale;
    int absolute;
};

static inline int formula_ends(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && !strcmp(name + length - tail, end);
}

static inline int formula_is_embedding(const char *name)
{
    static const char *const ends[] = { "positional_embedding", "class_embedding",
                                        "token_embedding.weight", "pos_embed", "cls_emb",
                                        "attn_pool.latent", ".query", "probe" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (formula_ends(name, ends[i]))
            return 1;
    return 0;
}

/* The scale of a matrix: `gain` over the length of its sums. */
static inline float formula_matrix_scale(const char *name, const char *last, const size_t *shape,
                                         int rank)
{
    size_t length = 1;
    for (int i = 1; i < rank; i++)
        length *= shape[i];
    double gain = 3;
    if (!strcmp(last, "proj") || !strcmp(last, "text_projection"))
        length = shape[0];
    else if (rank == 4)
        gain = 6;
    else if (formula_ends(name, "attnpool.q_proj.weight") || formula_ends(name, "attnpool.k_proj.weight"))
        gain = 12;
    return (float)sqrt(gain / (double)length);
}

/* The first row of the table in FORMULA.md that matches. */
static inline struct formula_rule formula_rule(const char *name, const size_t *shape, int rank)
{
    const uint64_t hash = formula_hash(name);
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    if (!strcmp(last, "logit_scale") && rank <= 1)
        return (struct formula_rule){ hash, 0x1.5462a2p+1f, 0, 0 };
    if (!strcmp(last, "logit_bias"))
        return (struct formula_rule){ hash, -10, 0, 0 };
    if (!strcmp(last, "running_mean"))
        return (struct formula_rule){ hash, 0, 0x1p-4f, 0 };
    if (!strcmp(last, "running_var"))
        return (struct formula_rule){ hash, 1, 0.5f, 1 };
    if (!strcmp(last, "gamma"))
        return (struct formula_rule){ hash, 0.5f, 0.25f, 0 };
    if (!strcmp(last, "bias") || !strcmp(last, "in_proj_bias"))
        return (struct formula_rule){ hash, 0, 0x1p-4f, 0 };
    if (formula_is_embedding(name))
        return (struct formula_rule){ hash, 0, 0.25f, 0 };
    if (formula_ends(name, "bn3.weight") && strstr(name, ".layer"))
        return (struct formula_rule){ hash, 0.25f, 0.125f, 0 };
    if (rank == 1)
        return (struct formula_rule){ hash, 1, 0.125f, 0 };
    return (struct formula_rule){ hash, 0, formula_matrix_scale(name, last, shape, rank), 0 };
}

/* Elements [first, first + count) of a tensor. */
static inline void formula_fill(float *out, const struct formula_rule *rule, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float u = formula_value(rule->hash, first + i);
        out[i] = rule->offset + rule->scale * (rule->absolute ? fabsf(u) : u);
    }
}

/* The image stream `name`, [count][3][height][width]; NULL without memory. */
static inline float *formula_images(const char *name, size_t count, size_t height, size_t width)
{
    char coarse_name[256];
    snprintf(coarse_name, sizeof coarse_name, "%s.coarse", name);
    const uint64_t fine = formula_hash(name), coarse = formula_hash(coarse_name);
    const size_t rows = (height + 15) / 16, columns = (width + 15) / 16;
    float *out = malloc(count * 3 * height * width * sizeof *out);
    for (size_t i = 0; out && i < count * 3 * height * width; i++) {
        const size_t x = i % width, y = i / width % height, plane = i / width / height;
        out[i] = 0.5f * formula_value(fine, i) +
                 2.0f * formula_value(coarse, (plane * rows + y / 16) * columns + x / 16);
    }
    return out;
}

/* Row `row` of the token stream `name`; `out` has room for `context` ids. */
static inline void formula_tokens(int32_t *out, const char *name, size_t row, size_t context,
                                  size_t vocabulary)
{
    const uint64_t hash = formula_hash(name), at = 128 * (uint64_t)row;
    const size_t longest = context - 5 < 40 ? context - 5 : 40;
    const size_t count = 4 + formula_integer(hash, at) % longest;
    memset(out, 0, context * sizeof *out);
    out[0] = (int32_t)(vocabulary - 2);
    for (size_t i = 0; i < count; i++)
        out[1 + i] = (int32_t)(1 + formula_integer(hash, at + 1 + i) % (vocabulary - 3));
    out[1 + count] = (int32_t)(vocabulary - 1);
}

#endif
