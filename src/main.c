/* SPDX-License-Identifier: Apache-2.0
 *~ Welcome. gengfu is one binary: `gengfu run` is the daemon, everything else a tool. The table of subcommands is in src/cli/commands.c; the daemon's
 *~ path through the house begins in src/daemon/daemon.c. */
#include "gengfu/cli/cli.h"

int main(int argc, char **argv) { return cli_main(argc, argv); }
