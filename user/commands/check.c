/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "commands/commands.h"
#include "report/json.h"
#include "report/text.h"
#include "source/trial.h"
#include "view/ability.h"

const char check_examples[] = "EXAMPLES\n"
			      "  fdscope check            what would be seen, and what not?\n"
			      "  fdscope check --json     the same for a script; exit 3 if nothing";

static int print_json(const struct ability *ability)
{
	struct json_writer *json = json_writer_new();
	int err = -ENOMEM;

	if (json) {
		ability_write(json_writer_base(json), ability);
		err = json_writer_print(json, stdout, false);
	}
	json_writer_free(json);
	return err;
}

static int print_text(const struct ability *ability)
{
	struct sheet sheet = {};
	int err;

	ability_show(&sheet, ability);
	err = text_print(&sheet, stdout);
	sheet_free(&sheet);
	return err;
}

int check_run(const struct options *options)
{
	struct ability ability;
	int err;

	trial_run(&ability);
	err = options->json ? print_json(&ability) : print_text(&ability);
	if (err) {
		log_err(-err, "print what can be measured");
		return EXIT_NO_MEASURE;
	}
	return ability_can_measure(&ability) ? EXIT_DONE : EXIT_NO_MEASURE;
}
