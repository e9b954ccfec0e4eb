/* All words stand in one array of places, a place a byte and an empty one between words. A token
 * lies on one or more places; its first and its last hold its id, so that both neighbours of a
 * token are found from it. Each pair of neighbours has a record with its count and a list of the
 * places where it begins, linked through the places themselves: a merge visits just the places it
 * changes, moves them from list to list, and needs no memory but for the records of new pairs.
 *
 * A token never comes apart, so a pair's count only falls after the merge that brought it about. A
 * heap may therefore hold counts that are too high, never too low: what comes to its top with an
 * old count is put back with the present one. */
#include "text/train_merges.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "text/pair_queue.h"
#include "text/vocabulary.h"

#define NOWHERE UINT32_MAX  /* the end of a list */
#define NO_TOKEN UINT32_MAX /* between words */

enum { FIRST_SLOTS = 1 << 12, PROGRESS_INTERVAL = 64 };

struct place {
    uint32_t symbol, word;
    uint32_t before, after; /* in the list of the pair that begins here */
};

struct pair {
    uint64_t count;
    uint32_t left, right;
    uint32_t first, last; /* places in ascending order: all are added by one merge, left to right */
};

struct token {
    uint32_t places, text; /* how many it covers; bytes of its text in a vocabulary */
};

struct learner {
    const struct cclip_word_counts *words;
    struct place *places;
    struct pair *pairs;
    size_t pair_count, pair_capacity;
    uint32_t *slots; /* index of a pair + 1 by hash */
    size_t slot_mask;
    struct token *tokens; /* by id */
    size_t token_count;
    struct cclip_pair_queue queue;
};

static uint64_t weight_of(const struct learner *l, uint32_t at)
{
    return l->words->words[l->places[at].word].count;
}

/* The place of the token after the one at `at`; its symbol is NO_TOKEN at the end of a word. */
static uint32_t next_of(const struct learner *l, uint32_t at)
{
    return at + l->tokens[l->places[at].symbol].places;
}

