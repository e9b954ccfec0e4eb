/* .npy: what NumPy writes is read, what it never writes is refused, what we write is what it writes. */
#include "support/unit.h"

#include <unistd.h>

#include "formats/npy.h"
#include "support/fault.h"

/* A whole file: version, header text, data. Returns its size. */
static size_t make(char *out, int version, const char *header, const void *data, size_t size)
{
    const size_t length = strlen(header), lead = version > 1 ? 12 : 10;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (char)version;
    out[7] = 0;
    memset(out + 8, 0, 4);
    out[8] = (char)(length & 255);
    out[9] = (char)(length >> 8);
    memcpy(out + lead, header, length);
    memcpy(out + lead + length, data, size);
    return lead + length + size;
}

/* The header is padded so that the data lies where NumPy puts it. */
static size_t make_padded(char *out, int version, const char *dictionary, const void *data, size_t size)
{
    char header[512];
    const size_t lead = version > 1 ? 12 : 10, length = strlen(dictionary);
    const size_t padded = (lead + length + 64) / 64 * 64 - lead;
    memset(header, ' ', padded);
    memcpy(header, dictionary, length);
    header[padded - 1] = '\n';
    header[padded] = '\0';
    return make(out, version, header, data, size);
}

#define HEADER(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static const char floats[] = HEADER("'<f4'", "False", "(2, 3)");

static void test_read(void **state)
{
    _Alignas(64) char file[1000];
    const float values[6] = { 1, 2, 3, 4, 5, 6 };
    struct cclip_npy npy;
    (void)state;
    for (int version = 1; version <= 3; version++) {
        const size_t size = make_padded(file, version, floats, values, sizeof values);
        assert_ok(cclip_npy_parse(&npy, file, size, "x.npy"));
        assert_int_equal(npy.type, CCLIP_NPY_F32);
        assert_int_equal(npy.rank, 2);
        assert_int_equal(npy.shape[0], 2);
        assert_int_equal(npy.shape[1], 3);
        assert_int_equal(npy.count, 6);
        assert_null(npy.copy); /* in place */
        assert_memory_equal(npy.data, values, sizeof values);
        cclip_npy_close(&npy);
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *header, *name;
        enum cclip_npy_type type;
        size_t size;
    } cases[] = { { HEADER("'<f2'", "False", "(3,)"), "float16", CCLIP_NPY_F16, 2 },
                  { HEADER("'<f4'", "False", "(3,)"), "float32", CCLIP_NPY_F32, 4 },
                  { HEADER("'<f8'", "False", "(3,)"), "float64", CCLIP_NPY_F64, 8 },
                  { HEADER("'<i4'", "False", "(3,)"), "int32", CCLIP_NPY_I32, 4 },
                  { HEADER("'<i8'", "False", "(3,)"), "int64", CCLIP_NPY_I64, 8 },
                  { HEADER("'|u1'", "False", "(3,)"), "uint8", CCLIP_NPY_U8, 1 } };
    static const char data[24] = "abcdefghijklmnopqrstuvw";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[1000];
        struct cclip_npy npy;
        /* not padded: the data lies at an odd place and must be moved for its type */
        const size_t size = make(file, 1, cases[i].header, data, 3 * cases[i].size);
        assert_ok(cclip_npy_parse(&npy, file, size, "x.npy"));
        assert_int_equal(npy.type, cases[i].type);
        assert_string_equal(cclip_npy_type_name(npy.type), cases[i].name);
        assert_int_equal(cclip_npy_type_size(npy.type), cases[i].size);
        assert_int_equal((uintptr_t)npy.data % cases[i].size, 0);
        assert_memory_equal(npy.data, data, 3 * cases[i].size);
        cclip_npy_close(&npy);
    }
}

