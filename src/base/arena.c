#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

enum { ALIGNMENT = 64, SMALLEST_BLOCK = 1 << 16 };

struct cclip_arena_block {
    struct cclip_arena_block *next;
    char *data; /* behind the header, which takes a whole alignment unit; or lent */
    size_t size, used; /* bytes of it */
};

/* Blocks behind the current one are empty: left over from before a rewind. */
static struct cclip_arena_block *next_block(struct cclip_arena *arena, size_t wanted)
{
    struct cclip_arena_block *block = arena->current ? arena->current->next : NULL;
    while (block && block->size < wanted)
        block = block->next;
    if (block)
        arena->current = block;
    return block;
}

static struct cclip_arena_block *add_block(struct cclip_arena *arena, size_t wanted)
{
    const size_t doubled = arena->total < ((size_t)1 << 28) ? arena->total : (size_t)1 << 28;
    size_t size = wanted > doubled ? wanted : doubled;
    if (size < SMALLEST_BLOCK)
        size = SMALLEST_BLOCK;
    struct cclip_arena_block *block = cclip_allocate_aligned(size + ALIGNMENT);
    if (!block)
        return NULL;
    *block = (struct cclip_arena_block){ .next = arena->current ? arena->current->next : NULL,
                                         .data = (char *)block + ALIGNMENT, .size = size };
    if (arena->current)
        arena->current->next = block;
    else
        arena->first = block;
    arena->current = block;
    arena->total += size;
    return block;
}

void *cclip_arena_take(struct cclip_arena *arena, size_t count, size_t size)
{
    if (size && count > CCLIP_LIMIT_ALLOCATION / size) {
        cclip_fail_memory(SIZE_MAX);
        return NULL;
    }
    const size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct cclip_arena_block *block = arena->current;
    if (!block || block->size - block->used < bytes)
        block = next_block(arena, bytes);
    if (!block)
        block = add_block(arena, bytes);
    if (!block)
        return NULL;
    void *pointer = block->data + block->used;
    block->used += bytes;
    return pointer;
}

char *cclip_arena_text(struct cclip_arena *arena, const char *text, size_t length)
{
    char *copy = cclip_arena_take(arena, length + 1, 1);
    if (copy) {
        if (length)
            memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

struct cclip_arena_mark cclip_arena_mark(const struct cclip_arena *arena)
{
    return (struct cclip_arena_mark){ arena->current, arena->current ? arena->current->used : 0 };
}

void cclip_arena_rewind(struct cclip_arena *arena, struct cclip_arena_mark mark)
{
    struct cclip_arena_block *block = mark.block ? mark.block : arena->first;
    if (!block)
        return;
    arena->current = block;
    block->used = mark.used;
    for (block = block->next; block; block = block->next)
        block->used = 0;
}

cclip_status cclip_arena_lend(struct cclip_arena *arena, void *memory, size_t bytes)
{
    struct cclip_arena_block *first = arena->first;
    if (!first || first->data != memory || first->size != bytes) {
        cclip_arena_close(arena);
        first = cclip_allocate_aligned(sizeof *first);
        if (!first)
            return CCLIP_ERROR_MEMORY;
        *first = (struct cclip_arena_block){ .data = memory, .size = bytes };
        arena->first = first;
    }
    cclip_arena_rewind(arena, (struct cclip_arena_mark){ first, 0 });
    return CCLIP_OK;
}

void cclip_arena_reset(struct cclip_arena *arena)
{
    struct cclip_arena_block *first = arena->first;
    if (!first)
        return;
    if (!first->next) {
        first->used = 0;
        return;
    }
    const size_t total = arena->total;
    cclip_arena_close(arena);
    (void)add_block(arena, total); /* a failure shows at the next take */
}

void cclip_arena_close(struct cclip_arena *arena)
{
    struct cclip_arena_block *block = arena->first;
    while (block) {
        struct cclip_arena_block *next = block->next;
        cclip_release_aligned(block);
        block = next;
    }
    *arena = (struct cclip_arena){ 0 };
}
