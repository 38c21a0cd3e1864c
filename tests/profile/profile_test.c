// The heap profile: what it says of places whose blocks are known. With the
// argument OUT it only writes a profile there, for pprof.

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc/wrap/hakmem.h"
#include "tests/check.h"

#define PLACE __attribute__((noinline, noclone)) static
// Keeps the call from being a jump, and the loop from being unrolled.
#define BARRIER() __asm__ volatile("" ::: "memory")
#define HAS_RECORD() __asm__ volatile("" ::"r"(__builtin_frame_address(0)))

enum {
  kInterval = 4096,
  kLeaks = 3000,
  kLeakBytes = 2000,
  kChurns = 100000,
  kChurnBytes = 100,
  kLarge = 8,
  kLargeBytes = 300000,
  kBeside = 4000,
  kBesideBytes = 960,  // of one class with and without an alignment
  kKept = 4000,
};

static void* g_kept[kKept];
static void* g_large[kLarge];

PLACE void Leak(void) {
  for (int i = 0; i < kLeaks; ++i) {
    CHECK(malloc(kLeakBytes) != NULL);
    BARRIER();
  }
}
PLACE void CallsLeak(void) {
  Leak();
  BARRIER();
}
PLACE void Churn(void) {
  for (int i = 0; i < kChurns; ++i) {
    void* volatile block = malloc(kChurnBytes);
    free(block);
    BARRIER();
  }
}
PLACE void KeepLarge(void) {
  for (int i = 0; i < kLarge; ++i) {
    g_large[i] = calloc(1, kLargeBytes);
    CHECK(g_large[i] != NULL);
    BARRIER();
  }
}
PLACE void KeepAligned(void) {
  for (int i = 0; i < 100; ++i) {
    CHECK(aligned_alloc(256, 3072) != NULL);
    BARRIER();
  }
}
// With a frame record, through functions that call malloc themselves: the walk
// along the records must not miss this one.
PLACE void KeepZeroed(void) {
  HAS_RECORD();
  for (int i = 0; i < kBeside; ++i) {
    CHECK(calloc(1, kBesideBytes) != NULL);
    BARRIER();
  }
}
PLACE void KeepResized(void) {
  HAS_RECORD();
  for (int i = 0; i < kBeside; ++i) {
    CHECK(realloc(NULL, kBesideBytes) != NULL);
    BARRIER();
  }
}
PLACE void KeepPosix(void) {
  HAS_RECORD();
  for (int i = 0; i < kBeside; ++i) {
    void* block;
    CHECK(posix_memalign(&block, 64, kBesideBytes) == 0);
    BARRIER();
  }
}
// What an aligned block brings into the cache must not hide the next one.
PLACE void KeepBeside(void) {
  for (int i = 0; i < kBeside; ++i) {
    if (i % 8 == 0) CHECK(aligned_alloc(64, kBesideBytes) != NULL);
    CHECK(malloc(kBesideBytes) != NULL);
    BARRIER();
  }
}
// The same addresses, first for one place and then for another.
PLACE void KeepFirst(void) {
  for (int i = 0; i < kKept; ++i) g_kept[i] = malloc(500);
  BARRIER();
}
PLACE void KeepSecond(void) {
  for (int i = 0; i < kKept; ++i) g_kept[i] = malloc(500);
  BARRIER();
}
static void FreeKept(void) {
  for (int i = 0; i < kKept; ++i) free(g_kept[i]);
}

// ---- What a profile says of a place.

struct Place {
  long live, live_bytes, taken, taken_bytes;
  bool called_by_leaks_caller;
};

static char g_text[4 << 20];
static const uintptr_t kCodeBytes = 400;  // no place is longer

static bool Within(uintptr_t pc, void (*place)(void)) {
  static void (*const kPlaces[])(void) = {
      Leak,       CallsLeak,   Churn,     KeepLarge, KeepAligned, KeepBeside,
      KeepZeroed, KeepResized, KeepPosix, KeepFirst, KeepSecond};
  uintptr_t best = 0;
  for (size_t i = 0; i < sizeof(kPlaces) / sizeof(kPlaces[0]); ++i) {
    const uintptr_t start = (uintptr_t)kPlaces[i];
    if (start < pc && start > best) best = start;
  }
  return best == (uintptr_t)place && pc - best < kCodeBytes;
}

