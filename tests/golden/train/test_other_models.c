/* Kinds of models that golden/train has none of: every gradient of tests/data/train/NAME.json, computed by
 * open_clip in double precision (make_gradients.py). */
#include "trainer.h"

static const char batch_text[] =
    "{\"images\": \"train.images.0\", \"tokens\": \"train.tokens.0\", \"size\": 16}";

/* Zero but for rounding: nothing a query asks changes when all keys are moved alike. */
static int is_zero(const cclip_json *expected)
{
    return cclip_json_number(cclip_json_get(expected, "l2"), NAN) < 1e-12;
}

static void check_gradient(const struct trainer *t, const char *name, const cclip_json *expected)
{
    const struct cclip_trainable *item = cclip_trainables_find(&t->learner->parameters, name);
    const cclip_json *first = cclip_json_get(expected, "first4");
    const double wanted = cclip_json_number(cclip_json_get(expected, "l2"), NAN);
    if (!item)
        fail_msg("no parameter \"%s\"", name);
    const float *gradient = t->learner->parameters.gradients + item->begin;
    const double length = trainer_length(gradient, item->count);
    const double usual = wanted / sqrt((double)item->count);
    if (!(fabs(length - wanted) <= 1e-4 * wanted + (is_zero(expected) ? 1e-6 : 0)))
        fail_msg("%s: the gradient is %.9g long, not %.9g", name, length, wanted);
    for (size_t i = 0; i < cclip_json_length(first); i++) {
        const double x = cclip_json_number(cclip_json_at(first, i), NAN);
        if (!(fabs(gradient[i] - x) <= 1e-4 * fmax(fabs(x), usual) + (is_zero(expected) ? 1e-6 : 0)))
            fail_msg("%s: element %zu of the gradient is %.9g, not %.9g", name, i,
                     (double)gradient[i], x);
    }
}

static void check_file(const char *path)
{
    struct trainer t;
    struct cclip_json_iterator it;
    cclip_json *root, *batch;
    double loss;
    size_t count = 0, learning = 0;
    print_message("%s\n", path);
    assert_ok(cclip_json_read_file(&root, path));
    assert_ok(cclip_json_parse(&batch, batch_text, sizeof batch_text - 1, "batch"));
    trainer_open(&t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    trainer_batch(&t, batch, 0);
    assert_ok(cclip_train_gradients(t.learner,
                                    t.learner->logit_bias ? cclip_sigmoid_loss : cclip_contrastive_loss,
                                    &t.batch, &t.arena, 1, &loss));
    const double wanted = cclip_json_number(cclip_json_get(root, "loss"), NAN);
    if (!(fabs(loss - wanted) <= 1e-5 * fmax(1, wanted)))
        fail_msg("the loss is %.9g, not %.9g", loss, wanted);
    const cclip_json *gradients = cclip_json_get(root, "grads");
    for (int more = cclip_json_first(&it, gradients); more; more = cclip_json_next(&it), count++)
        check_gradient(&t, it.key, it.value);
    for (size_t i = 0; i < t.learner->parameters.count; i++)
        learning += !t.learner->parameters.items[i].buffer;
    assert_int_equal(count, learning); /* none is left out on either side */
    trainer_close(&t);
    cclip_json_close(&batch);
    cclip_json_close(&root);
}

static void other_models(void **state)
{
    char folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
    struct cclip_names names;
    (void)state;
    cclip_test_join(folder, sizeof folder, cclip_test_data(), "train");
    assert_ok(cclip_folder_list(&names, folder));
    assert_true(names.count > 0);
    for (size_t i = 0; i < names.count; i++) {
        cclip_test_join(path, sizeof path, folder, names.names[i]);
        check_file(path);
    }
    cclip_names_close(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(other_models) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