static cclip_status grow_slots(struct learner *l)
{
    const size_t size = l->slots ? 2 * (l->slot_mask + 1) : FIRST_SLOTS;
    uint32_t *slots = cclip_allocate_zero(size, sizeof *slots);
    if (!slots)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < l->pair_count; i++) {
        size_t slot = cclip_merge_slot(l->pairs[i].left, l->pairs[i].right) & (size - 1);
        while (slots[slot])
            slot = (slot + 1) & (size - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    cclip_release(l->slots);
    l->slots = slots;
    l->slot_mask = size - 1;
    return CCLIP_OK;
}

/* The slot of a pair, empty if the pair was not seen yet. */
static size_t find_slot(const struct learner *l, uint32_t left, uint32_t right)
{
    size_t slot = cclip_merge_slot(left, right) & l->slot_mask;
    for (; l->slots[slot]; slot = (slot + 1) & l->slot_mask) {
        const struct pair *pair = &l->pairs[l->slots[slot] - 1];
        if (pair->left == left && pair->right == right)
            break;
    }
    return slot;
}

static struct pair *find_pair(const struct learner *l, uint32_t left, uint32_t right)
{
    return &l->pairs[l->slots[find_slot(l, left, right)] - 1];
}

static cclip_status new_pair(struct learner *l, size_t slot, uint32_t left, uint32_t right)
{
    cclip_status status = cclip_grow(&l->pairs, &l->pair_capacity, l->pair_count + 1,
                                     sizeof *l->pairs, (size_t)UINT32_MAX - 1, "pairs");
    if (status)
        return status;
    l->pairs[l->pair_count++] = (struct pair){ 0, left, right, NOWHERE, NOWHERE };
    l->slots[slot] = (uint32_t)l->pair_count;
    return l->pair_count * 2 > l->slot_mask ? grow_slots(l) : CCLIP_OK;
}

/* Counts the pair that begins at `at`. */
static cclip_status add_place(struct learner *l, uint32_t at)
{
    const uint32_t left = l->places[at].symbol, right = l->places[next_of(l, at)].symbol;
    const size_t slot = find_slot(l, left, right);
    size_t index = l->slots[slot];
    if (!index) {
        const cclip_status status = new_pair(l, slot, left, right);
        if (status)
            return status;
        index = l->pair_count;
    }
    struct pair *pair = &l->pairs[index - 1];
    pair->count += weight_of(l, at);
    l->places[at].before = pair->last;
    l->places[at].after = NOWHERE;
    if (pair->last == NOWHERE)
        pair->first = at;
    else
        l->places[pair->last].after = at;
    pair->last = at;
    return CCLIP_OK;
}

/* The pair that begins at `at` is about to go. */
static void remove_place(struct learner *l, uint32_t at)
{
    const struct place *place = &l->places[at];
    struct pair *pair = find_pair(l, place->symbol, l->places[next_of(l, at)].symbol);
    pair->count -= weight_of(l, at);
    if (place->before == NOWHERE)
        pair->first = place->after;
    else
        l->places[place->before].after = place->after;
    if (place->after == NOWHERE)
        pair->last = place->before;
    else
        l->places[place->after].before = place->before;
}

/* Makes the tokens at `at` and after it the token `id`. */
static cclip_status merge_at(struct learner *l, uint32_t at, uint32_t id)
{
    struct place *places = l->places;
    const uint32_t right = next_of(l, at), end = next_of(l, right);
    const uint32_t symbol_before = places[at - 1].symbol;
    const int has_next = places[end].symbol != NO_TOKEN;
    uint32_t previous = NOWHERE;
    if (symbol_before != NO_TOKEN) {
        previous = at - l->tokens[symbol_before].places;
        remove_place(l, previous);
    }
    if (has_next)
        remove_place(l, right);
    remove_place(l, at);
    places[at].symbol = places[end - 1].symbol = id;
    cclip_status status = previous == NOWHERE ? CCLIP_OK : add_place(l, previous);
    if (!status && has_next)
        status = add_place(l, at);
    return status;
}

/* Queues the pairs from index `begin` on. One whose token would be too long for a vocabulary's
 * files (with the space that parts the two in a merge list) never merges. */
static cclip_status queue_pairs(struct learner *l, size_t begin, uint64_t minimum_count)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = begin; i < l->pair_count && !status; i++) {
        const struct pair *pair = &l->pairs[i];
        const size_t text = (size_t)l->tokens[pair->left].text + l->tokens[pair->right].text;
        if (pair->count >= minimum_count && text + 1 <= CCLIP_LIMIT_TOKEN_BYTES)
            status = cclip_pair_queue_push(
                &l->queue, (struct cclip_queued_pair){ pair->count, pair->left, pair->right });
    }
    return status;
}

/* The pair that occurs most often now; 0 if none does often enough. */
static int take_best(struct learner *l, struct cclip_queued_pair *out, uint64_t minimum_count)
{
    while (l->queue.count) {
        *out = l->queue.heap[0];
        const uint64_t count = find_pair(l, out->left, out->right)->count;
        if (count != out->count && count >= minimum_count) {
            cclip_pair_queue_lower_top(&l->queue, count);
            continue;
        }
        cclip_pair_queue_pop(&l->queue);
        if (count == out->count)
            return 1;
    }
    return 0;
}

static cclip_status merge_all(struct learner *l, const struct cclip_queued_pair *best)
{
    const uint32_t id = (uint32_t)l->token_count++;
    const size_t index = l->slots[find_slot(l, best->left, best->right)] - 1;
    const struct token left = l->tokens[best->left], right = l->tokens[best->right];
    cclip_status status = CCLIP_OK;
    l->tokens[id] = (struct token){ left.places + right.places, left.text + right.text };
    while (!status && l->pairs[index].first != NOWHERE)
        status = merge_at(l, l->pairs[index].first, id);
    return status;
}

static void set_byte_tokens(struct learner *l)
{
    for (unsigned n = 0; n < CCLIP_BYTE_TOKENS; n++) {
        char symbol[4];
        const size_t size =
            cclip_utf8_encode(symbol, cclip_byte_symbol(cclip_byte_in_order(n % 256)));
        l->tokens[n].places = 1;
        l->tokens[n].text = (uint32_t)(size + (n < 256 ? 0 : CCLIP_WORD_END_LENGTH));
    }
    l->token_count = CCLIP_BYTE_TOKENS;
}

