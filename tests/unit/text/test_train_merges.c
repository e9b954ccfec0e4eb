/* The merges are those of the definition, followed literally: count every pair of every word anew,
 * take the best, join it everywhere, and so on. */
#include "support/unit.h"

#include "base/limits.h"
#include "base/random.h"
#include "text/train_merges.h"

enum { MOST_WORDS = 400, MOST_LETTERS = 40, MOST_MERGES = 2000 };

struct plain_word {
    uint32_t symbols[MOST_LETTERS];
    size_t length;
    uint64_t count;
};

struct plain_corpus {
    struct plain_word words[MOST_WORDS];
    size_t count;
};

static void add(struct cclip_word_counts *counts, const char *word, size_t length, size_t times)
{
    for (size_t i = 0; i < times; i++)
        assert_ok(cclip_word_counts_add(counts, word, length));
}

static void add_text(struct cclip_word_counts *counts, const char *word, size_t times)
{
    add(counts, word, strlen(word), times);
}

static void unpack(struct plain_corpus *out, const struct cclip_word_counts *counts)
{
    out->count = counts->count;
    assert_true(out->count <= MOST_WORDS);
    for (size_t w = 0; w < out->count; w++) {
        const struct cclip_counted_word *word = &counts->words[w];
        assert_true(word->length <= MOST_LETTERS);
        for (size_t i = 0; i < word->length; i++)
            out->words[w].symbols[i] = (unsigned char)counts->bytes.data[word->begin + i] +
                                       (i + 1 == word->length ? 256u : 0u);
        out->words[w].length = word->length;
        out->words[w].count = word->count;
    }
}

static uint64_t count_pair(const struct plain_corpus *corpus, uint32_t left, uint32_t right)
{
    uint64_t count = 0;
    for (size_t w = 0; w < corpus->count; w++)
        for (size_t i = 0; i + 1 < corpus->words[w].length; i++)
            if (corpus->words[w].symbols[i] == left && corpus->words[w].symbols[i + 1] == right)
                count += corpus->words[w].count;
    return count;
}

/* Of all pairs that stand somewhere: the most frequent, then the lowest. */
static uint64_t best_pair(const struct plain_corpus *corpus, uint32_t best[2])
{
    uint64_t most = 0;
    for (size_t w = 0; w < corpus->count; w++) {
        const struct plain_word *word = &corpus->words[w];
        for (size_t i = 0; i + 1 < word->length; i++) {
            const uint32_t left = word->symbols[i], right = word->symbols[i + 1];
            if (left == best[0] && right == best[1] && most)
                continue;
            const uint64_t count = count_pair(corpus, left, right);
            if (count > most ||
                (count == most && (left < best[0] || (left == best[0] && right < best[1])))) {
                most = count;
                best[0] = left;
                best[1] = right;
            }
        }
    }
    return most;
}

static void join(struct plain_corpus *corpus, const uint32_t pair[2], uint32_t id)
{
    for (size_t w = 0; w < corpus->count; w++) {
        struct plain_word *word = &corpus->words[w];
        size_t out = 0;
        for (size_t i = 0; i < word->length; out++) {
            const int joins = i + 1 < word->length && word->symbols[i] == pair[0] &&
                              word->symbols[i + 1] == pair[1];
            word->symbols[out] = joins ? id : word->symbols[i];
            i += joins ? 2 : 1;
        }
        word->length = out;
    }
}

/* Returns how many merges there were. */
static size_t compare(const struct cclip_word_counts *counts, size_t wanted, uint64_t minimum)
{
    static struct plain_corpus corpus;
    struct cclip_trained_merges merges;
    const struct cclip_merge_training training = { wanted, minimum, NULL, NULL };
    unpack(&corpus, counts);
    assert_ok(cclip_train_merges(&merges, counts, &training));
    size_t n = 0;
    for (; n < wanted; n++) {
        uint32_t best[2] = { 0, 0 };
        const uint64_t count = best_pair(&corpus, best);
        if (!count || count < minimum)
            break;
        assert_true(n < merges.count);
        assert_int_equal(merges.pairs[n][0], best[0]);
        assert_int_equal(merges.pairs[n][1], best[1]);
        join(&corpus, best, (uint32_t)(CCLIP_BYTE_TOKENS + n));
    }
    assert_int_equal(merges.count, n);
    uint64_t tokens = 0;
    for (size_t w = 0; w < corpus.count; w++)
        tokens += corpus.words[w].count * corpus.words[w].length;
    assert_int_equal(merges.tokens, tokens);
    cclip_trained_merges_close(&merges);
    return n;
}

/* Words of few different letters have many repeats, overlaps and equal counts. */
static void random_words(struct cclip_word_counts *counts, struct cclip_random *random,
                         unsigned letters, size_t words, size_t longest)
{
    for (size_t w = 0; w < words; w++) {
        char word[MOST_LETTERS];
        const size_t length = 1 + cclip_random_below(random, longest);
        for (size_t i = 0; i < length; i++)
            word[i] = (char)(250 - cclip_random_below(random, letters));
        add(counts, word, length, 1 + cclip_random_below(random, 3));
    }
}

