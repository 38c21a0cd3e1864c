// A heap with something of everything, as images and as the numbers that an
// image must agree with.
//
//   make_heap DUMP STATS.json DUMP2 BUSY
//
// DUMP2 is written after the heap has grown, BUSY while threads use it. Looks
// on the way at what hak_dump promises: it allocates nothing, calls write only,
// and fails as write does.

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/wrap/hakmem.h"
#include "tests/check.h"

enum { kBlocks = 30000, kThreads = 3 };

static void* g_blocks[kBlocks];
static void* g_large[64];
static unsigned g_random = 1;

static unsigned Random(unsigned limit) {
  g_random = g_random * 1664525u + 1013904223u;
  return (g_random >> 8) % limit;
}

// Allocates from a heap of its own, and ends: half of its slabs are orphans.
static void* Thread(void* arg) {
  const int number = (int)(intptr_t)arg;
  for (int i = number; i < kBlocks; i += kThreads + 1) {
    if (i % 2 == 0) g_blocks[i] = malloc(48 + (size_t)number * 100);
  }
  return NULL;
}

static void Fill(void) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) {
    CHECK(pthread_create(&threads[i], NULL, Thread, (void*)(intptr_t)i) == 0);
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  static const size_t kSizes[] = {24, 40, 64, 100, 200, 500, 1000, 3000, 7000};
  for (int i = 0; i < kBlocks; ++i) {
    if (g_blocks[i] == NULL) g_blocks[i] = malloc(kSizes[Random(9)]);
    CHECK(g_blocks[i] != NULL);
  }
  for (int i = 0; i < kBlocks; ++i) {
    if (Random(100) < (unsigned)(i / 400)) {
      free(g_blocks[i]);
      g_blocks[i] = NULL;
    }
  }
  for (int i = 0; i < 64; ++i) {
    g_large[i] = malloc(8000 + Random(200000));
    memset(g_large[i], 1, 8000);
  }
  for (int i = 0; i < 64; i += 3) {
    free(g_large[i]);
    g_large[i] = NULL;
  }
  g_large[0] = malloc((size_t)40 << 20);
  CHECK(g_large[0] != NULL);
}

// A leak of one class, and a large block more.
static void Grow(void) {
  for (int i = 0; i < 5000; ++i) CHECK(malloc(300) != NULL);
  CHECK(malloc((size_t)3 << 20) != NULL);
}

static void Dump(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(fd >= 0);
  struct hak_stats before;
  struct hak_stats after;
  hak_stats(&before);
  CHECK(hak_dump(fd) == 0);
  hak_stats(&after);
  CHECK(memcmp(&before, &after, sizeof(before)) == 0);
  CHECK(close(fd) == 0);
}

static void CheckErrors(void) {
  errno = 0;
  CHECK(hak_dump(-1) == -1 && errno == EBADF);
  const int full = open("/dev/full", O_WRONLY);
  CHECK(full >= 0);
  errno = 0;
  CHECK(hak_dump(full) == -1 && errno == ENOSPC);
  CHECK(close(full) == 0);
}

// From linux/filter.h: musl comes without the kernel's headers.
struct Instruction {
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t value;
};

// Blocks go from every thread to every other while images are written.
static _Atomic(void*) g_passed[64];
static atomic_bool g_stop;

static void* Churn(void* arg) {
  unsigned random = (unsigned)(intptr_t)arg;
  while (!atomic_load(&g_stop)) {
    random = random * 1664525u + 1013904223u;
    const size_t bytes = (random >> 8) % (random >> 30 == 0 ? 100000 : 2000);
    void* fresh = malloc(bytes);
    CHECK(fresh != NULL);
    free(atomic_exchange(&g_passed[random >> 26], fresh));
  }
  return NULL;
}

static void DumpBusy(const char* path) {
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) {
    CHECK(pthread_create(&threads[i], NULL, Churn, (void*)(intptr_t)i) == 0);
  }
  for (int i = 0; i < 20; ++i) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    CHECK(hak_dump(fd) == 0);
    CHECK(close(fd) == 0);
  }
  atomic_store(&g_stop, true);
  for (int i = 0; i < kThreads; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
}

// In a child that may make no other call than write, and ask who it is. An
// emulator has no such filters.
static void CheckSystemCalls(void) {
  struct Instruction code[] = {
      {0x20, 0, 0, 0},  // load the call's number
      {0x15, 3, 0, SYS_write},
      {0x15, 2, 0, SYS_getpid},
      {0x15, 1, 0, SYS_exit_group},
      {0x06, 0, 0, 0x80000000u},  // kill the process
      {0x06, 0, 0, 0x7fff0000u},  // allow
  };
  const struct {
    unsigned short length;
    struct Instruction* code;
  } program = {sizeof(code) / sizeof(code[0]), code};
  const int null = open("/dev/null", O_WRONLY);
  CHECK(null >= 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, 1, 0, &program) != 0) {
      _exit(77);
    }
    _exit(hak_dump(null) == 0 ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
  CHECK(close(null) == 0);
}

int main(int argc, char** argv) {
  CHECK(argc == 5);
  Fill();
  CheckErrors();
  CheckSystemCalls();
  const int json = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(json >= 0);
  CHECK(hak_stats_write(json, HAK_JSON) == 0);
  CHECK(close(json) == 0);
  Dump(argv[1]);
  Grow();
  Dump(argv[3]);
  DumpBusy(argv[4]);
  return 0;
}
