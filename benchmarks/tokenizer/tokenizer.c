/* Tokens a second on one thread, with repair on and the word cache cold, over distinct captions.
 *
 *   bench_tokenizer [VOCABULARY [CAPTIONS [OUT]]]
 *
 * The captions are made here: the words are those of the vocabulary itself that are plain English
 * letters, frequent ones (low ids) more often. The first words of caption k spell k, so that no two
 * captions are equal. OUT gets them as a text file, for other tokenizers to be timed on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"

enum { MOST_WORDS = 65536, REPEATS = 5, FREQUENT = 2000 };

struct words {
    const char *text[MOST_WORDS];
    size_t length[MOST_WORDS], count;
};

struct captions {
    char *text;
    size_t *offsets; /* count + 1 */
    size_t count;
};

static void find_words(struct words *words, const struct cclip_tokenizer *tokenizer)
{
    const struct cclip_vocabulary *v = &tokenizer->vocabulary;
    for (size_t id = 0; id < v->count && words->count < MOST_WORDS; id++) {
        size_t length, letters = 0;
        const char *text = cclip_vocabulary_text(v, id, &length);
        while (letters < length && text[letters] >= 'a' && text[letters] <= 'z')
            letters++;
        if (letters < 2 || letters + CCLIP_WORD_END_LENGTH != length)
            continue;
        words->text[words->count] = text;
        words->length[words->count++] = letters;
    }
}

static char *put(char *out, const struct words *words, size_t word)
{
    memcpy(out, words->text[word], words->length[word]);
    return out + words->length[word];
}

/* About one caption in two begins with a capital and ends with a full stop; some have a comma. */
static char *make_caption(char *out, const struct words *words, size_t number,
                          struct cclip_random *random)
{
    const size_t frequent = words->count < FREQUENT ? words->count : FREQUENT;
    const size_t count = 4 + (size_t)cclip_random_below(random, 10);
    const int sentence = (int)cclip_random_below(random, 2);
    char *begin = out;
    for (size_t i = 0; i < count; i++) {
        size_t word;
        if (i < 2) {
            word = i ? number / words->count % words->count : number % words->count;
        } else {
            const int is_frequent = cclip_random_below(random, 10) < 7;
            word = (size_t)cclip_random_below(random, is_frequent ? frequent : words->count);
        }
        if (i)
            *out++ = ' ';
        out = put(out, words, word);
        if (i + 1 < count && !cclip_random_below(random, 12))
            *out++ = ',';
    }
    if (sentence) {
        *begin = (char)(*begin - 'a' + 'A');
        *out++ = '.';
    }
    return out;
}

static int make_captions(struct captions *captions, const struct words *words, size_t count)
{
    struct cclip_random random;
    cclip_random_seed(&random, 1, 0);
    captions->text = malloc(count * 320 + 512);
    captions->offsets = malloc((count + 1) * sizeof *captions->offsets);
    captions->count = count;
    if (!captions->text || !captions->offsets)
        return 0;
    char *out = captions->text;
    for (size_t i = 0; i < count; i++) {
        captions->offsets[i] = (size_t)(out - captions->text);
        out = make_caption(out, words, i, &random);
    }
    captions->offsets[count] = (size_t)(out - captions->text);
    return 1;
}

/* Seconds for all captions by a new encoder, whose cache is empty. */
static double run(const struct cclip_tokenizer *tokenizer, const struct captions *captions,
                  size_t *tokens)
{
    struct cclip_text_encoder *encoder;
    const double start = cclip_clock_seconds();
    if (cclip_text_encoder_open(&encoder, tokenizer))
        return -1;
    *tokens = 0;
    for (size_t i = 0; i < captions->count; i++) {
        const int32_t *ids;
        size_t count;
        if (cclip_text_tokenize(encoder, &ids, &count, captions->text + captions->offsets[i],
                                captions->offsets[i + 1] - captions->offsets[i], 77, 1))
            return -1;
        *tokens += count - 2; /* start and end are not counted */
    }
    cclip_text_encoder_close(&encoder);
    return cclip_clock_seconds() - start;
}

static void write_captions(const char *path, const struct captions *captions)
{
    FILE *file = fopen(path, "w");
    for (size_t i = 0; file && i < captions->count; i++)
        fprintf(file, "%.*s\n", (int)(captions->offsets[i + 1] - captions->offsets[i]),
                captions->text + captions->offsets[i]);
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "../shared/vocab/bpe_simple_vocab_16e6.txt.gz";
    const size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    static struct words words;
    struct captions captions = { 0 };
    struct cclip_tokenizer *tokenizer;
    const struct cclip_text_options options = { .style = CCLIP_STYLE_OPENAI };
    if (cclip_text_tokenizer_open(&tokenizer, path, &options)) {
        fprintf(stderr, "%s\n", cclip_error_message());
        return 1;
    }
    find_words(&words, tokenizer);
    if (words.count < 1000 || !count || count > words.count * words.count ||
        !make_captions(&captions, &words, count)) {
        fprintf(stderr, "%s: %zu words: too few for %zu captions\n", path, words.count, count);
        return 1;
    }
    if (argc > 3)
        write_captions(argv[3], &captions);
    double best = 1e9;
    size_t tokens = 0;
    for (int i = 0; i < REPEATS; i++) {
        const double seconds = run(tokenizer, &captions, &tokens);
        if (seconds < 0) {
            fprintf(stderr, "%s\n", cclip_error_message());
            return 1;
        }
        best = seconds < best ? seconds : best;
    }
    printf("captions %zu  words known %zu  tokens %zu  bytes %zu\n", count, words.count, tokens,
           captions.offsets[count]);
    printf("best of %d: %.3f s  %.2f million tokens/s  %.2f million captions/s  %.0f MB/s\n",
           REPEATS, best, (double)tokens / best / 1e6, (double)count / best / 1e6,
           (double)captions.offsets[count] / best / 1e6);
    free(captions.text);
    free(captions.offsets);
    cclip_text_tokenizer_close(&tokenizer);
    return 0;
}