static void test_equals_definition(void **state)
{
    (void)state;
    struct cclip_random random;
    cclip_random_seed(&random, 7, 0);
    for (unsigned round = 0; round < 120; round++) {
        struct cclip_word_counts counts;
        cclip_word_counts_open(&counts);
        random_words(&counts, &random, 1 + round % 6, 5 + round % 40,
                     2 + round % (MOST_LETTERS - 1));
        const size_t all = compare(&counts, MOST_MERGES, 1);
        compare(&counts, MOST_MERGES, 2 + round % 4);
        assert_int_equal(compare(&counts, all / 2, 1), all / 2);
        cclip_word_counts_close(&counts);
    }
}

static void test_by_hand(void **state)
{
    (void)state;
    struct cclip_word_counts counts;
    struct cclip_trained_merges merges;
    const struct cclip_merge_training training = { 3, 1, NULL, NULL };
    cclip_word_counts_open(&counts);
    add_text(&counts, "\1\2\3", 4); /* \2 with the end of word: \3 is the last */
    add_text(&counts, "\1\2\1\2\4", 3);
    add_text(&counts, "\5\5\5\6", 1);
    assert_ok(cclip_train_merges(&merges, &counts, &training));
    assert_int_equal(merges.count, 3);
    const uint32_t expected[3][2] = { { 1, 2 }, { 512, 256 + 3 }, { 512, 256 + 4 } };
    /* (1,2): 4 + 2*3 = 10. Then (512,3) 4 against (512,512) 3 and (512,4) 3: of equal counts the
     * lower right id, which is that of 4 at the end of a word. */
    assert_memory_equal(merges.pairs, expected, sizeof expected);
    assert_int_equal(merges.tokens, 4 * 1 + 3 * 2 + 4);
    cclip_trained_merges_close(&merges);
    cclip_word_counts_close(&counts);
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    static const char *const words[] = { "\1\2\3", "\3\2\1", "\1\2", "\2\3\1\2", "\7\1\2" };
    struct cclip_trained_merges merges[2];
    const struct cclip_merge_training training = { 100, 1, NULL, NULL };
    for (size_t turn = 0; turn < 2; turn++) {
        struct cclip_word_counts counts;
        cclip_word_counts_open(&counts);
        for (size_t i = 0; i < 5; i++)
            add_text(&counts, words[turn ? 4 - i : i], 2);
        assert_ok(cclip_train_merges(&merges[turn], &counts, &training));
        cclip_word_counts_close(&counts);
    }
    assert_int_equal(merges[0].count, merges[1].count);
    assert_memory_equal(merges[0].pairs, merges[1].pairs,
                        merges[0].count * sizeof *merges[0].pairs);
    cclip_trained_merges_close(&merges[0]);
    cclip_trained_merges_close(&merges[1]);
}

/* One letter a hundred thousand times: tokens double until a vocabulary's files would not take
 * them. */
static void test_endless_word(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    struct cclip_word_counts counts;
    struct cclip_trained_merges merges;
    const struct cclip_merge_training training = { 100000, 1, NULL, NULL };
    char *word = malloc(LENGTH);
    memset(word, 64, LENGTH);
    cclip_word_counts_open(&counts);
    add(&counts, word, LENGTH, 1);
    assert_ok(cclip_train_merges(&merges, &counts, &training));
    size_t lengths[CCLIP_BYTE_TOKENS + 200];
    assert_in_range(merges.count, 12, 200);
    for (size_t i = 0; i < CCLIP_BYTE_TOKENS; i++)
        lengths[i] = i < 256 ? 1 : 5;
    for (size_t i = 0; i < merges.count; i++) {
        lengths[512 + i] = lengths[merges.pairs[i][0]] + lengths[merges.pairs[i][1]];
        assert_true(lengths[512 + i] < CCLIP_LIMIT_TOKEN_BYTES);
    }
    assert_in_range(merges.tokens, LENGTH / CCLIP_LIMIT_TOKEN_BYTES, LENGTH / 1000);
    cclip_trained_merges_close(&merges);
    cclip_word_counts_close(&counts);
    free(word);
}

static int stop(void *user, size_t done, size_t total)
{
    size_t *calls = user;
    assert_true(done <= total);
    return ++*calls == 2;
}

static void test_cancel(void **state)
{
    (void)state;
    struct cclip_word_counts counts;
    struct cclip_trained_merges merges;
    struct cclip_random random;
    size_t calls = 0;
    const struct cclip_merge_training training = { MOST_MERGES, 1, stop, &calls };
    cclip_random_seed(&random, 1, 0);
    cclip_word_counts_open(&counts);
    random_words(&counts, &random, 20, 300, 20);
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_train_merges(&merges, &counts, &training));
    assert_int_equal(calls, 2);
    cclip_trained_merges_close(&merges);
    const struct cclip_merge_training absurd = { (size_t)1 << 40, 1, NULL, NULL };
    assert_fails(CCLIP_ERROR_LIMIT, cclip_train_merges(&merges, &counts, &absurd));
    cclip_trained_merges_close(&merges);
    cclip_word_counts_close(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_definition),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_endless_word),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
