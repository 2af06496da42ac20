/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/commands.h"

const char run_examples[] =
	"EXAMPLES\n"
	"  fdscope run -- ./load-test                  all that it and its children did\n"
	"  fdscope run --only nginx -- ./test.sh       of it, the server's part\n"
	"  fdscope run -q -o new.json -- ./test.sh     save the profile, print nothing\n"
	"  fdscope run --fail-on problem -- ./test.sh  exit 1 if a known mistake shows";

/* The command stands in the options; everything else is as when attaching. */
int run_run(const struct options *options)
{
	return attach_run(options);
}
