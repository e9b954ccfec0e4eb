/* PyTorch zips: where the tensors are found, under which names, and what is refused. */
#include "support/unit.h"

#include <zlib.h>

#include "checkpoint/checkpoint.h"
#include "support/made_files.h"
#include "support/made_zip.h"
#include "support/made_torch.h"

static const struct made_tensor plain = { "FloatStorage", "0", 12, 0, 2, { 3, 4 }, { 4, 1 } };

static float numbers[12]; /* 0, 1, 2 ...: the storage data/0 */

static int set_up(void **state)
{
    for (int i = 0; i < 12; i++)
        numbers[i] = (float)i;
    return made_folder_open(state);
}

/* Opens an archive with this pickle and the storage data/0; frees the pickle. */
static cclip_status open_made(struct cclip_checkpoint **out, struct made *pickle, int deflated)
{
    struct made_zip zip = { .zip64 = 0, .gap = 5 };
    made_text(pickle, ".");
    made_torch_add(&zip, "data.pkl", pickle->data, pickle->length, deflated);
    made_torch_add(&zip, "byteorder", "little", 6, 0);
    made_torch_add(&zip, "data/0", numbers, sizeof numbers, deflated);
    made_zip_end(&zip, "");
    const cclip_status status =
        cclip_checkpoint_open(out, made_file("model.pt", zip.out.data, zip.out.length));
    made_zip_free(&zip);
    made_free(pickle);
    return status;
}

static void put_member(struct made *pickle, const char *name, const struct made_tensor *tensor)
{
    made_pickle_text(pickle, name);
    made_pickle_tensor(pickle, tensor);
    made_text(pickle, "s");
}

static void check_values(const struct cclip_checkpoint *c, size_t index, const float *wanted, size_t count)
{
    float values[12];
    cclip_tensor_to_f32(values, cclip_checkpoint_tensor(c, index));
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] == wanted[i]);
}

/* Views of one storage: as it lies, from an offset, transposed, channels last, a scalar, nothing. */
static void test_views(void **state)
{
    static const struct {
        struct made_tensor tensor;
        size_t count;
        float values[12];
    } cases[] = {
        { { "FloatStorage", "0", 12, 0, 2, { 3, 4 }, { 4, 1 } }, 12,
          { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } },
        { { "FloatStorage", "0", 12, 6, 1, { 6 }, { 1 } }, 6, { 6, 7, 8, 9, 10, 11 } },
        { { "FloatStorage", "0", 12, 0, 2, { 4, 3 }, { 1, 4 } }, 12,
          { 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11 } },
        { { "FloatStorage", "0", 12, 0, 4, { 1, 3, 2, 2 }, { 12, 1, 6, 3 } }, 12,
          { 0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11 } },
        { { "FloatStorage", "0", 12, 11, 0, { 0 }, { 0 } }, 1, { 11 } },
        { { "FloatStorage", "0", 12, 11, 2, { 1, 1 }, { 2000000000, 2000000000 } }, 1, { 11 } },
        { { "FloatStorage", "0", 12, 3, 2, { 2, 2 }, { 0, 1 } }, 4, { 3, 4, 3, 4 } },
        { { "FloatStorage", "0", 12, 12, 2, { 0, 5 }, { 5, 1 } }, 0, { 0 } },
        { { "FloatStorage", "0", 5, 0, 1, { 5 }, { 1 } }, 5, { 0, 1, 2, 3, 4 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int deflated = 0; deflated < 2; deflated++) {
            const struct made_tensor *t = &cases[i].tensor;
            struct made pickle = { 0 };
            struct cclip_checkpoint *c;
            made_text(&pickle, "\x80\2}");
            put_member(&pickle, "w", t);
            assert_ok(open_made(&c, &pickle, deflated));
            assert_string_equal(cclip_checkpoint_format(c), "PyTorch zip");
            assert_int_equal(cclip_checkpoint_count(c), 1);
            assert_int_equal(cclip_checkpoint_tensor(c, 0)->rank, t->rank);
            for (int d = 0; d < t->rank; d++)
                assert_int_equal(cclip_checkpoint_tensor(c, 0)->shape[d], t->shape[d]);
            cclip_checkpoint_forget(c, 0);
            check_values(c, 0, cases[i].values, cases[i].count);
            cclip_checkpoint_close(&c);
        }
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *storage;
        enum cclip_dtype dtype;
        int size;
    } types[] = { { "FloatStorage", CCLIP_F32, 4 },  { "HalfStorage", CCLIP_F16, 2 },
                  { "BFloat16Storage", CCLIP_BF16, 2 }, { "DoubleStorage", CCLIP_F64, 8 },
                  { "LongStorage", CCLIP_I64, 8 },   { "IntStorage", CCLIP_I32, 4 },
                  { "ShortStorage", CCLIP_I16, 2 },  { "CharStorage", CCLIP_I8, 1 },
                  { "ByteStorage", CCLIP_U8, 1 },    { "BoolStorage", CCLIP_BOOL, 1 } };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct made_tensor tensor = { types[i].storage, "0", 48 / types[i].size, 2, 1, { 3 }, { 1 } };
        struct made pickle = { 0 };
        struct cclip_checkpoint *c;
        made_text(&pickle, "\x80\2}");
        put_member(&pickle, "w", &tensor);
        assert_ok(open_made(&c, &pickle, 0));
        assert_int_equal(cclip_checkpoint_tensor(c, 0)->dtype, types[i].dtype);
        assert_memory_equal(cclip_checkpoint_tensor(c, 0)->data,
                            (const char *)numbers + 2 * types[i].size, 3 * (size_t)types[i].size);
        cclip_checkpoint_close(&c);
    }
}