static void ReadBack(int (*write_it)(int)) {
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  CHECK(fd >= 0);
  struct hak_stats before;
  struct hak_stats after;
  hak_stats(&before);
  CHECK(write_it(fd) == 0);
  hak_stats(&after);
  CHECK(memcmp(&before, &after, sizeof(before)) == 0);
  const ssize_t n = pread(fd, g_text, sizeof(g_text) - 1, 0);
  CHECK(n > 0);
  g_text[n] = '\0';
  CHECK(close(fd) == 0);
}

// Adds up the lines whose stack has a frame in `place`, one of the first two:
// calloc may have one of its own before.
static struct Place Find(void (*place)(void)) {
  struct Place sum = {0};
  for (char* line = strchr(g_text, '\n'); line != NULL;
       line = strchr(line + 1, '\n')) {
    struct Place one = {0};
    int at = 0;
    if (sscanf(line, " %ld: %ld [ %ld: %ld] @%n", &one.live, &one.live_bytes,
               &one.taken, &one.taken_bytes, &at) != 4) {
      break;
    }
    const char* frames = line + at;
    bool here = false;
    for (int depth = 0; *frames == ' '; ++depth) {
      char* end;
      const uintptr_t pc = strtoul(frames, &end, 16);
      frames = end;
      if (depth < 2 && Within(pc, place)) here = true;
      if (here && Within(pc, CallsLeak)) sum.called_by_leaks_caller = true;
    }
    if (!here) continue;
    sum.live += one.live;
    sum.live_bytes += one.live_bytes;
    sum.taken += one.taken;
    sum.taken_bytes += one.taken_bytes;
  }
  return sum;
}

// As pprof computes it.
static double Estimate(long samples, long bytes) {
  if (samples == 0) return 0;
  const double mean = (double)bytes / (double)samples;
  return (double)bytes / (1 - exp(-mean / kInterval));
}

static void CheckNear(double got, double wanted, const char* what) {
  snprintf(check_context, sizeof(check_context), "%s: %.0f, not %.0f", what,
           got, wanted);
  CHECK(got > 0.85 * wanted && got < 1.15 * wanted);
  check_context[0] = '\0';
}

static void* LeakInThread(void* arg) {
  CallsLeak();
  return arg;
}

static void CheckPlaces(void) {
  CallsLeak();
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, LeakInThread, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  Churn();
  KeepLarge();
  KeepAligned();
  KeepBeside();
  KeepZeroed();
  KeepResized();
  KeepPosix();
  KeepFirst();
  FreeKept();
  KeepSecond();
  ReadBack(hak_profile_write);
  CHECK(strncmp(g_text, "heap profile: ", 14) == 0);
  CHECK(strstr(g_text, "@ heap_v2/4096\n") != NULL);
  CHECK(strstr(g_text, "\nMAPPED_LIBRARIES:\n") != NULL);

  const struct Place leak = Find(Leak);
  CheckNear(Estimate(leak.live, leak.live_bytes), 2.0 * kLeaks * kLeakBytes,
            "Leak");
  CHECK(leak.called_by_leaks_caller);
  const struct Place churn = Find(Churn);
  // The last of its blocks may not have been handed out again yet.
  CHECK(churn.live <= 40);
  CheckNear(Estimate(churn.taken, churn.taken_bytes),
            (double)kChurns * kChurnBytes, "Churn");
  const struct Place large = Find(KeepLarge);
  CheckNear(Estimate(large.live, large.live_bytes),
            (double)kLarge * kLargeBytes, "KeepLarge");
  CHECK(Find(KeepAligned).live > 20);
  const struct Place beside = Find(KeepBeside);
  CheckNear(Estimate(beside.live, beside.live_bytes),
            kBeside * 9.0 / 8 * kBesideBytes, "KeepBeside");
  const double through = (double)kBeside * kBesideBytes;
  const struct Place zeroed = Find(KeepZeroed);
  CheckNear(Estimate(zeroed.live, zeroed.live_bytes), through, "KeepZeroed");
  const struct Place resized = Find(KeepResized);
  CheckNear(Estimate(resized.live, resized.live_bytes), through, "KeepResized");
  const struct Place posix = Find(KeepPosix);
  CheckNear(Estimate(posix.live, posix.live_bytes), through, "KeepPosix");
  const struct Place first = Find(KeepFirst);
  const struct Place second = Find(KeepSecond);
  CheckNear(Estimate(first.taken, first.taken_bytes), 500.0 * kKept, "First");
  CheckNear(Estimate(second.live, second.live_bytes), 500.0 * kKept, "Second");
  // Hardened has some of them in quarantine, where they are no more alive.
  CHECK(first.live == 0);
}

