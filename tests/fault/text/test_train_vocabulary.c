/* Each allocation of training a vocabulary fails in turn. */
#include "support/unit.h"

#include "support/fault.h"
#include "text/vocabulary_trainer.h"

static cclip_status life(void *context)
{
    struct cclip_vocabulary_trainer trainer;
    const struct cclip_text_options options = { .style = CCLIP_STYLE_OPENAI };
    const struct cclip_merge_training training = { 2000, 1, NULL, NULL };
    struct cclip_tokenizer *tokenizer = NULL;
    uint64_t tokens;
    (void)context;
    cclip_status status = cclip_vocabulary_trainer_open(&trainer, &options);
    /* Enough words and pairs for every table to grow. */
    for (unsigned n = 0; n < 700 && !status; n++) {
        char caption[64];
        const int length =
            snprintf(caption, sizeof caption, "caf\xc3\xa9 %c%c%c%c %x", 'a' + n % 26,
                     'a' + n / 3 % 26, 'a' + n / 5 % 26, 'a' + n / 11 % 26, n * 7919);
        status = cclip_vocabulary_trainer_add(&trainer, caption, (size_t)length);
    }
    if (!status)
        status = cclip_vocabulary_trainer_learn(&tokenizer, &tokens, &trainer, &training);
    cclip_text_tokenizer_close(&tokenizer);
    cclip_vocabulary_trainer_close(&trainer);
    return status;
}

static void test_life(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(life, NULL) > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_life) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
