/* From text to ids. A plain ASCII text is lower-cased and scanned; any other goes through cleaning
 * first. Words that were seen before come from a cache. */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

enum {
    CACHE_SETS = 1 << 15, /* of two words each: 4 MB, touched as words come */
    KEY_WORDS = 4,
    KEY_BYTES = 32, /* the longest word that is kept */
    CACHED_IDS = 7,
    PADDING = 32 /* bytes after a text that may be read with its last word */
};

struct word_entry { /* one cache line */
    uint64_t key[KEY_WORDS]; /* the word, zeros after it */
    uint16_t length;         /* 0: empty */
    uint16_t count;
    int32_t ids[CACHED_IDS];
};

struct cclip_text_encoder {
    const struct cclip_tokenizer *tokenizer;
    struct word_entry *cache;
    struct cclip_codepoints text, scratch, part;
    struct cclip_repair_work repair;
    struct cclip_buffer cleaned;
    int32_t *ids; /* [0] is kept for the start token */
    size_t id_count, id_capacity;
    uint32_t *symbols;
    size_t symbol_capacity;
    struct cclip_merger merger;
    struct cclip_pretoken *pieces;
    size_t piece_count, piece_capacity;
};

cclip_status cclip_text_encoder_open(struct cclip_text_encoder **out,
                                     const struct cclip_tokenizer *tokenizer)
{
    *out = NULL;
    struct cclip_text_encoder *encoder = cclip_allocate_zero(1, sizeof *encoder);
    if (!encoder)
        return CCLIP_ERROR_MEMORY;
    encoder->tokenizer = tokenizer;
    cclip_buffer_open(&encoder->cleaned, 16 * CCLIP_LIMIT_TEXT_BYTES);
    encoder->cache = cclip_allocate_zero(2 * CACHE_SETS, sizeof *encoder->cache);
    if (!encoder->cache) {
        cclip_text_encoder_close(&encoder);
        return CCLIP_ERROR_MEMORY;
    }
    *out = encoder;
    return CCLIP_OK;
}

void cclip_text_encoder_close(struct cclip_text_encoder **out)
{
    struct cclip_text_encoder *encoder = *out;
    if (!encoder)
        return;
    cclip_codepoints_close(&encoder->text);
    cclip_codepoints_close(&encoder->scratch);
    cclip_codepoints_close(&encoder->part);
    cclip_repair_work_close(&encoder->repair);
    cclip_buffer_close(&encoder->cleaned);
    cclip_merger_close(&encoder->merger);
    cclip_release(encoder->cache);
    cclip_release(encoder->ids);
    cclip_release(encoder->symbols);
    cclip_release(encoder->pieces);
    cclip_release(encoder);
    *out = NULL;
}

static void make_key(uint64_t key[KEY_WORDS], const char *word, size_t length)
{
    static const unsigned char masks[2 * KEY_BYTES] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
    };
    uint64_t mask[KEY_WORDS];
    memcpy(key, word, KEY_BYTES);
    memcpy(mask, masks + KEY_BYTES - length, KEY_BYTES);
    for (size_t i = 0; i < KEY_WORDS; i++)
        key[i] &= mask[i];
}

static size_t key_slot(const uint64_t key[KEY_WORDS])
{
    uint64_t hash = key[0] * 0x9e3779b97f4a7c15u ^ key[1] * 0xc2b2ae3d27d4eb4fu;
    hash ^= key[2] * 0x165667b19e3779f9u ^ key[3] * 0xd6e8feb86659fd93u;
    return (size_t)(hash ^ hash >> 32) % CACHE_SETS * 2;
}

static int is_word(const struct word_entry *entry, const uint64_t key[KEY_WORDS], size_t length)
{
    const uint64_t *a = entry->key;
    return entry->length == length &&
           !((a[0] ^ key[0]) | (a[1] ^ key[1]) | (a[2] ^ key[2]) | (a[3] ^ key[3]));
}

