/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/commands.h"
#include "commands/measure.h"

const char report_examples[] = "EXAMPLES\n"
			       "  fdscope report profile.json            as text\n"
			       "  fdscope report --hist profile.json     with distributions\n"
			       "  fdscope report --json profile.json     as JSON again";

int report_run(const struct options *options)
{
	struct source *source;
	struct output *output;
	bool is_series;
	int code;

	code = source_open_saved(&source, options->input, &is_series);
	if (code)
		return code;
	code = output_open(&output, options, is_series);
	if (!code) {
		code = measure(source, options, output);
		output_close(output);
	}
	source_close(source);
	return code;
}
