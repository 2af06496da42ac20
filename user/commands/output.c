/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file is written beside its place, without a name where the file system can,
 * and put there in the end: a profile that is half written is nowhere to be seen.
 * What is in it is left to user/view.
 */
#include "commands/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "report/json.h"
#include "report/text.h"
#include "view/document.h"
#include "view/summary.h"

struct output {
	const struct options *options;
	bool is_series; /* JSON: a profile a line */
	struct json_writer *json;
	FILE *file;	 /* NULL without -o */
	char *target;	 /* what -o names, links followed; NULL: written to as it is */
	char *temporary; /* renamed to target in the end; NULL: has no name yet */
};

/* /dev/stdout, a pipe: written to as it is, nothing can be left half done behind a name. */
static bool is_special(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISREG(st.st_mode);
}

/* The file that is meant: a link is followed, not replaced. One that leads nowhere is refused. */
static char *resolve(const char *path)
{
	char *target = realpath(path, NULL);
	struct stat st;

	if (target || errno != ENOENT || !lstat(path, &st))
		return target;
	return strdup(path);
}

/* As the file is that @fd is to replace, if there is one. */
static int keep_attributes(int fd, const char *target)
{
	struct stat old, new;

	if (stat(target, &old) || fstat(fd, &new))
		return errno == ENOENT ? 0 : -errno;
	if ((old.st_uid != new.st_uid || old.st_gid != new.st_gid) &&
	    fchown(fd, old.st_uid, old.st_gid))
		return -errno;
	return fchmod(fd, old.st_mode & 07777) ? -errno : 0;
}

/* In the directory of @path, but without a name: nothing is left behind, however we end. */
static int open_unnamed(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, slash - path + 1) : strdup(".");
	int fd = directory ? open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
	int err = errno;

	free(directory);
	errno = err;
	return fd;
}

/* For file systems that know no unnamed files. */
static int open_temporary(struct output *output, const char *path)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (asprintf(&output->temporary, "%s.XXXXXX", path) < 0)
		output->temporary = NULL;
	fd = output->temporary ? mkostemp(output->temporary, O_CLOEXEC) : -1;
	if (fd < 0) {
		free(output->temporary);
		output->temporary = NULL;
	} else {
		fchmod(fd, 0666 & ~mask);
	}
	return fd;
}

/* Beside the target and with its attributes. 0 or -errno. */
static int open_beside(struct output *output, const char *path)
{
	int fd, err;

	output->target = resolve(path);
	if (!output->target)
		return -errno;
	fd = open_unnamed(output->target);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		fd = open_temporary(output, output->target);
	if (fd < 0)
		return -errno;
	err = keep_attributes(fd, output->target);
	if (!err) {
		output->file = fdopen(fd, "w");
		err = output->file ? 0 : -errno;
	}
	if (err)
		close(fd);
	return err;
}

static int open_file(struct output *output, const char *path)
{
	int err;

	if (!*path || is_special(path)) {
		output->file = fopen(path, "we");
		err = output->file ? 0 : -errno;
	} else {
		err = open_beside(output, path);
	}
	if (!err)
		return 0;
	log_err(-err, "write %s", path);
	return err == -ENOMEM ? EXIT_NO_MEASURE : EXIT_USAGE;
}

/* A name to be renamed from: an unnamed file cannot take another's place. */
static int name_file(struct output *output, FILE *file, const char *path)
{
	char unnamed[32];
	char *name;

	if (asprintf(&name, "%s.%d", path, getpid()) < 0)
		return -ENOMEM;
	snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", fileno(file));
	if (linkat(AT_FDCWD, unnamed, AT_FDCWD, name, AT_SYMLINK_FOLLOW)) {
		int err = -errno;

		free(name);
		return err;
	}
	output->temporary = name;
	return 0;
}

int output_open(struct output **out, const struct options *options, bool is_series)
{
	struct output *output = calloc(1, sizeof(*output));
	int code = 0;

	if (output) {
		output->options = options;
		output->is_series = is_series;
		output->json = json_writer_new();
	}
	if (!output || !output->json)
		code = log_fail(EXIT_NO_MEASURE, "prepare the report: out of memory");
	else if (options->output)
		code = open_file(output, options->output);
	if (code) {
		output_close(output);
		return code;
	}
	*out = output;
	return 0;
}

static int print_json(struct output *output, const struct profile *profile, FILE *to,
		      const char *name)
{
	int err;

	document_write(profile, json_writer_base(output->json));
	err = json_writer_print(output->json, to, output->is_series);
	if (!err && fflush(to))
		err = -errno;
	if (!err)
		return 0;
	log_err(-err, "write %s", name);
	return EXIT_NO_MEASURE;
}

static int print_text(struct output *output, const struct profile *profile)
{
	struct summary_options options = {
		.hist = output->options->hist,
		.per_thread = output->options->per_thread,
		.only = output->options->only,
	};
	struct sheet sheet = {};
	int err = summary_make(&sheet, profile, &options);

	if (!err)
		err = text_print(&sheet, stdout);
	sheet_free(&sheet);
	if (!err)
		return 0;
	log_err(-err, "print the report");
	return EXIT_NO_MEASURE;
}

int output_profile(struct output *output, const struct profile *profile)
{
	const struct options *options = output->options;
	int code = 0;

	if (output->file)
		code = print_json(output, profile, output->file, options->output);
	if (!code && options->json && !options->output)
		code = print_json(output, profile, stdout, "to stdout");
	if (!code && !options->json && !options->quiet)
		code = print_text(output, profile);
	return code;
}

int output_finish(struct output *output)
{
	const char *path = output->options->output;
	FILE *file = output->file;
	int err = 0;

	if (!file)
		return 0;
	output->file = NULL;
	/* The disk may be full, or the file remote: only a successful fsync and close say it is whole. */
	if (fflush(file) || (output->target && fsync(fileno(file))))
		err = errno;
	if (!err && output->target && !output->temporary)
		err = -name_file(output, file, output->target);
	if (fclose(file) && !err)
		err = errno;
	if (!err && output->temporary && rename(output->temporary, output->target))
		err = errno;
	if (err) {
		log_err(err, "write %s", path);
		return EXIT_NO_MEASURE;
	}
	free(output->temporary);
	output->temporary = NULL;
	return 0;
}

void output_close(struct output *output)
{
	if (!output)
		return;
	if (output->file)
		fclose(output->file);
	if (output->temporary)
		unlink(output->temporary);
	free(output->temporary);
	free(output->target);
	json_writer_free(output->json);
	free(output);
}
