/* Learning from another model, of other sizes and with another vocabulary; which weights a run begins with by the pair
 * of names that open_clip's users give. */
#include "small_run.h"

#include <math.h>

static const char teacher_configuration[] =
    "{\"embed_dim\": 24, \"vision_cfg\": {\"image_size\": 48, \"layers\": 1, \"width\": 32, \"head_width\": 16, "
    "\"patch_size\": 16}, \"text_cfg\": {\"context_length\": 9, \"vocab_size\": 7000, \"width\": 32, \"heads\": 2, "
    "\"layers\": 1}}";

static double losses[64];

static int keep_losses(void *user, const cclip_train_report *report)
{
    (void)user;
    losses[report->step] = report->loss;
    return 0;
}

static int stop_at_5(void *user, const cclip_train_report *report)
{
    (void)user;
    return report->step + 1 == 5;
}

/* A student that is its own teacher pays the entropy of its softmax beside the contrastive loss: at most ln n. */
static void own_teacher(void **state)
{
    cclip_train_options o = small_run("vit.json", "beginning");
    double plain[2], taught[2];
    (void)state;
    o.lr = 0;
    o.progress = keep_losses;
    assert_ok(cclip_train(NULL, &o)); /* writes what the next ones begin with */
    plain[0] = losses[0];
    plain[1] = losses[SMALL_STEPS];
    o.name = "own";
    o.distill_model = "logs/beginning/model";
    assert_ok(cclip_train(NULL, &o));
    taught[0] = losses[0];
    taught[1] = losses[SMALL_STEPS];
    for (int i = 0; i < 2; i++)
        assert_true(taught[i] > plain[i] && taught[i] - plain[i] <= log(SMALL_BATCH) + 1e-5);
}

/* Of another size, with a vocabulary of its own; stopped, taken up, in parts. */
static void another_teacher(void **state)
{
    cclip_train_options o;
    (void)state;
    small_write("teacher.json", teacher_configuration);
    o = small_run("teacher.json", "teacher");
    assert_ok(cclip_train(NULL, &o));
    o = small_run("vit.json", "alone");
    assert_ok(cclip_train(NULL, &o));
    o.name = "student";
    o.distill_pretrained = "logs/teacher/model";
    assert_ok(cclip_train(NULL, &o));
    o.name = "stopped";
    o.resume = "latest";
    o.progress = stop_at_5;
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_train(NULL, &o));
    o.progress = NULL;
    o.threads = 1;
    o.workers = 1;
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("student", "stopped");
    o.name = "parts";
    o.resume = NULL;
    o.batch_size = 2;
    o.accum_freq = 2;
    o.progress = keep_losses;
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    assert_ok(cclip_train(&result, &o));
    o = small_run("vit.json", "student-again");
    o.distill_model = "logs/teacher/model";
    const double last = losses[result.steps - 1];
    o.progress = keep_losses;
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("student", "student-again");
    assert_true(fabs(losses[result.steps - 1] - last) < 1e-3);
}

static void refused_as(cclip_status status, const cclip_train_options *o, const char *words)
{
    assert_fails(status, cclip_train(NULL, o));
    if (!strstr(cclip_error_message(), words))
        fail_msg("\"%s\" is not in: %s", words, cclip_error_message());
    assert_false(cclip_is_folder("logs/refused"));
}

static void weights(void **state)
{
    cclip_train_options o = small_run("vit.json", "plain");
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    o = small_run("logs/plain/model", "further");
    o.vocabulary = NULL;
    assert_ok(cclip_train(&result, &o));
    o = small_run(NULL, "pretrained");
    o.vocabulary = NULL;
    o.pretrained = "logs/plain/model";
    assert_ok(cclip_train(&result, &o));
    assert_same_weights("further", "pretrained");
    o.name = "refused";
    o.model = "ViT-B/32";
    refused_as(CCLIP_ERROR_MISMATCH, &o, "logs/plain/model: its architecture is custom, not ViT-B-32");
    o.model = "vit.json";
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "vit.json: a path, which takes no pretrained weights");
    o.model = NULL;
    o.pretrained = "laion2b";
    refused_as(CCLIP_ERROR_NOT_FOUND, &o, "a tag needs the model's name");
    o.model = "ViT-B-32";
    refused_as(CCLIP_ERROR_NOT_FOUND, &o, "model \"ViT-B-32,laion2b\": no such file or folder");
    o.pretrained = NULL;
    o.lock_image = 1;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "ViT-B-32: an architecture's name, whose weights are random");
    o = small_run("vit.json", "refused");
    o.distill_model = "RN50";
    refused_as(CCLIP_ERROR_UNSUPPORTED, &o, "the model to learn from: RN50: a configuration without weights");
    o.distill_model = "logs/plain/model";
    o.siglip = 1;
    refused_as(CCLIP_ERROR_UNSUPPORTED, &o, "distillation goes with the contrastive loss");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(own_teacher), cmocka_unit_test(another_teacher),
                                        cmocka_unit_test(weights) };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
