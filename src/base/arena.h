/* A bump allocator: many small pieces, one release. Pointers stay valid until reset or close. */
#ifndef CCLIP_BASE_ARENA_H
#define CCLIP_BASE_ARENA_H

#include <stddef.h>
#include "base/status.h"

struct cclip_arena_block;
struct cclip_arena {
    struct cclip_arena_block *first, *current; /* zero-initialise to open */
    size_t total;                              /* bytes held from the system */
};

/* 64-byte aligned, not zeroed; NULL with a message on failure. */
void *cclip_arena_take(struct cclip_arena *arena, size_t count, size_t size);
char *cclip_arena_text(struct cclip_arena *arena, const char *text, size_t length);

/* Everything taken after the mark is forgotten at the rewind; marks nest. */
struct cclip_arena_mark {
    struct cclip_arena_block *block;
    size_t used;
};
struct cclip_arena_mark cclip_arena_mark(const struct cclip_arena *arena);
void cclip_arena_rewind(struct cclip_arena *arena, struct cclip_arena_mark mark);

/* Forgets everything taken and begins with memory of the caller's, 64-byte aligned, which is written to only when
 * something is taken and is never released here; what does not fit comes from the system, and is kept for the
 * next time the same memory is lent. Such an arena is not reset. */
cclip_status cclip_arena_lend(struct cclip_arena *arena, void *memory, size_t bytes);

/* Forgets everything taken but keeps the memory; blocks are merged into one, so that a steady
 * state takes from a single block and never calls the system. */
void cclip_arena_reset(struct cclip_arena *arena);
void cclip_arena_close(struct cclip_arena *arena);

#endif
