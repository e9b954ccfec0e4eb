/* Pictures and captions from a CSV or TSV file with named columns, as open_clip reads them. */
#ifndef CCLIP_DATA_TABLE_H
#define CCLIP_DATA_TABLE_H

#include "base/file.h"
#include "data/file_list.h"

struct cclip_table_request {
    const char *path;
    const char *image_column; /* holds paths: as they are, or else from the table's own folder */
    const char *text_column;  /* holds captions, or names of classes */
    const char *group_column; /* holds what rows of one group share, where it is not empty; NULL: none */
    char separator;           /* 0: tab, comma, semicolon or bar, by the first line */
};

/* Does the first line have a column of that name? A table that cannot be read has none, without
 * being a failure here: reading its rows will say why. */
cclip_status cclip_table_has_column(int *out, const struct cclip_table_request *request,
                                    const char *column);

/* Appends a row's picture, text and group each; a row that is too short is a broken entry. */
cclip_status cclip_table_read(struct cclip_file_list *out,
                              const struct cclip_table_request *request);

/* Appends the same with classes instead of texts. A class is a name of `classes` or its number; where
 * `classes` is empty it is filled with the names that occur, sorted by their bytes. */
cclip_status cclip_table_read_classes(struct cclip_file_list *out, struct cclip_names *classes,
                                      const struct cclip_table_request *request);

/* A whole table as texts. */
struct cclip_table_rows {
    struct cclip_names columns; /* as the first line names them */
    struct cclip_names cells;   /* [count][columns.count] */
    struct cclip_names paths;   /* [count]: where the pictures are, if that was asked for */
    size_t count;
};
/* `image_column` must be there; `text_column` is not looked at. A row that is too short or too long is an
 * error here: what is counted by columns is wrong when they shift. */
cclip_status cclip_table_read_rows(struct cclip_table_rows *out,
                                   const struct cclip_table_request *request, int with_paths);
void cclip_table_rows_close(struct cclip_table_rows *rows);

/* A line of a table as it stands there. */
struct cclip_table_line {
    size_t row;             /* from 0; SIZE_MAX: the first line, with the names of columns */
    const char *text;       /* with its line end, where it has one */
    size_t length;
    const char *const *fields; /* [count], ended by zeros that may also stand inside */
    const size_t *lengths;
    size_t count;
    size_t image, caption;  /* columns; `count` or more where the line is too short for one */
    char separator;
    const char *path;       /* of the picture, as it is found from here; NULL: the row has none */
    int beside_table;       /* it was found from the table's folder, not from the current one */
};
typedef cclip_status cclip_table_line_function(void *context, const struct cclip_table_line *line);
/* Calls `each` for all lines; rows have the numbers of the entries of cclip_table_read. */
cclip_status cclip_table_each_line(const struct cclip_table_request *request,
                                   cclip_table_line_function *each, void *context);

#endif
