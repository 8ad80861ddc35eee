/* SPDX-License-Identifier: Apache-2.0
 * The command line: one binary, a table of subcommands. docs/cli.md and `gengfu help` are made from the same table. */
#ifndef GENGFU_CLI_CLI_H
#define GENGFU_CLI_CLI_H

/* Runs a command line; gives the process's exit code: 0 fine, 1 found something, 2 used wrongly, 3 could not do it. */
int cli_main(int argc, char **argv);

#endif