/* Appends the ids of a word by merging; room for one id a byte is there. */
static cclip_status merge_word(struct cclip_text_encoder *encoder, const char *word, size_t length)
{
    const struct cclip_tokenizer *t = encoder->tokenizer;
    size_t count = length;
    cclip_status status = cclip_grow(&encoder->symbols, &encoder->symbol_capacity, length,
                                     sizeof *encoder->symbols, (size_t)1 << 32, "bytes of a word");
    if (status)
        return status;
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)word[i];
        int32_t id = t->vocabulary.byte_ids[i + 1 == length][byte];
        if (id < 0)
            id = t->unknown;
        if (id < 0)
            return cclip_fail(CCLIP_ERROR_MISMATCH,
                              "vocabulary: no token for the byte 0x%02x and no unknown token", byte);
        encoder->symbols[i] = (uint32_t)id;
    }
    status = cclip_merge_word(&encoder->merger, &t->vocabulary, encoder->symbols, &count, t->order);
    for (size_t i = 0; i < count && !status; i++)
        encoder->ids[encoder->id_count++] = (int32_t)encoder->symbols[i];
    return status;
}

static cclip_status add_new_word(struct cclip_text_encoder *encoder, const uint64_t key[KEY_WORDS],
                                 struct word_entry *set, const char *word, size_t length)
{
    const size_t before = encoder->id_count;
    const cclip_status status = merge_word(encoder, word, length);
    const size_t count = encoder->id_count - before;
    if (status || count > CACHED_IDS)
        return status;
    set[1] = set[0]; /* the older of the two goes */
    memcpy(set[0].key, key, sizeof set[0].key);
    memcpy(set[0].ids, encoder->ids + before, count * sizeof *encoder->ids);
    set[0].count = (uint16_t)count;
    set[0].length = (uint16_t)length;
    return CCLIP_OK;
}

/* `word` lies in a text with PADDING readable bytes after it. */
static inline cclip_status add_word(struct cclip_text_encoder *encoder, const char *word,
                                    size_t length)
{
    uint64_t key[KEY_WORDS];
    if (length > KEY_BYTES)
        return merge_word(encoder, word, length);
    make_key(key, word, length);
    struct word_entry *set = encoder->cache + key_slot(key);
    const struct word_entry *found = set;
    if (!is_word(found, key, length))
        found++;
    if (!is_word(found, key, length))
        return add_new_word(encoder, key, set, word, length);
    /* A fixed size is faster; the capacity allows for it. */
    memcpy(encoder->ids + encoder->id_count, found->ids, sizeof found->ids);
    encoder->id_count += found->count;
    return CCLIP_OK;
}

static cclip_status add_words(struct cclip_text_encoder *encoder, const struct cclip_scan_rules *rules,
                              const char *text, size_t length)
{
    struct cclip_scanner scanner = { rules, text, length, 0 };
    const struct cclip_tokenizer *t = encoder->tokenizer;
    struct cclip_word word;
    cclip_status status = CCLIP_OK;
    while (!status && cclip_scan_next(&scanner, &word)) {
        if (word.special < 0)
            status = add_word(encoder, text + word.begin, word.length);
        else if (t->hugging_face && !rules->specials[word.special].normalized)
            /* The special strings of the pattern only end the word before; see docs. */
            status = add_words(encoder, &t->plain, text + word.begin, word.length);
        else
            encoder->ids[encoder->id_count++] = rules->specials[word.special].id;
    }
    return status;
}

/* Copies in lower case; 0 if the text has a character that is not plain: then use the long way. */
static int lower_plain(char *out, const char *text, size_t length, int any_ascii)
{
    unsigned special = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned c = (unsigned char)text[i];
        special |= c & 0x80;
        special |= (c < 0x20) & (c != '\t') & (c != '\n') & !any_ascii;
        special |= ((c == '&') | (c == 0x7f)) & !any_ascii;
        out[i] = (char)(c | (c - 'A' < 26u ? 0x20u : 0u));
    }
    return !special;
}

static cclip_status prepare(struct cclip_text_encoder *encoder, size_t length)
{
    if (length > CCLIP_LIMIT_TEXT_BYTES)
        return cclip_fail(CCLIP_ERROR_LIMIT, "the text has %zu bytes; at most %zu are allowed",
                          length, CCLIP_LIMIT_TEXT_BYTES);
    encoder->id_count = 1;
    cclip_buffer_clear(&encoder->cleaned);
    return cclip_buffer_reserve(&encoder->cleaned, length + PADDING);
}

/* Room for one id a byte, start, end, and the fixed-size copy of cached ids. */
static cclip_status need_ids(struct cclip_text_encoder *encoder, size_t more)
{
    return cclip_grow(&encoder->ids, &encoder->id_capacity,
                      encoder->id_count + more + 2 + CACHED_IDS, sizeof *encoder->ids,
                      (size_t)1 << 32, "tokens");
}

