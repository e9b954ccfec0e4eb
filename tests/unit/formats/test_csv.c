/* CSV: quotes, separators, line ends, and what is wrong. */
#include "support/unit.h"

#include "formats/csv.h"
#include "support/fault.h"

/* All rows, written as "[a|b]" each with the line where it begins. */
static void spell(char *out, size_t size, const char *text, size_t length, char separator)
{
    struct cclip_csv csv;
    size_t at = 0;
    *out = '\0';
    cclip_csv_open(&csv, text, length, separator, "t.csv");
    for (;;) {
        assert_ok(cclip_csv_next(&csv));
        if (!csv.count)
            break;
        at += (size_t)snprintf(out + at, size - at, "%zu[", csv.line);
        for (size_t i = 0; i < csv.count; i++) {
            size_t field;
            const char *bytes = cclip_csv_field(&csv, i, &field);
            assert_int_equal(bytes[field], 0);
            at += (size_t)snprintf(out + at, size - at, "%s%.*s", i ? "|" : "", (int)field, bytes);
        }
        at += (size_t)snprintf(out + at, size - at, "]");
        size_t beyond = 7;
        assert_null(cclip_csv_field(&csv, csv.count, &beyond));
    }
    cclip_csv_close(&csv);
}

static void test_rows(void **state)
{
    static const struct {
        const char *text;
        char separator;
        const char *rows;
    } cases[] = {
        { "", ',', "" },
        { "\n\r\n\n", ',', "" },
        { "a,b\n1,2\n", ',', "1[a|b]2[1|2]" },
        { "a,b\r\n1,2", ',', "1[a|b]2[1|2]" },
        { "a\tb\n1, 2\t3\n", '\t', "1[a|b]2[1, 2|3]" },
        { "a,,\n,\n", ',', "1[a||]2[|]" },
        { "a\n\n\nb\n", ',', "1[a]4[b]" },
        { "\xef\xbb\xbf" "a,b\n", ',', "1[a|b]" },
        { "\"a,b\",c\n", ',', "1[a,b|c]" },
        { "\"say \"\"hi\"\"\",\"\"\n", ',', "1[say \"hi\"|]" },
        { "\"two\nlines\",x\ny,z\n", ',', "1[two\nlines|x]3[y|z]" },
        { "a \"b\" c,6\" high\n", ',', "1[a \"b\" c|6\" high]" }, /* quotes inside a plain field */
        { "\"a\"b,c\n", ',', "1[ab|c]" },                        /* and text behind a quoted one */
        { "\"\"\"\"\n", ',', "1[\"]" },
        { "a\rb,c\n", ',', "1[a\rb|c]" },
        { "\"a\r\nb\"\r\nc\r\n", ',', "1[a\r\nb]3[c]" },
    };
    char rows[1000];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spell(rows, sizeof rows, cases[i].text, strlen(cases[i].text), cases[i].separator);
        assert_string_equal(rows, cases[i].rows);
    }
}

static void test_zeros(void **state)
{
    struct cclip_csv csv;
    size_t length;
    (void)state;
    cclip_csv_open(&csv, "a\0b,c", 5, ',', "t.csv");
    assert_ok(cclip_csv_next(&csv));
    assert_int_equal(csv.count, 2);
    assert_memory_equal(cclip_csv_field(&csv, 0, &length), "a\0b", 4);
    assert_int_equal(length, 3);
    cclip_csv_close(&csv);
}

static void test_broken(void **state)
{
    static const char text[] = "a,b\n1,\"2\n3,4\n";
    struct cclip_csv csv;
    (void)state;
    cclip_csv_open(&csv, text, sizeof text - 1, ',', "t.csv");
    assert_ok(cclip_csv_next(&csv));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_csv_next(&csv));
    assert_string_equal(cclip_error_message(), "t.csv: line 2: a quote that is never closed");
    cclip_csv_close(&csv);
    const size_t size = 200000;
    char *commas = malloc(size);
    memset(commas, ',', size);
    cclip_csv_open(&csv, commas, size, ',', "t.csv");
    assert_fails(CCLIP_ERROR_LIMIT, cclip_csv_next(&csv));
    assert_non_null(strstr(cclip_error_message(), "t.csv: line 1: columns: more than"));
    cclip_csv_close(&csv);
    free(commas);
}

static cclip_status read_all(void *context)
{
    static const char text[] = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r\n\"a long field, longer than sixteen\"\n";
    struct cclip_csv csv;
    cclip_status status;
    (void)context;
    cclip_csv_open(&csv, text, sizeof text - 1, ',', "t.csv");
    while (!(status = cclip_csv_next(&csv)) && csv.count)
        ;
    cclip_csv_close(&csv);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(read_all, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_zeros),
                                        cmocka_unit_test(test_broken), cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
