/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What cannot be seen is said, and leaves the profile complete. */
#include "tests.h"

#include <elf.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/personality.h>

/* Is every call of the machine seen, if only to be told as unseen? */
static bool sees_all_calls(struct tracer *tracer)
{
	return probes_backend(tracer_probes(tracer)) != BACKEND_FENTRY;
}

#ifdef __x86_64__

/* ia32's numbers: 20 is getpid here and writev there. */
static long call_compat_getpid(void)
{
	long result = 20;

	asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static bool runs_32_bit_programs(void)
{
	return call_compat_getpid() == getpid(); /* else CONFIG_IA32_EMULATION is off */
}

#define MACHINE	      EM_386
#define MACHINE_FLAGS 0
#define CODE	      0x6a, 20, 0x58, 0xcd, 0x80, 0x31, 0xdb, 0x6a, 1, 0x58, 0xcd, 0x80

#else

/* No program makes calls of both kinds. */
static long call_compat_getpid(void)
{
	return -ENOSYS;
}

static bool runs_32_bit_programs(void)
{
	int before = personality(PER_LINUX32); /* refused by processors that do not */

	return before >= 0 && personality(before) >= 0;
}

#define MACHINE	      EM_ARM
#define MACHINE_FLAGS EF_ARM_EABI_VER5
/* mov r7, #20; svc #0; mov r0, #0; mov r7, #1; svc #0 */
#define CODE \
	20, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef, 0, 0, 0xa0, 0xe3, 1, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef

#endif

static void calls_by_ia32_numbers_are_unseen(void **state)
{
	if (call_compat_getpid() != getpid())
		skip();
	begin(*state);
	for (int i = 0; i < 7; i++)
		assert_int_equal(call_compat_getpid(), getpid());
	end(*state);
	if (sees_all_calls(*state))
		want(*state, 7, "unseen.compat_calls");
	expect(*state, { "fds.opened", 0 });
	assert_true(profile_is_complete(profile_of(*state)));
}

/* Calls getpid, 20, once, and exits, 1. */
static const struct {
	Elf32_Ehdr header;
	Elf32_Phdr segment;
	uint8_t code[20];
} program = {
	.header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = MACHINE,
		.e_version = EV_CURRENT,
		.e_entry = 0x10000 + sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr),
		.e_phoff = sizeof(Elf32_Ehdr),
		.e_flags = MACHINE_FLAGS,
		.e_ehsize = sizeof(Elf32_Ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1,
	},
	.segment = {
		.p_type = PT_LOAD,
		.p_vaddr = 0x10000,
		.p_filesz = sizeof(program),
		.p_memsz = sizeof(program),
		.p_flags = PF_R | PF_X,
		.p_align = 0x1000,
	},
	.code = { CODE },
};

static void run_program(void *context)
{
	int fd = must(memfd_create("compat", MFD_CLOEXEC), "memfd_create");
	char *const none[] = { NULL };

	(void)context;
	require(write(fd, &program, sizeof(program)) == sizeof(program), "write");
	fexecve(fd, none, none);
	require(false, "fexecve");
}

static void a_32_bit_program_is_unseen(void **state)
{
	if (!runs_32_bit_programs())
		skip();
	begin(*state);
	run_child(run_program, NULL);
	end(*state);
	if (sees_all_calls(*state)) /* execve returns to it, which is a 32-bit call by then */
		want(*state, 2, "unseen.compat_calls");
	else
		want(*state, 1, "unseen.compat_processes");
	expect(*state, { "fds.opened", 0 });
}

struct ring {
	int fd;
	char *queue;
	struct io_uring_sqe *entries;
	struct io_uring_params params;
};

static void map_ring(struct ring *ring)
{
	size_t bytes = ring->params.sq_off.array + ring->params.sq_entries * sizeof(uint32_t);

	ring->queue =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, ring->params.sq_entries * sizeof(*ring->entries),
			     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	assert_true(ring->queue != MAP_FAILED && ring->entries != MAP_FAILED);
}

static void submit(struct ring *ring, unsigned int nr)
{
	uint32_t *tail = (uint32_t *)(ring->queue + ring->params.sq_off.tail);
	uint32_t *array = (uint32_t *)(ring->queue + ring->params.sq_off.array);

	for (unsigned int i = 0; i < nr; i++) {
		memset(&ring->entries[i], 0, sizeof(ring->entries[i]));
		ring->entries[i].opcode = IORING_OP_NOP;
		array[(*tail + i) & (ring->params.sq_entries - 1)] = i;
	}
	__atomic_store_n(tail, *tail + nr, __ATOMIC_RELEASE);
	assert_int_equal(syscall(SYS_io_uring_enter, ring->fd, nr, 0, 0, NULL, 0), nr);
}

static void requests_through_io_uring_are_unseen(void **state)
{
	struct ring ring = {};

	ring.fd = syscall(SYS_io_uring_setup, 8, &ring.params);
	if (ring.fd < 0 || !probes_see_io_uring(tracer_probes(*state)))
		skip(); /* no io_uring, or no tracepoint in it */
	map_ring(&ring);
	begin(*state);
	submit(&ring, 5);
	submit(&ring, 2);
	end(*state);
	expect(*state, { "unseen.io_uring_requests", 7 });
	close(ring.fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(calls_by_ia32_numbers_are_unseen),
	cmocka_unit_test(a_32_bit_program_is_unseen),
	cmocka_unit_test(requests_through_io_uring_are_unseen),
};

const struct family unseen_tests = { tests, ARRAY_SIZE(tests) };
