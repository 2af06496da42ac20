/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <signal.h>

#include "commands/commands.h"
#include "options.h"

const struct command commands[] = {
	{
		.name = "attach",
		.arguments = "[INTERVAL [COUNT]]",
		.summary = "report on running processes",
		.examples = attach_examples,
		.options = OPTIONS_TARGET | OPTIONS_REPORT | OPTIONS_TABLES,
		.run = attach_run,
	},
	{
		.name = "run",
		.arguments = "-- COMMAND [ARGUMENT...]",
		.summary = "run a command and report on all of it",
		.examples = run_examples,
		.options = OPTIONS_COMMAND | OPTIONS_REPORT | OPTIONS_TABLES,
		.run = run_run,
	},
	{
		.name = "report",
		.arguments = "FILE",
		.summary = "show a saved profile",
		.examples = report_examples,
		.options = OPTIONS_FILE | OPTIONS_REPORT,
		.run = report_run,
	},
	{
		.name = "compare",
		.summary = "the bundled server in several modes, side by side",
		.examples = compare_examples,
		.options = OPTIONS_COMPARE | OPTIONS_JSON,
		.run = compare_run,
	},
	{
		.name = "check",
		.summary = "what this kernel and these privileges allow",
		.examples = check_examples,
		.options = OPTIONS_JSON,
		.run = check_run,
	},
	{},
};

static void do_nothing(int signal)
{
	(void)signal;
}

/*
 * A pipe that breaks is then an error of write() like others, and what was half written is
 * cleared away. Caught rather than ignored: an execve takes that back, so the programs that we
 * start find the signal as we did.
 */
static void catch_broken_pipes(void)
{
	const struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	struct sigaction found;

	if (!sigaction(SIGPIPE, NULL, &found) && found.sa_handler == SIG_DFL)
		sigaction(SIGPIPE, &action, NULL);
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct options options;
	int code;

	catch_broken_pipes();
	command = options_parse(&options, argc, argv, &code);
	return command ? command->run(&options) : code;
}
