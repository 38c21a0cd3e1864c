// Box:   tests/process.   Uses: tests/support.h.
// Holds: memory comes back: after a burst, with scattered survivors, and with
//        dead threads; what is freed is returned by the free, not by time.
// Read next: system_test.c
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support.h"

#define MIB ((size_t)1 << 20)
enum { kThreads = 8, kBurstMib = 20 };

typedef struct {
  size_t count;
  size_t keep_every;  // 0: keep nothing
  unsigned char** blocks;
  pthread_barrier_t* barrier;
  unsigned seed;
} Burst;

// Sizes 16..1500, as of a daemon under load; freed in a random order.
static void* RunBurst(void* arg) {
  Burst* burst = (Burst*)arg;
  Random r = {burst->seed};
  for (size_t i = 0; i < burst->count; ++i) {
    const size_t n = 16 + RandomBelow(&r, 1500);
    burst->blocks[i] = (unsigned char*)Escape(malloc(n));
    CHECK(burst->blocks[i] != NULL);
    memset(burst->blocks[i], 1, n);
  }
  for (size_t i = burst->count; i > 1; --i) {
    const size_t j = RandomBelow(&r, i);
    unsigned char* const other = burst->blocks[j];
    burst->blocks[j] = burst->blocks[i - 1];
    burst->blocks[i - 1] = other;
  }
  // Once to say that all is there, once to hear that it was measured.
  pthread_barrier_wait(burst->barrier);
  pthread_barrier_wait(burst->barrier);
  for (size_t i = 0; i < burst->count; ++i) {
    if (burst->keep_every != 0 && i % burst->keep_every == 0) continue;
    free(burst->blocks[i]);
    burst->blocks[i] = NULL;
  }
  // The thread stays alive and idle while the main thread measures.
  pthread_barrier_wait(burst->barrier);
  pthread_barrier_wait(burst->barrier);
  return NULL;
}

static int CompareSize(const void* a, const void* b) {
  const size_t x = *(const size_t*)a;
  const size_t y = *(const size_t*)b;
  return x < y ? -1 : x > y;
}

// The bytes of the pages that survivors lie on. The table comes from mmap, so
// that it is not in what is measured.
static size_t PagesTouched(Burst* bursts, size_t* pages) {
  const size_t page = PageSize();
  size_t count = 0;
  for (int t = 0; t < kThreads; ++t) {
    for (size_t i = 0; i < bursts[t].count; ++i) {
      const unsigned char* p = bursts[t].blocks[i];
      if (p == NULL) continue;
      const size_t last = (size_t)(uintptr_t)p + malloc_usable_size((void*)p);
      for (size_t at = (size_t)(uintptr_t)p / page; at <= (last - 1) / page;
           ++at) {
        pages[count++] = at;
      }
    }
  }
  qsort(pages, count, sizeof *pages, CompareSize);
  size_t distinct = 0;
  for (size_t i = 0; i < count; ++i) {
    distinct += i == 0 || pages[i] != pages[i - 1];
  }
  return distinct * page;
}

static void* MapTouched(size_t bytes) {
  void* p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  CHECK(p != MAP_FAILED);
  return p;
}

// What may stay over the start: `percent` of the pages of survivors; per idle
// thread the pages that its cache pins, and after the threads' end what the
// descriptors of the peak take, stacks that libc keeps, and dirty pages.
enum { kIdleThreadKib = 1024, kEndedKib = 2048 };

static void TestBurst(size_t keep_every, size_t percent) {
  const size_t count = kBurstMib * MIB / 800;
  Burst bursts[kThreads];
  pthread_t threads[kThreads];
  pthread_barrier_t barrier;
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, kThreads + 1), 0);
  size_t* const pages = (size_t*)MapTouched(kThreads * count * 16);
  unsigned char** const table =
      (unsigned char**)MapTouched(kThreads * count * sizeof(void*));
  const size_t start = ResidentBytes();
  for (unsigned i = 0; i < kThreads; ++i) {
    bursts[i] = (Burst){count, keep_every, table + i * count, &barrier, i};
    CHECK_EQ(pthread_create(&threads[i], NULL, RunBurst, &bursts[i]), 0);
  }
  pthread_barrier_wait(&barrier);
  const size_t peak = ResidentBytes();
  pthread_barrier_wait(&barrier);
  CHECK_GE(peak - start, (size_t)kThreads * kBurstMib * MIB * 8 / 10);
  pthread_barrier_wait(&barrier);
  const size_t after = ResidentBytes();
  const size_t survivors = keep_every == 0 ? 0 : PagesTouched(bursts, pages);
  char line[160];
  const int n = snprintf(
      line, sizeof line,
      "burst, 1/%zu kept: +%zu KiB at the peak, +%zu KiB after, survivors on "
      "%zu KiB\n",
      keep_every, (peak - start) / 1024,
      after > start ? (after - start) / 1024 : 0, survivors / 1024);
  CHECK(write(1, line, (size_t)n) == n);
  const size_t pinned = survivors * percent / 100;
  if (OnHakmem()) {
    CHECK_LE(after, start + pinned + kThreads * kIdleThreadKib * 1024);
  }
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < kThreads; ++i) {
    CHECK_EQ(pthread_join(threads[i], NULL), 0);
  }
  if (OnHakmem()) {
    CHECK_LE(ResidentBytes(), start + pinned + kEndedKib * 1024);
  }
  // The survivors are freed by another thread than theirs, which has ended.
  for (size_t i = 0; i < kThreads * count; ++i) free(table[i]);
  const size_t quarantine = OnHardened() ? 2048 * 1024 : 0;
  if (OnHakmem()) {
    CHECK_LE(ResidentBytes(), start + kEndedKib * 1024 + quarantine);
  }
  munmap(pages, kThreads * count * 16);
  munmap(table, kThreads * count * sizeof(void*));
}

