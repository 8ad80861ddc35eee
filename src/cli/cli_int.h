/* SPDX-License-Identifier: Apache-2.0
 * What the subcommands share: the command table's shape, the parsed command line, tables for people, lines for programs. */
#ifndef GENGFU_CLI_INT_H
#define GENGFU_CLI_INT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "gengfu/base/buf.h"
#include "gengfu/base/err.h"
#include "gengfu/rules/model.h"

enum { EXIT_FINE = 0, EXIT_FOUND = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3 };

#define CLI_DEFAULT_DIR "/etc/gengfu"
#define CLI_MAX_VALUES 32

struct cli_option {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* 0: none */
    const char *arg;  /* what its value is called in help; NULL: a switch */
    const char *about;
};
struct cli;
struct cli_command {
    const char *name;
    const char *args;    /* "ID", "[DIR]", "" */
    const char *about;   /* one line */
    const char *more;    /* a paragraph for its own help; may be NULL */
    const char *example; /* lines that can be typed */
    const struct cli_option *options;
    int min_args, max_args;
    bool remote; /* speaks to the daemon: takes --socket */
    int (*run)(struct cli *c);
};
extern const struct cli_command cli_commands[]; /* ends with a NULL name */

struct cli {
    const struct cli_command *command;
    const char *values[CLI_MAX_VALUES]; /* by place in the command's options, then in the common ones; NULL: not given; "" for a switch */
    const char **args;
    int nargs;
    bool json, colour;
    bool streams;       /* remote_call: the daemon may be silent for as long as it likes */
    bool looks_at_json; /* remote_call: the line function wants to see the lines under --json too */
    const char *dir;
};

/* args.c */
extern const struct cli_option cli_common[];
bool cli_takes(const struct cli_command *cmd, const struct cli_option *common); /* whether a common option is one of this command's */
GF_WARN_UNUSED int cli_parse(struct cli *c, int argc, char **argv, struct err *err);
const char *cli_value(const struct cli *c, const char *name); /* NULL when it was not given */
static inline bool cli_given(const struct cli *c, const char *name) { return cli_value(c, name) != NULL; }
bool cli_may_colour(const struct cli *c); /* whoever asks looks for a terminal too */
/* The value as a span or number; EXIT_USAGE with a message when it cannot be read. *ret untouched when not given. */
GF_WARN_UNUSED int cli_span(const struct cli *c, const char *name, int64_t *ret_ms);
GF_WARN_UNUSED int cli_number(const struct cli *c, const char *name, double min, double max, double *ret);

/* help.c */
void cli_help(FILE *out);
void cli_help_command(FILE *out, const struct cli_command *cmd);
void cli_help_markdown(FILE *out); /* docs/cli.md */
void cli_help_man(FILE *out, const struct cli_command *cmd);
void cli_help_man_all(FILE *out);
int cli_complain(const struct err *err); /* prints "gengfu: …" and gives the exit code for the error */
int cli_usage(const struct cli *c, const char *fmt, ...) GF_PRINTF(2, 3);

/* table.c: columns for people. A width of 0 grows with the content; the last column takes what is left of the terminal. */
struct table;
GF_WARN_UNUSED int table_new(const char *const *titles, size_t n, struct table **ret);
void table_cell(struct table *t, const char *text); /* the next cell; NULL shows "-" */
void table_cellf(struct table *t, const char *fmt, ...) GF_PRINTF(2, 3);
void table_colour(struct table *t, const char *sgr); /* of the cell just made: "31", "1;33" */
size_t table_rows(const struct table *t);
bool table_cut(struct table *t, size_t rows); /* true: there were more */
void table_print(struct table *t, FILE *out, bool colour);
void table_free(struct table *t);
int cli_columns(void); /* of the terminal; 80 when unknown, unlimited (0) when standard output is no terminal */

/* show.c: words and colours */
const char *severity_sgr(const char *severity);
const char *severity_words(const char *severity);               /* "特别重大 extreme" */
const char *short_time(const char *rfc3339, char out[32]);      /* "01-05 20:00:00" */
void put_padded(struct buf *b, const char *text, size_t width); /* filled up to the width, and never cut: one copies it */
/* Text and a line's end, broken at blanks where a terminal ends; the cursor stands at `indent`, and so do the further lines begin. */
void put_wrapped(FILE *out, size_t indent, const char *text);
void print_incident_line(FILE *out, const cJSON *doc, bool colour);

/* remote.c: the daemon */
typedef void (*cli_line_fn)(struct cli *c, void *ctx, const cJSON *line);
cJSON *remote_request(const char *what); /* {"do": what}; free with cJSON_Delete; NULL without memory (complained already) */
/* Sends it (and frees it), hands each line to fn, or prints it as it is under --json. Gives the exit code. */
int remote_call(struct cli *c, cJSON *request, cli_line_fn fn, void *ctx);
/* The same as a table; fn puts the cells of a row into the table that it gets. limit: rows that are shown, and then it is said that there are more; 0: all. Frees request. */
int remote_table(struct cli *c, cJSON *request, const char *const *titles, size_t n, size_t limit, cli_line_fn fn);

/* load.c: rule sets for tools */
GF_WARN_UNUSED int load_rules(struct cli *c, const char *dir, struct ruleset **ret); /* prints the report to stderr; an exit code */
/* gengfu.yaml alone, for who looks after a daemon whose rules may be broken. *ret NULL on failure. */
GF_WARN_UNUSED int load_config(const char *dir, struct config **ret, struct err *err);

/* one file each */
int cmd_run(struct cli *c);
int cmd_check(struct cli *c);
int cmd_test(struct cli *c);
int cmd_eval(struct cli *c);
int cmd_backtest(struct cli *c);
int cmd_source(struct cli *c);
int cmd_status(struct cli *c);
int cmd_rules(struct cli *c);
int cmd_tail(struct cli *c);
int cmd_incidents(struct cli *c);
int cmd_show(struct cli *c);
int cmd_devices(struct cli *c);
int cmd_sources(struct cli *c);
int cmd_outbox(struct cli *c);
int cmd_resend(struct cli *c);
int cmd_reload(struct cli *c);
int cmd_audit(struct cli *c);
int cmd_command(struct cli *c); /* ack, dispatch, handle, resolve, close, reopen, note */
int cmd_simulate(struct cli *c);
int cmd_version(struct cli *c);
int cmd_help(struct cli *c);
int cmd_completion(struct cli *c);
int cmd_schema(struct cli *c);

#endif