static void test_headers(void **state)
{
    static const struct {
        const char *header;
        size_t count, rank;
    } cases[] = { { HEADER("'<f4'", "False", "()"), 1, 0 },
                  { HEADER("'<f4'", "False", "(0, 5)"), 0, 2 },
                  { HEADER("'<f4'", "True", "(1,)"), 1, 1 }, /* of one dimension both orders are the same */
                  { HEADER("\"<f4\"", "False", "(1,)"), 1, 1 },
                  { "{'shape': (1L, 1L), 'fortran_order': False, 'descr': '<f4'}", 1, 2 }, /* Python 2 */
                  { "{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : (1 , 1 , ) , } \n", 1, 2 },
                  { HEADER("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1)"), 1, 8 } };
    const float one = 1;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[1000];
        struct cclip_npy npy;
        const size_t size = make(file, 1, cases[i].header, &one, cases[i].count * sizeof one);
        assert_ok(cclip_npy_parse(&npy, file, size, "x.npy"));
        assert_int_equal(npy.count, cases[i].count);
        assert_int_equal(npy.rank, cases[i].rank);
        cclip_npy_close(&npy);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *header;
        cclip_status status;
        const char *message; /* a part of it */
    } cases[] = {
        { HEADER("'>f4'", "False", "(1,)"), CCLIP_ERROR_UNSUPPORTED, "\">f4\" is big-endian" },
        { HEADER("'|O'", "False", "(1,)"), CCLIP_ERROR_UNSUPPORTED, "Python objects" },
        { HEADER("'<c8'", "False", "(1,)"), CCLIP_ERROR_UNSUPPORTED, "\"<c8\" is not read" },
        { HEADER("[('a', '<f4')]", "False", "(1,)"), CCLIP_ERROR_UNSUPPORTED, "records" },
        { HEADER("'<f4'", "True", "(1, 1)"), CCLIP_ERROR_UNSUPPORTED, "Fortran order" },
        { HEADER("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), CCLIP_ERROR_LIMIT, "dimensions" },
        { HEADER("'<f4'", "False", "(99999999999999999999,)"), CCLIP_ERROR_LIMIT, "a dimension above" },
        { HEADER("'<f4'", "False", "(4294967296, 4294967296)"), CCLIP_ERROR_LIMIT, "elements" },
        { HEADER("'<f4'", "False", "(2,)"), CCLIP_ERROR_FORMAT, "4 bytes of data, but the shape needs 8" },
        { HEADER("'<f4'", "False", "(0,)"), CCLIP_ERROR_FORMAT, "4 bytes of data, but the shape needs 0" },
        { HEADER("'<f4'", "False", "(-1,)"), CCLIP_ERROR_FORMAT, "a size expected" },
        { HEADER("'<f4'", "False", "(1)"), CCLIP_ERROR_FORMAT, "a comma expected" }, /* a number to Python */
        { HEADER("'<f4'", "False", "[1]"), CCLIP_ERROR_FORMAT, "a tuple expected" },
        { HEADER("'<f4'", "0", "(1,)"), CCLIP_ERROR_FORMAT, "True or False expected" },
        { HEADER("exit()", "False", "(1,)"), CCLIP_ERROR_FORMAT, "a string expected" },
        { "{'descr': '<f4', 'shape': (1,)}", CCLIP_ERROR_FORMAT, "without \"fortran_order\"" },
        { "{'descr': '<f4', 'descr': '<f4'}", CCLIP_ERROR_FORMAT, "not there before" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", CCLIP_ERROR_FORMAT, "no key but" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", CCLIP_ERROR_FORMAT, "white space" },
        { "{'descr' '<f4'}", CCLIP_ERROR_FORMAT, "a colon expected" },
        { "{'descr': '<f4' 'shape': (1,)}", CCLIP_ERROR_FORMAT, "a comma expected" },
        { "[]", CCLIP_ERROR_FORMAT, "byte 10: header of an .npy file: a dictionary expected" },
        { "{'descr': '<f4", CCLIP_ERROR_FORMAT, "a short string expected" },
        { "", CCLIP_ERROR_FORMAT, "a dictionary expected" },
    };
    const float one = 1;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[1000];
        struct cclip_npy npy;
        const size_t size = make(file, 1, cases[i].header, &one, sizeof one);
        const cclip_status status = cclip_npy_parse(&npy, file, size, "x.npy");
        if (status != cases[i].status || !strstr(cclip_error_message(), cases[i].message) ||
            strncmp(cclip_error_message(), "x.npy: ", 7))
            fail_msg("%s: %s: %s", cases[i].header, cclip_status_name(status), cclip_error_message());
        cclip_npy_close(&npy);
    }
}

static void test_cut(void **state)
{
    const float values[6] = { 1, 2, 3, 4, 5, 6 };
    char file[1000];
    struct cclip_npy npy;
    (void)state;
    for (int version = 1; version <= 2; version++) {
        const size_t size = make_padded(file, version, floats, values, sizeof values);
        for (size_t cut = 0; cut < size; cut++) {
            char *exact = malloc(cut + 1); /* so that a sanitizer sees a read beyond it */
            memcpy(exact, file, cut);
            exact = realloc(exact, cut ? cut : 1);
            assert_fails(CCLIP_ERROR_FORMAT, cclip_npy_parse(&npy, exact, cut, "x.npy"));
            cclip_npy_close(&npy);
            free(exact);
        }
        file[6] = 4;
        assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_npy_parse(&npy, file, size, "x.npy"));
    }
    make_padded(file, 2, floats, values, sizeof values);
    memset(file + 8, 255, 4);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_npy_parse(&npy, file, sizeof file, "x.npy"));
}

/* Files: written in two pieces, the count patched in at the end, read again. */