static void TakeAndGive(void) {
  unsigned char* blocks[64];
  for (size_t i = 0; i < 64; ++i) {
    blocks[i] = (unsigned char*)Escape(malloc(MIB + i * 4096));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, MIB);
  }
  for (size_t i = 0; i < 64; ++i) free(blocks[i * 37 % 64]);
}

static void Sleep(long ms) {
  const struct timespec span = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&span, NULL);
}

// Large blocks. What goes up once comes down at once; what goes up and down
// all the time is kept, but never more than that, and given back by a free
// when there has been time for it.
static void TestLarge(void) {
  const size_t start = ResidentBytes();
  TakeAndGive();
  if (OnHakmem()) CHECK_LE(ResidentBytes(), start + MIB);
  for (int round = 0; round < 16; ++round) {
    TakeAndGive();
    if (OnHakmem()) CHECK_LE(ResidentBytes(), start + 80 * MIB);
  }
  Sleep(2500);
  free(Escape(malloc(3 * MIB)));
  if (OnHakmem()) CHECK_LE(ResidentBytes(), start + MIB);
}

static long Faults(void) {
  struct rusage usage;
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_minflt;
}

// Half of the large blocks go and come back, at once: their pages stay, in
// quarantine as well, but for what time pays for.
static void TestUpAndDown(void) {
  enum { kBlocks = 16, kRounds = 64, kPages = 256 };
  unsigned char* blocks[kBlocks] = {NULL};
  long before = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    if (round == 1) before = Faults();
    for (size_t i = round % 2; i < kBlocks; i += 2) free(blocks[i]);
    for (size_t i = round % 2; i < kBlocks; i += 2) {
      blocks[i] = (unsigned char*)Escape(malloc(MIB));
      CHECK(blocks[i] != NULL);
      memset(blocks[i], 1, MIB);
    }
  }
  const long faults = Faults() - before;
  printf("half up and down: %ld page faults\n", faults);
  if (OnHakmem()) CHECK_LE(faults, kRounds * kBlocks / 2 * kPages / 2);
  for (size_t i = 0; i < kBlocks; ++i) free(blocks[i]);
}

static bool IsResident(unsigned char* page) {
  unsigned char resident = 0;
  CHECK_EQ(mincore(page, 1, &resident), 0);
  return (resident & 1) != 0;
}

// Hardened: the guard in front of a block may lie on a page that was another
// block's. It goes when the block's pages go.
static void TestPageInFront(void) {
  enum { kBlocks = 64, kBytes = 60000, kPage = 4096 };
  if (!OnHardened() || sysconf(_SC_PAGESIZE) != kPage) return;
  // As long as so much is alive a few MiB may be idle.
  void* live = Escape(malloc(30 * MIB));
  unsigned char* blocks[kBlocks];
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks[i] = (unsigned char*)Escape(malloc(kBytes));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, kBytes);
  }
  // More than quarantine holds: the others lie side by side and are written.
  for (size_t i = 0; i < kBlocks; ++i) free(blocks[i]);
  unsigned char* block = (unsigned char*)Escape(malloc(MIB + MIB * 3 / 4));
  CHECK(live != NULL && block != NULL);
  memset(block, 1, MIB);
  unsigned char* front = block - (uintptr_t)block % kPage - kPage;
  CHECK(IsResident(front));
  free(block);
  free(live);
  CHECK(!IsResident(front));
}

static void* AllocateAndDie(void* table) {
  unsigned char** blocks = (unsigned char**)table;
  for (size_t i = 0; i < 40000; ++i) {
    blocks[i] = (unsigned char*)Escape(malloc(500));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, 500);
  }
  return NULL;
}

// A dead thread's memory, freed by others block by block, returns as well. In
// hardened up to 8 MB of it stay in one run of eight, as what a program keeps
// that goes up and down; a free after some time leaves what regret allows.
static void TestDeadHeap(void) {
  unsigned char** const blocks =
      (unsigned char**)MapTouched(40000 * sizeof(void*));
  const size_t start = ResidentBytes();
  const size_t most = OnHardened() ? 3 * MIB : MIB;
  for (int round = 0; round < 3; ++round) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, AllocateAndDie, blocks), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_GE(ResidentBytes(), start + 18 * MIB);
    for (size_t i = 0; i < 40000; ++i) free(blocks[i]);
    if (OnHardened()) {
      Sleep(500);
      free(Escape(malloc(MIB)));
    }
    if (OnHakmem()) CHECK_LE(ResidentBytes(), start + most);
    Sleep(50);
  }
  munmap(blocks, 40000 * sizeof(void*));
}

int main(void) {
  CheckHeapUnderTest();
  alarm(280);
  // qemu-user's own translations are in the emulated process's memory.
  if (OnEmulator()) {
    CHECK(Escape(malloc(1)) != NULL);
    return CheckReport("memory_test (skipped under qemu)");
  }
  // In a heap in which nothing else was free.
  const pid_t child = fork();
  if (child == 0) {
    TestPageInFront();
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  TestBurst(0, 0);
  Sleep(50);
  TestBurst(16, 150);
  // A heap that learned from the first burst to keep memory for the next one
  // would still have it when the program idles.
  Sleep(50);
  TestBurst(0, 0);
  Sleep(50);
  TestLarge();
  Sleep(50);
  TestDeadHeap();
  TestUpAndDown();
  return CheckReport("memory_test");
}
