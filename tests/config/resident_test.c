// Box:   tests/config.   Uses: tests/support.h, hakmem.h, seccomp.
// Holds: a configuration for deadlines: memory is never given back and its
//        pages are there from the start, so that a second burst neither faults
//        nor calls the kernel.
// Read next: lazy_test.c
#include <sys/resource.h>
#include <sys/wait.h>

#include "hakmem.h"
#include "tests/sandbox.h"
#include "tests/support.h"

#define MIB ((size_t)1 << 20)

const struct hak_config hak_config = {.never_return = 1, .prefault = 1};

enum { kBlocks = 4000 };
static void* blocks[kBlocks];

static size_t SizeOf(size_t i) {
  return i % 500 == 1 ? 3 * MIB : i % 20 == 2 ? 60000 : 16 + i % 3000;
}

static void Burst(void) {
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks[i] = Escape(malloc(SizeOf(i)));
    if (blocks[i] == NULL) _exit(5);
    ((volatile char*)blocks[i])[SizeOf(i) - 1] = 1;
  }
  // The largest is above what is a mapping of its own otherwise.
  char* const p = (char*)Escape(malloc(40 * MIB));
  if (p == NULL) _exit(6);
  for (size_t i = 0; i < 40 * MIB; i += 4096) ((volatile char*)p)[i] = 1;
  free(p);
  for (size_t i = 0; i < kBlocks; ++i) free(blocks[i]);
}

static long Faults(void) {
  struct rusage usage;
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_minflt;
}

// Fresh memory does not fault, either.
static void FirstTouch(void) {
  volatile char* const p = (volatile char*)Escape(malloc(20 * MIB));
  CHECK(p != NULL);
  const long before = Faults();
  for (size_t i = 0; i < 20 * MIB; i += 4096) p[i] = 1;
  if (!OnEmulator()) CHECK_LE(Faults() - before, 20);
  free((void*)p);
}

static void Steady(void) {
  static const int kCalls[] = {SYS_write, SYS_exit_group, SYS_getrusage,
                               SYS_futex};
  if (!SandboxAllow(kCalls, sizeof kCalls / sizeof kCalls[0])) _exit(0);
  Burst();
  _exit(0);
}

static void NoSystemCalls(void) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) Steady();
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
}

int main(void) {
  CheckHeapUnderTest();
  alarm(120);
  struct hak_stats stats;
  FirstTouch();
  for (int i = 0; i < 3; ++i) Burst();
  hak_stats(&stats);
  CHECK_EQ(stats.huge_blocks, 0);
  // Hardened gives the pages of freed large blocks back, as its guards.
  if (!OnHardened()) {
    CHECK_GE(stats.mapped, 60 * MIB);
    CHECK_EQ(stats.purged, 0);
    const long before = Faults();
    Burst();
    // The stack, and this test's own pages.
    if (!OnEmulator()) CHECK_LE(Faults() - before, 20);
    NoSystemCalls();
  }
  // Whoever asks for it gets it back all the same.
  CHECK_GE(hak_trim(1), OnHardened() ? 1 : 40 * MIB);
  return CheckReport("resident_test");
}