static atomic_bool g_stop;
static _Atomic(void*) g_passed[64];

static void* PassOn(void* arg) {
  unsigned random = (unsigned)(intptr_t)arg;
  while (!atomic_load(&g_stop)) {
    random = random * 1664525u + 1013904223u;
    void* fresh = malloc((random >> 8) % 3000);
    CHECK(fresh != NULL);
    free(atomic_exchange(&g_passed[random >> 26], fresh));
  }
  return NULL;
}

// Profiles begin, are written and end while threads free each other's blocks.
static void CheckThreads(void) {
  enum { kThreads = 4, kRounds = 30 };
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; ++i) {
    CHECK(pthread_create(&threads[i], NULL, PassOn, (void*)i) == 0);
  }
  const int null = open("/dev/null", O_WRONLY);
  CHECK(null >= 0);
  for (int i = 0; i < kRounds; ++i) {
    CHECK(hak_profile_start(256) == 0);
    usleep(2000);
    CHECK(hak_profile_write(null) == 0);
    CHECK(hak_profile_top(null) == 0);
    if (i % 3 == 0) hak_profile_stop();
  }
  CHECK(close(null) == 0);
  atomic_store(&g_stop, true);
  for (int i = 0; i < kThreads; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
}

// The first row of the table, and the size it names.
static void CheckTop(void) {
  ReadBack(hak_profile_top);
  CHECK(strncmp(g_text, "hakmem profile: ", 16) == 0);
  const char* row = strchr(strchr(g_text, '\n') + 1, '\n') + 1;
  unsigned long bytes;
  unsigned long blocks;
  unsigned long all;
  unsigned long all_blocks;
  unsigned long pc;
  unsigned long caller;
  CHECK(sscanf(row, "%lu %lu %lu %lu 0x%lx 0x%lx", &bytes, &blocks, &all,
               &all_blocks, &pc, &caller) == 6);
  // Hardened has a frame of its own before it.
  CHECK(Within(pc, Leak) || Within(caller, Leak));
  CHECK(bytes > kLeaks * kLeakBytes * 7UL / 10);
  CHECK(blocks > kLeaks * 7UL / 10);
}

static void CheckFork(void) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    KeepLarge();
    const int null = open("/dev/null", O_WRONLY);
    _exit(null >= 0 && hak_profile_write(null) == 0 ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void CheckErrors(void) {
  errno = 0;
  CHECK(hak_profile_start(SIZE_MAX) == -1 && errno == EINVAL);
  errno = 0;
  CHECK(hak_profile_write(-1) == -1 && errno == EBADF);
  const int full = open("/dev/full", O_WRONLY);
  CHECK(full >= 0);
  errno = 0;
  CHECK(hak_profile_top(full) == -1 && errno == ENOSPC);
  CHECK(close(full) == 0);
}

static double Seconds(void) {
  struct timespec now;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// After a stop nothing is sampled any more, and it is fast again.
static void CheckStop(void) {
  const double start = Seconds();
  Churn();
  const double on = Seconds();
  hak_profile_stop();
  ReadBack(hak_profile_write);
  const long taken = Find(Churn).taken;
  const double off = Seconds();
  Churn();
  const double end = Seconds();
  ReadBack(hak_profile_write);
  CHECK(Find(Churn).taken == taken);
  printf("malloc and free: %.0f ns with a profile, %.0f without\n",
         (on - start) * 1e9 / kChurns, (end - off) * 1e9 / kChurns);
}

int main(int argc, char** argv) {
  CHECK(hak_profile_start(kInterval) == 0);
  if (argc > 1) {
    CallsLeak();
    Churn();
    const int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0);
    CHECK(hak_profile_write(fd) == 0);
    return 0;
  }
  CheckErrors();
  CheckPlaces();
  CheckTop();
  CheckFork();
  CheckStop();
  CheckThreads();
  // A new profile begins with nothing.
  CHECK(hak_profile_start(0) == 0);
  ReadBack(hak_profile_write);
  CHECK(strstr(g_text, "heap_v2/524288\n") != NULL);
  CHECK(Find(Leak).taken == 0 && Find(Leak).live == 0);
  printf("PASSED, %ld checks\n", check_count);
  return 0;
}
