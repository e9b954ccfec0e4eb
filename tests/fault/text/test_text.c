/* Each allocation of a tokenizer's life fails in turn. */
#include "support/unit.h"

#include <zlib.h>

#include "base/file.h"
#include "support/fault.h"
#include "unit/text/small_tokenizer.h"

static char folder[] = "/tmp/cclip-fault-XXXXXX";

static const char *const texts[] = {
    "a photo of a cat, dog's",
    ("caf\xc3\xa9 &amp; sch\xc3\x83\xc2\xb6n It\xc3\xa2\xe2\x82\xac\xe2\x84\xa2s "
    "e\xcc\x81 \xef\xac\x81ne \xef\xbd\xb6\xef\xbe\x9e"),
    "\xce\x95\xce\x9b\xc3\x83\xc2\x83\xc3\x82\xc2\xa9 \xe4\xb8\x80 \xc3\xa2\xe2\x82\xac\xe2\x84\xa2",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "a<|endoftext|>b &lt;",
};

static cclip_status use(const struct cclip_tokenizer *tokenizer)
{
    struct cclip_text_encoder *encoder;
    struct cclip_buffer out;
    cclip_status status = cclip_text_encoder_open(&encoder, tokenizer);
    cclip_buffer_open(&out, 1 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && !status; i++) {
        const int32_t *ids;
        const struct cclip_pretoken *pieces;
        size_t count;
        status = cclip_text_tokenize(encoder, &ids, &count, texts[i], strlen(texts[i]), 0, 0);
        if (!status)
            status = cclip_text_decode(tokenizer, &out, ids, count);
        if (!status)
            status = cclip_text_clean(encoder, &out, texts[i], strlen(texts[i]));
        if (!status)
            status = cclip_text_pretokenize(encoder, &pieces, &count, texts[i], strlen(texts[i]));
    }
    cclip_buffer_close(&out);
    cclip_text_encoder_close(&encoder);
    return status;
}

static cclip_status from_tokens(void *context)
{
    struct cclip_tokenizer *tokenizer;
    cclip_status status = small_open(&tokenizer, context);
    if (!status)
        status = use(tokenizer);
    if (!status)
        status = cclip_text_write_vocabulary(tokenizer, folder);
    cclip_text_tokenizer_close(&tokenizer);
    return status;
}

static cclip_status from_file(void *context)
{
    struct cclip_tokenizer *tokenizer;
    cclip_status status = cclip_text_tokenizer_open(&tokenizer, context, NULL);
    if (!status)
        status = use(tokenizer);
    cclip_text_tokenizer_close(&tokenizer);
    return status;
}

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void test_styles(void **state)
{
    (void)state;
    for (int style = CCLIP_STYLE_OPENAI; style <= CCLIP_STYLE_HF; style++) {
        struct cclip_text_options options = { .style = (enum cclip_text_style)style };
        assert_true(cclip_fault_each(from_tokens, &options) > 20);
    }
}

static void test_files(void **state)
{
    struct cclip_text_options options = { .style = CCLIP_STYLE_HF };
    (void)state;
    assert_ok(from_tokens(&options));
    assert_true(cclip_fault_each(from_file, folder) > 20);
    struct cclip_buffer merges;
    assert_ok(cclip_file_read(&merges, in_folder("merges.txt"), 10000));
    gzFile file = gzopen(in_folder("list.gz"), "wb");
    gzwrite(file, merges.data, (unsigned)merges.length);
    gzclose(file);
    cclip_buffer_close(&merges);
    assert_true(cclip_fault_each(from_file, (void *)(size_t)in_folder("list.gz")) > 20);
    static const char *const names[] = { "merges.txt", "vocab.json", "tokenizer_config.json", "list.gz" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(in_folder(names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_styles), cmocka_unit_test(test_files) };
    if (!mkdtemp(folder))
        return 1;
    const int result = cmocka_run_group_tests(tests, NULL, NULL);
    remove(folder);
    return result;
}