/* The words of `text`, whose form is final but for its encoding. */
static cclip_status add_codepoints(struct cclip_text_encoder *encoder,
                                   const struct cclip_codepoints *text)
{
    struct cclip_buffer *out = &encoder->cleaned;
    for (size_t i = 0; i < text->count; i++)
        if (cclip_is_surrogate(text->data[i]))
            return cclip_fail(CCLIP_ERROR_FORMAT,
                              "character %zu of the text is a lone surrogate (U+%04X)", i + 1,
                              (unsigned)text->data[i]);
    cclip_buffer_clear(out);
    cclip_status status = cclip_codepoints_to_utf8(out, text->data, text->count);
    if (!status)
        status = cclip_buffer_reserve(out, out->length + PADDING);
    if (!status)
        status = need_ids(encoder, out->length);
    if (status)
        return status;
    memset(out->data + out->length, 0, PADDING);
    return add_words(encoder, &encoder->tokenizer->scan, out->data, out->length);
}

/* The special that starts at `at`: the longest; NULL if there is none. */
static const struct cclip_special *special_at(const struct cclip_tokenizer *t,
                                              const struct cclip_codepoints *text, size_t at)
{
    for (size_t k = 0; k < t->special_count; k++) {
        const struct cclip_special *special = &t->specials[k];
        size_t i = 0, place = at;
        while (i < special->length && place < text->count) {
            uint32_t c;
            const size_t size = cclip_utf8_decode(&c, special->text + i, special->length - i);
            if (!size || c != text->data[place])
                break;
            i += size;
            place++;
        }
        if (i == special->length && !special->normalized)
            return special;
    }
    return NULL;
}

static size_t characters(const struct cclip_special *special)
{
    size_t count = 0;
    for (size_t i = 0; i < special->length; i++)
        count += ((unsigned char)special->text[i] & 0xc0) != 0x80;
    return count;
}

static cclip_status add_segment(struct cclip_text_encoder *encoder, size_t begin, size_t end)
{
    struct cclip_codepoints *part = &encoder->part;
    part->count = 0;
    cclip_status status =
        cclip_codepoints_append(part, encoder->text.data + begin, end - begin);
    if (!status)
        status = cclip_clean_hugging_face(part, &encoder->scratch);
    return status ? status : add_codepoints(encoder, part);
}

/* Special strings are cut out of the text as it is; what lies between is normalised by itself. */
static cclip_status add_hugging_face(struct cclip_text_encoder *encoder)
{
    const struct cclip_tokenizer *t = encoder->tokenizer;
    const struct cclip_codepoints *text = &encoder->text;
    cclip_status status = CCLIP_OK;
    size_t begin = 0, at = 0;
    while (at < text->count && !status) {
        char first[4];
        cclip_utf8_encode(first, text->data[at]);
        const struct cclip_special *special =
            t->scan.may_start[(unsigned char)first[0]] ? special_at(t, text, at) : NULL;
        if (!special) {
            at++;
            continue;
        }
        status = add_segment(encoder, begin, at);
        if (!status)
            status = need_ids(encoder, 1);
        if (!status)
            encoder->ids[encoder->id_count++] = special->id;
        begin = at += characters(special);
    }
    return status ? status : add_segment(encoder, begin, text->count);
}

static cclip_status encode_any(struct cclip_text_encoder *encoder, const char *text, size_t length)
{
    const struct cclip_tokenizer *t = encoder->tokenizer;
    cclip_status status = cclip_codepoints_from_utf8(&encoder->text, text, length);
    if (!status)
        status = cclip_clean(&encoder->text, &encoder->scratch, &encoder->repair, &t->clean);
    if (status)
        return status;
    return t->hugging_face ? add_hugging_face(encoder) : add_codepoints(encoder, &encoder->text);
}

/* May a plain text skip cleaning? Its white space is dropped between words anyway, so what is left
 * of every rule is lower case; a special string of style hf must not have been lower-cased. */
