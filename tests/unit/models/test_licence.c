/* The licence of a model card. */
#include "support/unit.h"

#include "base/file.h"
#include "models/licence.h"

static void expect(const char *card, const char *licence)
{
    char folder[] = "/tmp/cclip-licence-XXXXXX", path[64], weights[64], text[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/README.md", folder);
    snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
    if (card)
        assert_ok(cclip_file_write(path, card, strlen(card)));
    cclip_model_licence(text, sizeof text, weights);
    assert_string_equal(text, licence);
    remove(path);
    remove(folder);
}

static void test_cards(void **state)
{
    (void)state;
    expect("---\nlicense: mit\n---\n# A model\n", "mit");
    expect("---\r\ntags:\r\n- clip\r\nlicense: \"apache-2.0\"\r\n---\r\n", "apache-2.0");
    expect("---\nlicense_name: other\nlicense: cc-by-nc-4.0 # see LICENSE\n---\n", "cc-by-nc-4.0");
}

static void test_no_card(void **state)
{
    (void)state;
    expect(NULL, "unknown");
    expect("", "unknown");
    expect("# A model\nlicense: mit\n", "unknown");
    expect("---\ntags: clip\n---\nlicense: mit\n", "unknown");
    expect("---\nlicense: mit", "mit");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cards), cmocka_unit_test(test_no_card) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