static char folder[] = "/tmp/cclip-npy-XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/out.npy", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails where something was left behind */
}

static cclip_status write_and_read(void *context)
{
    const float values[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const size_t shape[] = { 3 };
    struct cclip_npy_writer writer;
    struct cclip_npy npy = { 0 };
    (void)context;
    cclip_status status = cclip_npy_writer_open(&writer, path, CCLIP_NPY_F32, shape, 1);
    if (!status)
        status = cclip_npy_writer_append(&writer, values, 1);
    if (!status)
        status = cclip_npy_writer_append(&writer, values + 3, 2);
    if (!status)
        status = cclip_npy_writer_commit(&writer);
    cclip_npy_writer_close(&writer);
    if (!status)
        status = cclip_npy_open(&npy, path);
    if (!status) {
        assert_int_equal(npy.shape[0], 3);
        assert_int_equal(npy.count, 9);
        assert_memory_equal(npy.data, values, sizeof values);
    }
    cclip_npy_close(&npy);
    return status;
}

static void test_write(void **state)
{
    static const char header[] = "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }";
    char file[200];
    (void)state;
    assert_ok(write_and_read(NULL));
    FILE *stream = fopen(path, "rb");
    assert_int_equal(fread(file, 1, sizeof file, stream), 128 + 36); /* NumPy's own size too */
    fclose(stream);
    assert_memory_equal(file, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < 127; i++)
        assert_int_equal(file[i], ' ');
    assert_int_equal(file[127], '\n');
}

static void test_write_shapes(void **state)
{
    const size_t shape[] = { 2, 1, 4 };
    struct cclip_npy_writer writer;
    struct cclip_npy npy;
    (void)state;
    for (size_t rank = 0; rank <= 3; rank++) {
        const unsigned char values[24] = { 1, 2, 3, [23] = 24 };
        const size_t sizes[] = { 1, 2, 2, 8 }; /* of a row */
        assert_ok(cclip_npy_writer_open(&writer, path, CCLIP_NPY_U8, shape, rank));
        assert_int_equal(writer.header_bytes % 64, 0);
        assert_ok(cclip_npy_writer_append(&writer, values, rank)); /* 0 rows the first time */
        assert_ok(cclip_npy_writer_commit(&writer));
        assert_ok(cclip_npy_open(&npy, path));
        assert_int_equal(npy.rank, rank + 1);
        assert_int_equal(npy.shape[0], rank);
        assert_int_equal(npy.count, rank * sizes[rank]);
        assert_memory_equal(npy.shape + 1, shape, rank * sizeof *shape);
        assert_memory_equal(npy.data, values, npy.count);
        cclip_npy_close(&npy);
    }
    const size_t deep[8] = { 1, 1, 1, 1, 1, 1, 1, 1 }, wide[] = { SIZE_MAX / 2, 16 };
    assert_fails(CCLIP_ERROR_LIMIT, cclip_npy_writer_open(&writer, path, CCLIP_NPY_U8, deep, 8));
    assert_fails(CCLIP_ERROR_LIMIT, cclip_npy_writer_open(&writer, path, CCLIP_NPY_U8, wide, 2));
}

/* What is not committed leaves the old file alone; a disk that is full is noticed. */
static void test_not_written(void **state)
{
    struct cclip_npy_writer writer;
    static const float many[100000];
    (void)state;
    assert_ok(cclip_file_write(path, "old", 3));
    assert_ok(cclip_npy_writer_open(&writer, path, CCLIP_NPY_F32, NULL, 0));
    assert_ok(cclip_npy_writer_append(&writer, many, 100));
    cclip_npy_writer_close(&writer);
    struct cclip_mapping file;
    assert_ok(cclip_mapping_open(&file, path));
    assert_int_equal(file.size, 3);
    cclip_mapping_close(&file);
    assert_ok(cclip_npy_writer_open(&writer, "/dev/full", CCLIP_NPY_F32, NULL, 0));
    cclip_status status = cclip_npy_writer_append(&writer, many, 100000);
    if (!status)
        status = cclip_npy_writer_commit(&writer);
    cclip_npy_writer_close(&writer);
    assert_int_equal(status, CCLIP_ERROR_IO);
    assert_non_null(strstr(cclip_error_message(), "/dev/full: "));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_npy_writer_open(&writer, "/absent/x.npy", CCLIP_NPY_F32, NULL, 0));
    struct cclip_npy npy;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_npy_open(&npy, "/absent/x.npy"));
    cclip_npy_close(&npy);
    assert_fails(CCLIP_ERROR_IO, cclip_npy_open(&npy, "/tmp"));
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(write_and_read, NULL) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_types),        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_cut),          cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_shapes), cmocka_unit_test(test_not_written), cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
