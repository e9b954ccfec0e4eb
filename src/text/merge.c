#include "text/merge.h"

#include <string.h>

#include "base/memory.h"

/* A word up to SHORT symbols is scanned for its best pair each time; a longer one keeps its pairs in
 * a heap, so that a text without spaces takes n log n. */
enum { SHORT = 48 };
#define NO_RANK UINT32_MAX

static uint32_t rank_of(const struct cclip_vocabulary *v, uint32_t left, uint32_t right,
                        uint32_t *id)
{
    const struct cclip_merge *merge = cclip_merge_find(v, left, right);
    *id = merge ? merge->id : 0;
    return merge ? merge->rank_plus_1 : NO_RANK;
}

static void merge_short(const struct cclip_vocabulary *v, uint32_t *symbols, size_t *count,
                        enum cclip_merge_order order)
{
    uint32_t ranks[SHORT], merged[SHORT];
    size_t n = *count;
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(v, symbols[i], symbols[i + 1], &merged[i]);
    while (n > 1) {
        uint32_t best = NO_RANK;
        size_t first = 0, out;
        for (size_t i = 0; i + 1 < n; i++) {
            if (ranks[i] < best) {
                best = ranks[i];
                first = i;
            }
        }
        if (best == NO_RANK)
            break;
        out = first;
        for (size_t i = first; i < n; out++) {
            const int joins = i + 1 < n && ranks[i] == best &&
                              (order == CCLIP_MERGE_ROUNDS || i == first);
            const uint32_t symbol = joins ? merged[i] : symbols[i];
            i += joins ? 2 : 1;
            symbols[out] = symbol;
            /* The rank against the next symbol, for now; those beside a merge are done below. */
            if (!joins && i < n) {
                ranks[out] = ranks[i - 1];
                merged[out] = merged[i - 1];
            } else {
                ranks[out] = NO_RANK - 1; /* stale */
            }
            if (joins && out > 0)
                ranks[out - 1] = NO_RANK - 1;
        }
        n = out;
        for (size_t i = first ? first - 1 : 0; i + 1 < n; i++)
            if (ranks[i] == NO_RANK - 1)
                ranks[i] = rank_of(v, symbols[i], symbols[i + 1], &merged[i]);
    }
    *count = n;
}

#define END UINT32_MAX  /* beside the first and the last symbol */
#define GONE UINT32_MAX /* the symbol of a place that was merged into the one before */

/* 32-bit places: a text is far shorter, and a long word needs many of these. */
struct cclip_merge_node {
    uint32_t before, after, symbol;
};

struct cclip_merge_candidate {
    uint32_t rank, at, left, right, id;
};

static int comes_first(const struct cclip_merge_candidate *a, const struct cclip_merge_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static cclip_status push(struct cclip_merger *m, const struct cclip_vocabulary *v, uint32_t at)
{
    const uint32_t next = m->nodes[at].after;
    if (next == END)
        return CCLIP_OK;
    struct cclip_merge_candidate new = { .left = m->nodes[at].symbol,
                                         .right = m->nodes[next].symbol,
                                         .at = at };
    new.rank = rank_of(v, new.left, new.right, &new.id);
    if (new.rank == NO_RANK)
        return CCLIP_OK;
    const cclip_status status = cclip_grow(&m->heap, &m->heap_capacity, m->heap_count + 1,
                                           sizeof *m->heap, (size_t)1 << 32, "pairs of a word");
    if (status)
        return status;
    size_t i = m->heap_count++;
    for (; i && comes_first(&new, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = new;
    return CCLIP_OK;
}

static struct cclip_merge_candidate pop(struct cclip_merger *m)
{
    const struct cclip_merge_candidate top = m->heap[0], last = m->heap[--m->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= m->heap_count)
            break;
        if (child + 1 < m->heap_count && comes_first(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!comes_first(&m->heap[child], &last))
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return top;
}

/* All candidates of the best rank, or only the first; in order of place. */
static cclip_status take_round(struct cclip_merger *m, enum cclip_merge_order order)
{
    cclip_status status = CCLIP_OK;
    m->round_count = 0;
    do {
        status = cclip_grow(&m->round, &m->round_capacity, m->round_count + 1, sizeof *m->round,
                            (size_t)1 << 32, "pairs of a word");
        if (!status) {
            m->round[m->round_count] = pop(m);
            m->round_count++;
        }
    } while (!status && order == CCLIP_MERGE_ROUNDS && m->heap_count &&
             m->heap[0].rank == m->round[0].rank);
    return status;
}

static cclip_status join(struct cclip_merger *m, const struct cclip_vocabulary *v,
                         const struct cclip_merge_candidate *pair)
{
    struct cclip_merge_node *nodes = m->nodes, *left = &nodes[pair->at];
    const uint32_t next = left->after;
    if (left->symbol != pair->left || next == END ||
        nodes[next].symbol != pair->right)
        return CCLIP_OK; /* an earlier merge took one of them */
    left->symbol = pair->id;
    left->after = nodes[next].after;
    nodes[next].symbol = GONE;
    if (left->after != END)
        nodes[left->after].before = pair->at;
    cclip_status status = push(m, v, pair->at);
    if (!status && left->before != END)
        status = push(m, v, left->before);
    return status;
}

static cclip_status merge_long(struct cclip_merger *m, const struct cclip_vocabulary *v,
                               uint32_t *symbols, size_t *count, enum cclip_merge_order order)
{
    const size_t n = *count;
    cclip_status status = cclip_grow(&m->nodes, &m->node_capacity, n, sizeof *m->nodes,
                                     (size_t)1 << 32, "symbols of a word");
    if (status)
        return status;
    for (size_t i = 0; i < n; i++)
        m->nodes[i] = (struct cclip_merge_node){ i ? (uint32_t)i - 1 : END,
                                                 i + 1 < n ? (uint32_t)i + 1 : END, symbols[i] };
    m->heap_count = 0;
    for (size_t i = 0; i < n && !status; i++)
        status = push(m, v, (uint32_t)i);
    while (m->heap_count && !status) {
        status = take_round(m, order);
        for (size_t i = 0; i < m->round_count && !status; i++)
            status = join(m, v, &m->round[i]);
    }
    size_t out = 0;
    for (uint32_t i = 0; i != END && !status; i = m->nodes[i].after)
        symbols[out++] = m->nodes[i].symbol;
    *count = out;
    return status;
}

void cclip_merger_close(struct cclip_merger *m)
{
    cclip_release(m->nodes);
    cclip_release(m->heap);
    cclip_release(m->round);
    *m = (struct cclip_merger){ 0 };
}

cclip_status cclip_merge_word(struct cclip_merger *merger, const struct cclip_vocabulary *v,
                              uint32_t *symbols, size_t *count, enum cclip_merge_order order)
{
    if (*count > SHORT)
        return merge_long(merger, v, symbols, count, order);
    merge_short(v, symbols, count, order);
    return CCLIP_OK;
}
