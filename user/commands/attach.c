/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/commands.h"
#include "commands/measure.h"

const char attach_examples[] =
	"EXAMPLES\n"
	"  fdscope attach -p 1234                until Ctrl-C, then the report\n"
	"  fdscope attach --port 8080 -d 10      whoever listens on 8080, for 10 s\n"
	"  fdscope attach --comm nginx 1 5       a report every second, five times\n"
	"  fdscope attach -a --json -d 5 | jq    the whole system, as JSON";

int attach_run(const struct options *options)
{
	struct source *source;
	struct output *output;
	struct watch watch;
	int code;

	measure_watch(&watch, options);
	code = output_open(&output, options, options->interval_ns != 0);
	if (code)
		return code;
	code = source_open_live(&source, &watch);
	if (!code) {
		code = measure(source, options, output);
		source_close(source);
	}
	output_close(output);
	return code;
}