/* A pickle from pieces, since texts inside hold zero bytes: "}" literally, "'name" a text, "#" the tensor. */
static struct made from_pieces(const char *const *pieces)
{
    struct made pickle = { 0 };
    for (; *pieces; pieces++) {
        if (**pieces == '\'')
            made_pickle_text(&pickle, *pieces + 1);
        else if (**pieces == '#')
            made_pickle_tensor(&pickle, &plain);
        else
            made_text(&pickle, *pieces);
    }
    return pickle;
}

/* Where the state_dict is; what stands beside it is passed over; wrappers' prefixes go. */
static void test_where(void **state)
{
    static const char *const cases[][16] = {
        { "\x80\2}", "'visual.proj", "#", "s" },
        { "\x80\2}", "'module.visual.proj", "#", "s" },
        { "\x80\2}", "'_orig_mod.module.visual.proj", "#", "s" },
        { "\x80\2}", "'epoch", "K\3s", "'state_dict", "}", "'module.visual.proj", "#", "ss", "'name", "Ns" },
        { "\x80\2}", "'model", "}", "'visual.proj", "#", "ss" },
        { "\x80\2}", "'model", "'ViT", "s", "'state_dict", "}", "'visual.proj", "#", "ss" },
        { "\x80\2}", "'model", "'ViT", "s", "'visual.proj", "#", "s" },
        { "\x80\2}", "'epoch", "K\3s", "'model_state_dict", "}", "'visual.proj", "#", "ss" },
        { "\x80\2}", "'state_dict", "}s", "'visual.proj", "#", "sK\5K\6s" },
        { "\x80\2}", "'state_dict", "}", "'visual.proj", "#", "ss", "'optimizer", "}", "'w", "#", "ss" },
        { "\x80\2" "ccollections\nOrderedDict\n)R", "'visual.proj", "#", "s}", "'_metadata", "Nsb" },
        { "\x80\2}", "'visual.proj", "ctorch._utils\n_rebuild_parameter\n(", "#", "\x88NtRs" },
        { "\x80\2}", "'scaler", "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n", "'f8", "\x89\x88\x87R",
          "C\1x\x86Rs", "'state_dict", "}", "'visual.proj", "#", "ss" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made pickle = from_pieces(cases[i]);
        struct cclip_checkpoint *c;
        assert_ok(open_made(&c, &pickle, 0));
        assert_int_equal(cclip_checkpoint_count(c), 1);
        assert_string_equal(cclip_checkpoint_name(c, 0), "visual.proj");
        check_values(c, 0, numbers, 12);
        cclip_checkpoint_close(&c);
    }
}

/* Modules inside modules: names are the paths to the tensors. */
static void test_torch_script(void **state)
{
    static const char *const pieces[] = {
        "\x80\2" "c__torch__.clip.model\nCLIP\n)\x81}", "'logit_scale", "#", "s", "'training", "\x89s",
        "'visual", "c__torch__.clip.model.___torch_mangle_1\nVision\n)\x81}", "'0", "c__torch__.x\nBlock\n)\x81}",
        "'weight", "#", "s", "'sizes", "ctorch.jit._pickle\nbuild_intlist\n]K\1a\x85Rs", "bs", "'empty",
        "c__torch__.x\nGELU\n)\x81}bs", "'bare", "c__torch__.x\nGELU\n)\x81s", "bs", "b", NULL
    };
    struct made pickle = from_pieces(pieces);
    struct cclip_checkpoint *c;
    (void)state;
    assert_ok(open_made(&c, &pickle, 1));
    assert_string_equal(cclip_checkpoint_format(c), "TorchScript");
    assert_int_equal(cclip_checkpoint_count(c), 2);
    assert_string_equal(cclip_checkpoint_name(c, 0), "logit_scale");
    assert_string_equal(cclip_checkpoint_name(c, 1), "visual.0.weight");
    check_values(c, 1, numbers, 12);
    cclip_checkpoint_close(&c);
}

static const char v3[] = "ctorch._utils\n_rebuild_tensor_v3\n";

/* Tensors that are made in rarer ways. */
static void test_other_makers(void **state)
{
    struct made_tensor bytes = { "UntypedStorage", "0", 48, 2, 1, { 4 }, { 1 } };
    struct made pickle = { 0 };
    struct cclip_checkpoint *c;
    (void)state;
    made_text(&pickle, "\x80\2}");
    made_pickle_text(&pickle, "untyped");
    made_text(&pickle, v3);
    made_pickle_arguments(&pickle, &bytes);
    pickle.length--; /* the tuple goes on: */
    made_text(&pickle, "ctorch\nfloat32\ntRs");
    made_pickle_text(&pickle, "of_class");
    made_text(&pickle, "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
                       "ctorch.nn.parameter\nParameter\n");
    made_pickle_arguments(&pickle, &plain);
    made_text(&pickle, "}tRs");
    assert_ok(open_made(&c, &pickle, 0));
    assert_int_equal(cclip_checkpoint_count(c), 2);
    assert_int_equal(cclip_checkpoint_tensor(c, 0)->dtype, CCLIP_F32);
    check_values(c, 0, numbers + 2, 4);
    check_values(c, 1, numbers, 12);
    cclip_checkpoint_close(&c);
}

/* A view whose values are to be negated would be wrong as it lies. */
static void test_flipped(void **state)
{
    struct made pickle = { 0 };
    struct cclip_checkpoint *c;
    (void)state;
    made_text(&pickle, "\x80\2}");
    made_pickle_text(&pickle, "w");
    made_text(&pickle, "ctorch._utils\n_rebuild_tensor_v2\n");
    made_pickle_arguments(&pickle, &plain);
    pickle.length--; /* the tuple goes on: */
    made_text(&pickle, "}");
    made_pickle_text(&pickle, "neg");
    made_text(&pickle, "\x88stRs");
    assert_fails(CCLIP_ERROR_UNSUPPORTED, open_made(&c, &pickle, 0));
    assert_message("tensor \"w\": is a negative or conjugate view");
}

static void test_bad_tensors(void **state)
{
    static const struct {
        struct made_tensor tensor;
        cclip_status status;
        const char *words;
    } cases[] = {
        { { "FloatStorage", "0", 12, 0, 2, { 3, 4 }, { 4, 2 } }, CCLIP_ERROR_FORMAT,
          "tensor \"w\": shape [3, 4] with strides [4, 2] from element 0 on does not fit into its storage "
          "of 12 elements" },
        { { "FloatStorage", "0", 12, 1, 2, { 3, 4 }, { 4, 1 } }, CCLIP_ERROR_FORMAT, "from element 1 on" },
        { { "FloatStorage", "0", 12, 12, 0, { 0 }, { 0 } }, CCLIP_ERROR_FORMAT, "from element 12 on" },
        { { "FloatStorage", "0", 12, 13, 1, { 0 }, { 1 } }, CCLIP_ERROR_FORMAT, "from element 13 on" },
        { { "FloatStorage", "0", 0, 0, 0, { 0 }, { 0 } }, CCLIP_ERROR_FORMAT, "storage of 0 elements" },
        { { "FloatStorage", "0", 11, 0, 2, { 3, 4 }, { 4, 1 } }, CCLIP_ERROR_FORMAT, "storage of 11 elements" },
        { { "FloatStorage", "0", 13, 0, 1, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT,
          "storage data/0 has 48 bytes, but should hold 13 elements of 4" },
        { { "FloatStorage", "0", 12, 0, 1, { 2000000000 }, { 2000000000 } }, CCLIP_ERROR_FORMAT, "does not fit" },
        { { "FloatStorage", "0", 12, 0, 2, { 2000000000, 2000000000 }, { 0, 0 } }, CCLIP_ERROR_LIMIT,
          "tensor \"w\": a tensor of more than" },
        { { "FloatStorage", "0", 12, 0, 1, { -1 }, { 1 } }, CCLIP_ERROR_FORMAT, "something other than a size" },
        { { "FloatStorage", "0", 12, 0, 1, { 1 }, { -1 } }, CCLIP_ERROR_FORMAT, "something other than a size" },
        { { "FloatStorage", "0", 12, -4, 1, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT, "or no offset" },
        { { "FloatStorage", "0", -12, 0, 1, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT, "is not described as torch.save" },
        { { "FloatStorage", "1", 12, 0, 1, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT, "storage data/1 is not in the archive" },
        { { "FloatStorage", "../data.pkl", 1, 0, 0, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT, "is not in the archive" },
        { { "UntypedStorage", "0", 12, 0, 1, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT, "neither it nor its storage" },
        { { "Size", "0", 12, 0, 1, { 1 }, { 1 } }, CCLIP_ERROR_FORMAT, "is not described as torch.save" },
        { { "QInt8Storage", "0", 12, 0, 1, { 1 }, { 1 } }, CCLIP_ERROR_UNSUPPORTED, "wants torch.QInt8Storage" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made pickle = { 0 };
        struct cclip_checkpoint *c;
        made_text(&pickle, "\x80\2}");
        put_member(&pickle, "w", &cases[i].tensor);
        const cclip_status status = open_made(&c, &pickle, 0);
        if (status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, cclip_status_name(status), cclip_error_message());
        assert_null(c);
        assert_message(cases[i].words);
        assert_message("model.pt: ");
    }
}

static void test_bad_pickles(void **state)
{
    static const struct {
        const char *pieces[12];
        cclip_status status;
        const char *words;
    } cases[] = {
        { { "\x80\2" "cos\nsystem\n", "'touch pwned", "\x85R" }, CCLIP_ERROR_UNSUPPORTED,
          "model.pt: data.pkl: byte 2: wants os.system, which" },
        { { "\x80\2" "copen_clip.model\nCLIP\n)\x81" }, CCLIP_ERROR_UNSUPPORTED, "wants open_clip.model.CLIP" },
        { { "\x80\2}", "'state_dict", "}", "'w", "#", "ss", "'optimizer", "cos\nsystem\n)Rs" },
          CCLIP_ERROR_UNSUPPORTED, "wants os.system" },
        { { "\x80\2}q\1", "'weight", "h\1s" }, CCLIP_ERROR_FORMAT, "contains itself" },
        { { "\x80\2}", "'a", "K\1s" }, CCLIP_ERROR_FORMAT, "no weights in it" },
        { { "\x80\2]", "#", "a" }, CCLIP_ERROR_FORMAT, "no weights in it" },
        { { "\x80\2", "#" }, CCLIP_ERROR_FORMAT, "no weights in it" },
        { { "\x80\2N" }, CCLIP_ERROR_FORMAT, "no weights in it" },
        { { "\x80\2}", "'w", "#", "s", "'w", "#", "s" }, CCLIP_ERROR_FORMAT,
          "tensor \"w\": there are two of this name" },
        { { "\x80\2}", "'w", "#", "s", "'module.w", "#", "s" }, CCLIP_ERROR_FORMAT, "two of this name" },
        { { "\x80\2}", "'w", "ctorch._utils\n_rebuild_tensor_v2\n)Rs" }, CCLIP_ERROR_FORMAT,
          "is not described as torch.save" },
        { { "\x80\2}", "'w", "ctorch._utils\n_rebuild_parameter\n)Rs" }, CCLIP_ERROR_UNSUPPORTED,
          "tensor \"w\": is made in a way that is not known" },
        { { "\x80\2}", "'w", "ctorch._utils\n_rebuild_parameter\nNN\x86Rs" }, CCLIP_ERROR_UNSUPPORTED,
          "is made in a way that is not known" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made pickle = from_pieces(cases[i].pieces);
        struct cclip_checkpoint *c;
        const cclip_status status = open_made(&c, &pickle, 0);
        if (status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, cclip_status_name(status), cclip_error_message());
        assert_null(c);
        assert_message(cases[i].words);
        assert_message(made_folder);
    }
}

/* One module that is reached on ever more paths: 2^60 names in a small file. */
static void test_many_paths(void **state)
{
    struct made pickle = { 0 };
    struct cclip_checkpoint *c;
    (void)state;
    made_text(&pickle, "\x80\2" "c__torch__.x\nA\n)\x81}bq\1");
    made_text(&pickle, "0");
    for (int i = 0; i < 60; i++) {
        made_text(&pickle, "c__torch__.x\nA\n)\x81}");
        made_pickle_text(&pickle, "a");
        made_text(&pickle, "h\1s");
        made_pickle_text(&pickle, "b");
        made_text(&pickle, "h\1sb");
        made_text(&pickle, i < 59 ? "q\1" "0" : "");
    }
    assert_fails(CCLIP_ERROR_LIMIT, open_made(&c, &pickle, 0));
    assert_message("more than 8388608 attributes");
}

static cclip_status open_zip(struct cclip_checkpoint **c, struct made_zip *zip)
{
    made_zip_end(zip, "");
    const cclip_status status =
        cclip_checkpoint_open(c, made_file("model.pt", zip->out.data, zip->out.length));
    made_zip_free(zip);
    return status;
}

static void test_other_archives(void **state)
{
    static const struct {
        const char *names[3];
        const char *content;
        cclip_status status;
        const char *words;
    } cases[] = {
        { { "a/b" }, "x", CCLIP_ERROR_UNSUPPORTED, "a zip archive without data.pkl" },
        { { "a/data.pklx" }, "x", CCLIP_ERROR_UNSUPPORTED, "a zip archive without data.pkl" },
        { { "arr_0.npy" }, "x", CCLIP_ERROR_UNSUPPORTED, "a NumPy archive" },
        { { "config.json", "model.weights.h5" }, "x", CCLIP_ERROR_UNSUPPORTED, "a Keras archive" },
        { { "b/a/data.pkl" }, "x", CCLIP_ERROR_UNSUPPORTED, "around an unpacked PyTorch file" },
        { { "a/data.pkl", "a/byteorder" }, "big", CCLIP_ERROR_UNSUPPORTED, "byte order \"big\"; only" },
        { { "a/data.pkl", "a/byteorder" }, "something else", CCLIP_ERROR_FORMAT, "byteorder has 14 bytes" },
        { { "a/data.pkl" }, "", CCLIP_ERROR_FORMAT, "data.pkl: byte 0: the pickle ends without its stop" },
        { { "a/data.pkl", "a/data.pkl" }, "", CCLIP_ERROR_FORMAT, "there are two of this name" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made_zip zip = { .zip64 = 0 };
        struct cclip_checkpoint *c;
        for (size_t k = 0; k < 3 && cases[i].names[k]; k++)
            made_zip_add(&zip, cases[i].names[k], cases[i].content, strlen(cases[i].content), 0);
        assert_fails(cases[i].status, open_zip(&c, &zip));
        assert_message(cases[i].words);
        assert_message(made_folder);
    }
}

/* Zeros that grow when they are unpacked: as a pickle and as a storage. */
static void test_bombs(void **state)
{
    const size_t size = ((size_t)64 << 20) + ((size_t)16 << 20);
    const struct made_tensor tensor = { "ByteStorage", "0", 1, 0, 0, { 0 }, { 0 } };
    unsigned char *zeros = calloc(size, 1);
    struct made pickle = { 0 };
    struct made_zip zip = { .zip64 = 0 };
    struct cclip_checkpoint *c;
    (void)state;
    assert_non_null(zeros);
    made_text(&pickle, "\x80\2}");
    put_member(&pickle, "w", &tensor);
    made_text(&pickle, ".");
    made_torch_add(&zip, "data.pkl", pickle.data, pickle.length, 0);
    made_torch_add(&zip, "data/0", zeros, size, 1);
    assert_fails(CCLIP_ERROR_LIMIT, open_zip(&c, &zip));
    assert_message("unpack to more than the limit of");

    struct made_zip other = { .zip64 = 0 };
    made_torch_add(&other, "data.pkl", zeros, 300000, 0);
    memcpy(other.directory.data + 10, "\x08\0", 2);        /* deflated, it says, ... */
    memcpy(other.directory.data + 24, "\1\0\0\x10", 4); /* ... from 2^28 + 1 bytes */
    assert_fails(CCLIP_ERROR_LIMIT, open_zip(&c, &other));
    assert_message("data.pkl of 268435457 bytes (packed 300000); at most");
    free(zeros);
    made_free(&pickle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),          cmocka_unit_test(test_types),
        cmocka_unit_test(test_where),          cmocka_unit_test(test_torch_script),
        cmocka_unit_test(test_other_makers),   cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_bad_tensors),    cmocka_unit_test(test_many_paths),
        cmocka_unit_test(test_bad_pickles),
        cmocka_unit_test(test_other_archives), cmocka_unit_test(test_bombs),
    };
    return cmocka_run_group_tests(tests, set_up, made_folder_close);
}
