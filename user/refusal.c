/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "refusal.h"

#include <stdio.h>
#include <string.h>

/* The option that @word, @len bytes long, is the name or the one possible beginning of; or NULL. */
static const struct argp_option *long_option(const struct argp_option *options, const char *word,
					     size_t len)
{
	const struct argp_option *found = NULL;
	size_t nr_found = 0;

	for (; options->name; options++) {
		if (strncmp(options->name, word, len))
			continue;
		if (!options->name[len])
			return options;
		found = options;
		nr_found++;
	}
	return nr_found == 1 ? found : NULL;
}

static const struct argp_option *short_option(const struct argp_option *options, int key)
{
	for (; options->name; options++) {
		if (options->key == key)
			return options;
	}
	return NULL;
}

static bool refuses_long(const struct argp_option *options, const char *word, char *why,
			 size_t size)
{
	int len = strcspn(word, "=");
	const struct argp_option *option = long_option(options, word + 2, len - 2);

	if (!option)
		snprintf(why, size, "'%.*s' is no option", len, word);
	else if (option->arg && !word[len] && !(option->flags & OPTION_ARG_OPTIONAL))
		snprintf(why, size, "'%s' needs a value", word);
	else if (!option->arg && word[len])
		snprintf(why, size, "'%.*s' takes no value", len, word);
	else
		return false;
	return true;
}

/* Of several letters in one word the first that is wrong. */
static bool refuses_short(const struct argp_option *options, const char *word, char *why,
			  size_t size)
{
	for (const char *key = word + 1; *key; key++) {
		const struct argp_option *option = short_option(options, *key);

		if (!option) {
			snprintf(why, size, "'-%c' is no option", *key);
			return true;
		}
		if (option->arg && key[1])
			return false;
		if (option->arg) {
			snprintf(why, size, "'-%c' needs a value", *key);
			return true;
		}
	}
	return false;
}

bool refusal_of(const struct argp_option *options, const char *word, char *why, size_t size)
{
	if (word[0] != '-')
		return false;
	if (word[1] == '-')
		return refuses_long(options, word, why, size);
	if (word[1] < '0' || word[1] > '9')
		return refuses_short(options, word, why, size);
	snprintf(why, size, "interval '%s' is no number of seconds above 0", word);
	return true;
}
