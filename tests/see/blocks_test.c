// Box:   tests/see.   Uses: hakmem.h, tests/support.h.
// Holds: what hak_block_of says of every kind of address, and that
//        hak_for_each_block sees every block once.
// Read next: crash_programs.c
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "hakmem.h"
#include "tests/support.h"

static const size_t kSizes[] = {1,    15,    60,     700,     3000,
                                7000, 10000, 100000, 5000000, 40000000};
enum { kSizeCount = sizeof kSizes / sizeof kSizes[0], kEach = 40 };

static struct hak_block Of(const void* address) {
  struct hak_block block;
  memset(&block, 0x5a, sizeof block);
  CHECK_EQ(hak_block_of(address, &block), 1);
  return block;
}

static void CheckLive(char* p, size_t asked) {
  const size_t usable = malloc_usable_size(p);
  const size_t steps[] = {0, 1, usable / 2, asked - 1};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; ++i) {
    const struct hak_block block = Of(p + steps[i]);
    CHECK_EQ(block.start, p);
    CHECK_EQ(block.size, usable);
    CHECK_EQ(block.offset, steps[i]);
    CHECK_EQ(block.state, HAK_BLOCK_LIVE);
    struct hak_stats stats;
    hak_stats(&stats);
    const size_t small = stats.classes[HAK_CLASSES - 1].stride - 1;
    const int kind = asked > ((size_t)32 << 20) ? HAK_KIND_HUGE
                     : asked > small            ? HAK_KIND_LARGE
                                                : HAK_KIND_SMALL;
    CHECK_EQ(block.kind, kind);
    CHECK_GE(block.stride, block.size);
    if (kind == HAK_KIND_SMALL) {
      CHECK_LE(block.size_class, HAK_CLASSES - 1);
      CHECK_EQ(stats.classes[block.size_class].stride, block.stride);
      CHECK_EQ(block.heap, Of(p).heap);
      CHECK_GE(block.heap, 1);
    } else {
      CHECK_EQ(block.size_class, -1);
      CHECK_EQ(block.heap, 0);
    }
  }
}

static void Kinds(void) {
  for (int i = 0; i < kSizeCount; ++i) {
    char* p = (char*)Escape(malloc(kSizes[i]));
    CHECK(p != NULL);
    CheckLive(p, kSizes[i]);
    struct hak_block block = Of(p);
    const int kind = block.kind;
    free(p);
    // A Huge one is nobody's now.
    if (kind == HAK_KIND_HUGE) {
      CHECK_EQ(hak_block_of(p, &block), 0);
    } else if (hak_block_of(p, &block) == 1) {
      CHECK_EQ(block.state, HAK_BLOCK_FREE);
      CHECK_EQ(block.kind, kind);
    } else {
      CHECK(kind == HAK_KIND_LARGE);  // unmapped at once
    }
  }
  // What realloc makes large has room to grow where it is.
  char* grown = (char*)Escape(realloc(Escape(malloc(1000)), 9000));
  CHECK(grown != NULL);
  CHECK_EQ(Of(grown).kind, OnHardened() ? HAK_KIND_SMALL : HAK_KIND_LARGE);
  free(grown);
  // The header byte of the next block is past the end.
  char* p = (char*)Escape(malloc(60));
  const struct hak_block past = Of(p + 63);
  CHECK_EQ(past.start, p);
  CHECK_GE(past.offset, past.size);
  free(p);
}

static int in_data = 1;