static int is_plain(struct cclip_text_encoder *encoder, const char *text, size_t length)
{
    const struct cclip_tokenizer *t = encoder->tokenizer;
    if (t->clean.cleaning == CCLIP_CLEANING_CANONICALIZE ||
        (t->clean.cleaning != CCLIP_CLEANING_LOWER && !t->hugging_face))
        return 0;
    if (t->hugging_face && (!t->raw_specials_by_angle || memchr(text, '<', length)))
        return 0;
    return lower_plain(encoder->cleaned.data, text, length,
                       t->clean.cleaning == CCLIP_CLEANING_NONE);
}

cclip_status cclip_text_encode(struct cclip_text_encoder *encoder, const int32_t **ids,
                               size_t *count, const char *text, size_t length)
{
    *ids = NULL;
    *count = 0;
    cclip_status status = prepare(encoder, length);
    if (!status)
        status = need_ids(encoder, length);
    if (status)
        return status;
    if (length && is_plain(encoder, text, length)) {
        memset(encoder->cleaned.data + length, 0, PADDING);
        status = add_words(encoder, &encoder->tokenizer->scan, encoder->cleaned.data, length);
    } else if (length) {
        status = encode_any(encoder, text, length);
    }
    if (status)
        return status;
    *ids = encoder->ids + 1;
    *count = encoder->id_count - 1;
    return CCLIP_OK;
}

static cclip_status too_long(const char *text, size_t length, size_t tokens, size_t context)
{
    size_t shown = length < 60 ? length : 60;
    while (shown < length && shown && ((unsigned char)text[shown] & 0xc0) == 0x80)
        shown--;
    char start[61];
    for (size_t i = 0; i < shown; i++)
        start[i] = (char)((unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
    start[shown] = '\0';
    return cclip_fail(CCLIP_ERROR_LIMIT,
                      "input \"%s%s\" is too long for context length %zu: it has %zu tokens", start,
                      shown < length ? "..." : "", context, tokens);
}

cclip_status cclip_text_tokenize(struct cclip_text_encoder *encoder, const int32_t **ids,
                                 size_t *count, const char *text, size_t length, size_t context,
                                 int truncate)
{
    const struct cclip_tokenizer *t = encoder->tokenizer;
    cclip_status status = cclip_text_encode(encoder, ids, count, text, length);
    if (status)
        return status;
    int32_t *first = encoder->ids + 1;
    if (t->start >= 0)
        *--first = t->start;
    if (t->end >= 0)
        encoder->ids[encoder->id_count++] = t->end;
    *ids = first;
    *count = (size_t)(encoder->ids + encoder->id_count - first);
    if (!context || *count <= context)
        return CCLIP_OK;
    if (!truncate) {
        const size_t tokens = *count;
        *ids = NULL;
        *count = 0;
        return too_long(text, length, tokens, context);
    }
    if (t->end >= 0)
        first[context - 1] = t->end;
    *count = context;
    return CCLIP_OK;
}

cclip_status cclip_text_clean(struct cclip_text_encoder *encoder, struct cclip_buffer *out,
                              const char *text, size_t length)
{
    cclip_status status = prepare(encoder, length);
    if (!status)
        status = cclip_codepoints_from_utf8(&encoder->text, text, length);
    if (!status)
        status = cclip_clean(&encoder->text, &encoder->scratch, &encoder->repair,
                             &encoder->tokenizer->clean);
    if (!status && encoder->tokenizer->hugging_face)
        status = cclip_clean_hugging_face(&encoder->text, &encoder->scratch);
    return status ? status
                  : cclip_codepoints_to_utf8(out, encoder->text.data, encoder->text.count);
}

cclip_status cclip_text_pretokenize(struct cclip_text_encoder *encoder,
                                    const struct cclip_pretoken **pieces, size_t *count,
                                    const char *cleaned, size_t length)
{
    struct cclip_scanner scanner = { &encoder->tokenizer->scan, cleaned, length, 0 };
    struct cclip_word word;
    cclip_status status = CCLIP_OK;
    encoder->piece_count = 0;
    while (!status && cclip_scan_next(&scanner, &word)) {
        status = cclip_grow(&encoder->pieces, &encoder->piece_capacity, encoder->piece_count + 1,
                            sizeof *encoder->pieces, CCLIP_LIMIT_TEXT_BYTES, "words of a text");
        if (!status)
            encoder->pieces[encoder->piece_count++] =
                (struct cclip_pretoken){ word.begin, word.length };
    }
    *pieces = status ? NULL : encoder->pieces;
    *count = status ? 0 : encoder->piece_count;
    return status;
}
