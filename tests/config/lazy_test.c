// Box:   tests/config.   Uses: tests/support.h, hakmem.h.
// Holds: a configuration that gives pages back lazily and keeps hardly any free
//        memory: the kernel is told, and calloc does not take old bytes for
//        zeros. And what the defaults do.
// Read next: ../pool/pool_test.c
#include <time.h>

#include "hakmem.h"
#include "tests/config/smaps.h"
#include "tests/support.h"

#define MIB ((size_t)1 << 20)

const struct hak_config hak_config = {.dirty_bytes = 1, .lazy_free = 1};

// A page here and there stays in use, so that nothing is unmapped.
static void FillAndFree(size_t n, size_t count) {
  static void* blocks[20000];
  CHECK_LE(count, sizeof blocks / sizeof blocks[0]);
  // What is needed again at once would be kept.
  const struct timespec pause = {0, 50000000};
  nanosleep(&pause, NULL);
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 0xD1, n);
  }
  for (size_t i = 0; i < count; ++i) {
    if (i % 8 != 0) free(blocks[i]);
  }
  struct hak_stats stats;
  hak_stats(&stats);
  // Hardened keeps what was freed last in quarantine, and then lets it go. What
  // CheckZero takes and gives in a hurry may still be there.
  if (!OnHardened()) CHECK_LE(stats.dirty, stats.live / 8 + 4 * MIB);
  if (HasSmaps() && !OnHardened() && n > 10000) {
    // A large block may be a mapping of its own.
    size_t most = 0;
    for (size_t i = 0; i < count; i += 8) {
      const size_t lazy = MappingKib(blocks[i], "LazyFree");
      if (lazy > most) most = lazy;
      CHECK(!MappingHas(blocks[i], "VmFlags", " hg"));
    }
    CHECK_GE(most, 16);
  }
  for (size_t i = 0; i < count; i += 8) free(blocks[i]);
}

static void CheckZero(size_t n, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    unsigned char* const p = (unsigned char*)Escape(calloc(1, n));
    CHECK(p != NULL);
    CHECK_EQ(ZeroBreak(p, n), n);
    memset(p, 0xD1, n);
    free(p);
  }
}

int main(void) {
  CheckHeapUnderTest();
  alarm(120);
  for (int round = 0; round < 3; ++round) {
    FillAndFree(60000, 500);
    CheckZero(60000, 20);
    CheckZero(3 * MIB, 3);
    FillAndFree(200, 20000);
    CheckZero(200, 3000);
    FillAndFree(600000, 50);
    CheckZero(2000000, 5);
    CheckZero(40 * MIB, 1);
  }
  return CheckReport("lazy_test");
}