static cclip_status set_places(struct learner *l)
{
    const struct cclip_word_counts *words = l->words;
    l->places[0].symbol = NO_TOKEN;
    uint32_t at = 1;
    for (size_t w = 0; w < words->count; w++) {
        const struct cclip_counted_word *word = &words->words[w];
        const unsigned char *bytes = (const unsigned char *)words->bytes.data + word->begin;
        for (size_t i = 0; i < word->length; i++, at++)
            l->places[at] = (struct place){ bytes[i] + (i + 1 == word->length ? 256u : 0u),
                                            (uint32_t)w, NOWHERE, NOWHERE };
        l->places[at++].symbol = NO_TOKEN;
    }
    cclip_status status = CCLIP_OK;
    for (uint32_t i = 1; i + 1 < at && !status; i++)
        if (l->places[i].symbol != NO_TOKEN && l->places[i + 1].symbol != NO_TOKEN)
            status = add_place(l, i);
    return status;
}

static cclip_status learner_open(struct learner *l, const struct cclip_word_counts *words,
                                 size_t wanted)
{
    *l = (struct learner){ .words = words };
    l->places = cclip_allocate(words->bytes.length + words->count + 1, sizeof *l->places);
    l->tokens = cclip_allocate(CCLIP_BYTE_TOKENS + wanted, sizeof *l->tokens);
    if (!l->places || !l->tokens)
        return CCLIP_ERROR_MEMORY;
    set_byte_tokens(l);
    return grow_slots(l);
}

static void learner_close(struct learner *l)
{
    cclip_release(l->places);
    cclip_release(l->pairs);
    cclip_release(l->slots);
    cclip_release(l->tokens);
    cclip_pair_queue_close(&l->queue);
}

static cclip_status learn(struct learner *l, struct cclip_trained_merges *out,
                          const struct cclip_merge_training *training)
{
    const uint64_t minimum = training->minimum_count ? training->minimum_count : 1;
    struct cclip_queued_pair best;
    cclip_status status = queue_pairs(l, 0, minimum);
    while (!status && out->count < training->wanted && take_best(l, &best, minimum)) {
        const size_t known = l->pair_count;
        out->pairs[out->count][0] = best.left;
        out->pairs[out->count++][1] = best.right;
        status = merge_all(l, &best);
        if (!status)
            status = queue_pairs(l, known, minimum);
        if (!status && training->progress && out->count % PROGRESS_INTERVAL == 0 &&
            training->progress(training->user, out->count, training->wanted))
            status = cclip_fail(CCLIP_ERROR_CANCELLED, "stopped by the caller");
    }
    return status;
}

/* What is left of the words when all is merged. */
static uint64_t count_tokens(const struct learner *l)
{
    const size_t end = l->words->bytes.length + l->words->count;
    uint64_t tokens = 0;
    for (uint32_t at = 1; at < end;) {
        if (l->places[at].symbol == NO_TOKEN) {
            at++;
            continue;
        }
        tokens += weight_of(l, at);
        at = next_of(l, at);
    }
    return tokens;
}

cclip_status cclip_train_merges(struct cclip_trained_merges *out,
                                const struct cclip_word_counts *words,
                                const struct cclip_merge_training *training)
{
    struct learner learner;
    *out = (struct cclip_trained_merges){ 0 };
    if (training->wanted > CCLIP_LIMIT_VOCABULARY)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%zu merges; at most %zu are allowed",
                          training->wanted, CCLIP_LIMIT_VOCABULARY);
    cclip_status status = learner_open(&learner, words, training->wanted);
    if (!status && !(out->pairs = cclip_allocate(training->wanted, sizeof *out->pairs)))
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = set_places(&learner);
    if (!status)
        status = learn(&learner, out, training);
    if (!status)
        out->tokens = count_tokens(&learner);
    learner_close(&learner);
    return status;
}

void cclip_trained_merges_close(struct cclip_trained_merges *merges)
{
    cclip_release(merges->pairs);
    *merges = (struct cclip_trained_merges){ 0 };
}
