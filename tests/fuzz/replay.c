/* Runs a fuzz target as an ordinary test: every file of its corpus, then inputs mutated from them in a
 * fixed sequence (the same on every machine) until MOST_MUTATIONS or MOST_SECONDS is reached.
 *
 * Usage: fuzz_replay_NAME FOLDER [MUTATIONS]
 *        fuzz_replay_NAME FILE            one input alone, as it is
 *
 * When the target crashes, the input is written to fuzz-crash-NAME in the current folder, ready for
 * the corpus. An empty corpus is a failure: a target without inputs tests nothing. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { MOST_FILES = 4096, LARGEST_INPUT = 1 << 20, MOST_MUTATIONS = 4000, SECONDS_AN_INPUT = 60 };
static const double MOST_SECONDS = 2.0;

struct input {
    uint8_t *data;
    size_t size;
};

static struct input current; /* what the target sees now, for the crash handler */
static char crash_file[256];

static void keep_input(void)
{
    static const char message[] = "\nthe input is kept in ";
    const int file = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, current.data, current.size) < 0)
        return;
    close(file);
    if (write(2, message, sizeof message - 1) < 0 || write(2, crash_file, strlen(crash_file)) < 0 ||
        write(2, "\n", 1) < 0)
        return;
}

static void on_signal(int number)
{
    keep_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(const char *program)
{
    static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM };
    const char *name = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
    if (!strncmp(name, "fuzz_replay_", 12))
        name += 12;
    snprintf(crash_file, sizeof crash_file, "fuzz-crash-%s", name);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(keep_input);
        signal(SIGALRM, on_signal);
        return;
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], on_signal);
}

/* The target gets a block of exactly its size, so that a read beyond it shows under the sanitizers. */
static void run(const uint8_t *data, size_t size)
{
    current.data = malloc(size ? size : 1);
    if (!current.data)
        exit(1);
    if (size)
        memcpy(current.data, data, size);
    current.size = size;
    alarm(SECONDS_AN_INPUT);
    LLVMFuzzerTestOneInput(current.data, size);
    alarm(0);
    free(current.data);
    current = (struct input){ NULL, 0 };
}

static int read_input(struct input *out, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    out->data = malloc(LARGEST_INPUT);
    out->size = out->data ? fread(out->data, 1, LARGEST_INPUT, file) : 0;
    fclose(file);
    return out->data != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t read_corpus(struct input *inputs, const char *folder)
{
    static char *names[MOST_FILES];
    size_t count = 0, read = 0;
    DIR *directory = opendir(folder);
    if (!directory)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory)) && count < MOST_FILES;)
        if (entry->d_name[0] != '.')
            names[count++] = strdup(entry->d_name);
    closedir(directory);
    qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        read += (size_t)read_input(&inputs[read], path);
        free(names[i]);
    }
    return read;
}

static uint64_t state = 0x9e3779b97f4a7c15u;

static size_t below(size_t limit) /* [0, limit) */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit ? (size_t)((state >> 11) % limit) : 0;
}

/* The values that lengths, counts and offsets break on. */
static void write_special(uint8_t *at, size_t room)
{
    static const uint64_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000u, 0xffffffffu,
                                       0x7fffffffffffffffu, 0x8000000000000000u, 0xffffffffffffffffu };
    uint64_t value = values[below(sizeof values / sizeof values[0])];
    const size_t width = (size_t)1 << below(4);
    const int big_endian = (int)below(2);
    for (size_t i = 0; i < width && i < room; i++)
        at[big_endian ? width - 1 - i < room ? width - 1 - i : 0 : i] = (uint8_t)(value >> (8 * i));
}

/* One change in place; returns the new size, at most LARGEST_INPUT. */
static size_t mutate_once(uint8_t *data, size_t size, const struct input *other)
{
    const size_t at = below(size);
    size_t length = 1 + below(16);
    if (!size)
        return 0;
    switch (below(7)) {
    case 0: /* a bit */
        data[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1: /* a byte */
        data[at] = (uint8_t)below(256);
        return size;
    case 2:
        write_special(data + at, size - at);
        return size;
    case 3: /* the end is missing */
        return at;
    case 4: /* a piece is missing */
        if (length > size - at)
            length = size - at;
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    case 5: /* a piece stands there twice */
        if (length > size - at || size + length > LARGEST_INPUT)
            return size;
        memmove(data + at + length, data + at, size - at);
        return size + length;
    default: /* a piece of another input */
        for (size_t i = 0; i < length && at + i < size && i < other->size; i++)
            data[at + i] = other->data[(at + i) % other->size];
        return size;
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t run_mutations(const struct input *inputs, size_t count, size_t most)
{
    static uint8_t data[LARGEST_INPUT];
    const double end = seconds() + MOST_SECONDS;
    size_t done = 0;
    while (done < most && seconds() < end) {
        const struct input *input = &inputs[below(count)];
        size_t size = input->size;
        memcpy(data, input->data, size);
        for (size_t changes = 1 + below(4); changes; changes--)
            size = mutate_once(data, size, &inputs[below(count)]);
        run(data, size);
        done++;
    }
    return done;
}

int main(int argc, char **argv)
{
    static struct input inputs[MOST_FILES];
    struct stat status;
    if (argc < 2 || stat(argv[1], &status)) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER [MUTATIONS] | FILE\n", argv[0]);
        return 2;
    }
    watch(argv[0]);
    const int folder = S_ISDIR(status.st_mode);
    const size_t count = folder ? read_corpus(inputs, argv[1]) : (size_t)read_input(inputs, argv[1]);
    if (!count) {
        fprintf(stderr, "%s: no inputs\n", argv[1]);
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        run(inputs[i].data, inputs[i].size);
    run(NULL, 0);
    const size_t most = argc > 2 ? strtoul(argv[2], NULL, 10) : MOST_MUTATIONS;
    const size_t mutated = folder ? run_mutations(inputs, count, most) : 0;
    printf("%zu inputs, %zu mutations of them\n", count, mutated);
    for (size_t i = 0; i < count; i++)
        free(inputs[i].data);
    return 0;
}
