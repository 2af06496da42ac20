/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file of -o: whole or not at all, in place of what it names and with its attributes. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "commands/output.h"
#include "samples.h"

struct place {
	char directory[64];
	char path[128];
};

static int make_place(void **state)
{
	static struct place place;

	strcpy(place.directory, "/tmp/fdscope-test-XXXXXX");
	if (!mkdtemp(place.directory))
		return -1;
	snprintf(place.path, sizeof(place.path), "%s/profile", place.directory);
	*state = &place;
	return 0;
}

static const char *beside(const struct place *place, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	return path;
}

/* How many names there are. */
static size_t nr_names(const struct place *place)
{
	DIR *dir = opendir(place->directory);
	size_t nr = 0;

	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr - 2; /* . and .. */
}

static int remove_place(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	unlink(beside(place, "link"));
	return rmdir(place->directory);
}

static void write_old(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "old", 3), 3);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Saves an empty profile; without @is_whole, stops before its end. The exit code. */
static int save(const char *path, bool is_whole)
{
	const struct options options = { .output = path, .quiet = true };
	struct profile profile;
	struct output *output;
	int code = output_open(&output, &options, false);

	if (code)
		return code;
	sample_empty(&profile);
	code = output_profile(output, &profile);
	if (!code && is_whole)
		code = output_finish(output);
	output_close(output);
	profile_free(&profile);
	return code;
}

static struct stat stat_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

static void a_new_file_has_the_mode_that_the_umask_leaves(void **state)
{
	const struct place *place = *state;
	mode_t mask = umask(027);
	int code = save(place->path, true);

	umask(mask);
	assert_int_equal(code, 0);
	assert_int_equal(stat_of(place->path).st_mode & 07777, 0640);
	assert_true(stat_of(place->path).st_size > 3);
	assert_int_equal(nr_names(place), 1);
}

static void a_file_that_is_there_keeps_its_mode(void **state)
{
	const struct place *place = *state;

	write_old(place->path, 0604);
	assert_int_equal(save(place->path, true), 0);
	assert_int_equal(stat_of(place->path).st_mode & 07777, 0604);
	assert_true(stat_of(place->path).st_size > 3);
}

static void a_file_that_is_there_keeps_its_owner(void **state)
{
	const struct place *place = *state;

	write_old(place->path, 0640);
	if (chown(place->path, 65534, 65533))
		skip(); /* only root may */
	assert_int_equal(save(place->path, true), 0);
	assert_int_equal(stat_of(place->path).st_uid, 65534);
	assert_int_equal(stat_of(place->path).st_gid, 65533);
	assert_int_equal(stat_of(place->path).st_mode & 07777, 0640);
}

static void a_link_stays_and_its_file_is_written(void **state)
{
	const struct place *place = *state;

	write_old(place->path, 0600);
	assert_int_equal(symlink("profile", beside(place, "link")), 0);
	assert_int_equal(save(beside(place, "link"), true), 0);
	assert_true(S_ISLNK(stat_of(beside(place, "link")).st_mode));
	assert_true(stat_of(place->path).st_size > 3);
	assert_int_equal(nr_names(place), 2);
}

static void a_link_that_leads_nowhere_is_refused(void **state)
{
	const struct place *place = *state;

	assert_int_equal(symlink("profile", beside(place, "link")), 0);
	assert_int_equal(save(beside(place, "link"), true), EXIT_USAGE);
	assert_int_equal(nr_names(place), 1);
}

static void what_was_there_stays_until_the_end(void **state)
{
	const struct place *place = *state;

	assert_int_equal(save(place->path, false), 0);
	assert_int_equal(nr_names(place), 0);
	write_old(place->path, 0600);
	assert_int_equal(save(place->path, false), 0);
	assert_int_equal(stat_of(place->path).st_size, 3);
	assert_int_equal(nr_names(place), 1);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(a_new_file_has_the_mode_that_the_umask_leaves),
		IN_A_PLACE(a_file_that_is_there_keeps_its_mode),
		IN_A_PLACE(a_file_that_is_there_keeps_its_owner),
		IN_A_PLACE(a_link_stays_and_its_file_is_written),
		IN_A_PLACE(a_link_that_leads_nowhere_is_refused),
		IN_A_PLACE(what_was_there_stays_until_the_end),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