static void Elsewhere(void) {
  struct hak_block block;
  char on_stack = 0;
  CHECK_EQ(hak_block_of(NULL, &block), 0);
  CHECK_EQ(hak_block_of(&on_stack, &block), 0);
  CHECK_EQ(hak_block_of(&in_data, &block), 0);
  CHECK_EQ(hak_block_of((void*)~(uintptr_t)0, &block), 0);
  CHECK_EQ(hak_block_of((void*)((uintptr_t)1 << 63), &block), 0);
  char* page = (char*)mmap(NULL, PageSize(), PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  CHECK_EQ(hak_block_of(page, &block), 0);
  CHECK_EQ(munmap(page, PageSize()), 0);
}

static void Damaged(void) {
  char* blocks[64];
  char* victim = NULL;
  for (int i = 0; i < 64; ++i) blocks[i] = (char*)Escape(malloc(60));
  for (int i = 0; i < 64; ++i) {
    for (int k = 0; k < 64; ++k) {
      if (blocks[i] == blocks[k] + 64) victim = blocks[i];
    }
  }
  CHECK(victim != NULL);
  const char header = victim[-1];
  victim[-1] = 0x41;
  CHECK_EQ(Of(victim).state, HAK_BLOCK_DAMAGED);
  victim[-1] = header;
  CHECK_EQ(Of(victim).state, HAK_BLOCK_LIVE);
  for (int i = 0; i < 64; ++i) free(blocks[i]);
}

// --- all blocks

typedef struct {
  char* blocks[kSizeCount * kEach];
  unsigned char seen[kSizeCount * kEach];
  int count;
  size_t live_bytes;
  long calls;
  long stop_after;
} Known;

static int Use(void* context, const struct hak_block* block) {
  Known* known = (Known*)context;
  ++known->calls;
  // Allowed while it walks.
  if (known->calls % 64 == 0) free(Escape(malloc(100)));
  CHECK(block->kind >= HAK_KIND_SMALL && block->kind <= HAK_KIND_HUGE);
  CHECK_EQ(block->offset, 0);
  if (block->state == HAK_BLOCK_LIVE) known->live_bytes += block->stride;
  for (int i = 0; i < known->count; ++i) {
    if (known->blocks[i] != block->start) continue;
    CHECK_EQ(block->state, HAK_BLOCK_LIVE);
    CHECK_EQ(block->size, malloc_usable_size(known->blocks[i]));
    ++known->seen[i];
  }
  return known->calls == known->stop_after ? 77 : 0;
}

static atomic_bool stop;
static void* Load(void* unused) {
  Random random = {1};
  void* blocks[100] = {NULL};
  while (!atomic_load(&stop)) {
    const size_t i = RandomBelow(&random, 100);
    free(blocks[i]);
    blocks[i] = Escape(malloc(RandomSize(&random, 14)));
  }
  for (int i = 0; i < 100; ++i) free(blocks[i]);
  return unused;
}

static void All(void) {
  static Known known;
  for (int i = 0; i < kSizeCount; ++i) {
    const int each = kSizes[i] > 100000 ? 2 : kEach;
    for (int k = 0; k < each; ++k) {
      known.blocks[known.count] = (char*)Escape(malloc(kSizes[i]));
      CHECK(known.blocks[known.count] != NULL);
      ++known.count;
    }
  }
  for (int round = 0; round < 2; ++round) {
    pthread_t thread;
    // The second time beside a thread that allocates and frees.
    if (round == 1) CHECK_EQ(pthread_create(&thread, NULL, Load, NULL), 0);
    known.calls = 0;
    known.live_bytes = 0;
    memset(known.seen, 0, sizeof known.seen);
    CHECK_EQ(hak_for_each_block(Use, &known), 0);
    for (int i = 0; i < known.count; ++i) CHECK_EQ(known.seen[i], 1);
    if (round == 0) {
      // What the gauges call live is what the walk finds alive.
      struct hak_stats stats;
      hak_stats(&stats);
      CHECK_LE(known.live_bytes, stats.live + (64 << 10));
      CHECK_LE(stats.live, known.live_bytes + (64 << 10));
    } else {
      atomic_store(&stop, true);
      CHECK_EQ(pthread_join(thread, NULL), 0);
    }
  }
  known.calls = 0;
  known.stop_after = 3;
  CHECK_EQ(hak_for_each_block(Use, &known), 77);
  CHECK_EQ(known.calls, 3);
  for (int i = 0; i < known.count; ++i) free(known.blocks[i]);
}

// --- in a signal handler that interrupts malloc itself

static atomic_int answers;
static atomic_bool fired;
static char* asked;
static void Ask(int sig) {
  struct hak_block block;
  (void)sig;
  const int error = errno;
  if (hak_block_of(asked, &block) == 1 && errno == error) {
    atomic_fetch_add(&answers, 1);
  }
  atomic_store(&fired, true);
}

static void InHandler(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = Ask;
  asked = (char*)Escape(malloc(60));
  CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
  // Once, and then again when it was: where the lock is held the handler waits
  // longer than any period.
  const struct itimerspec once = {{0, 0}, {0, 50000}};
  timer_t timer;
  CHECK_EQ(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
  void* blocks[512] = {NULL};
  Random random = {2};
  const double end = Seconds() + 5;
  atomic_store(&fired, true);
  while (atomic_load(&answers) < 200 && Seconds() < end) {
    if (atomic_exchange(&fired, false)) {
      CHECK_EQ(timer_settime(timer, 0, &once, NULL), 0);
    }
    const size_t i = RandomBelow(&random, 512);
    free(blocks[i]);
    blocks[i] = Escape(malloc(RandomSize(&random, 12)));
  }
  CHECK_EQ(timer_delete(timer), 0);
  CHECK_GE(atomic_load(&answers), 20);
  for (int i = 0; i < 512; ++i) free(blocks[i]);
  free(asked);
}

int main(void) {
  CheckHeapUnderTest();
  Kinds();
  Elsewhere();
  Damaged();
  All();
  InHandler();
  return CheckReport("blocks_test");
}
