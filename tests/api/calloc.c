// Box:   tests/api.   Uses: tests/support.h.
// Holds: calloc gives zeros whatever was in the memory before: blocks that
//        were used, blocks another thread freed, memory that was purged.
// Read next: sized_free.c
#include <pthread.h>

#include "tests/api/api_test.h"
#include "tests/support.h"

extern int malloc_trim(size_t pad) __attribute__((weak));
extern size_t hak_trim(int level) __attribute__((weak));

enum { kBlocks = 32 };

static void Dirty(void** blocks, size_t count, size_t n) {
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 0xA5, malloc_usable_size(blocks[i]));
  }
}

static void FreeAll(void** blocks, size_t count) {
  for (size_t i = 0; i < count; ++i) free(blocks[i]);
}

static void CheckZeros(void** blocks, size_t count, size_t n) {
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = Escape(calloc(1, n));
    CHECK(blocks[i] != NULL);
    CHECK_EQ(ZeroBreak(blocks[i], n), n);
    memset(blocks[i], 0x5A, n);
  }
}

static void Reuse(size_t n, size_t count) {
  void* blocks[kBlocks];
  Dirty(blocks, count, n);
  FreeAll(blocks, count);
  CheckZeros(blocks, count, n);
  FreeAll(blocks, count);
  CheckZeros(blocks, count, n);
  FreeAll(blocks, count);
}

static void EverySize(void) {
  for (size_t n = 1; n <= 1100; ++n) Reuse(n, kBlocks);
  for (size_t n = 1101; n <= 70000; n += n / 10) Reuse(n, kBlocks);
  for (size_t n = 70001; n <= ((size_t)8 << 20); n += n / 2) Reuse(n, 4);
}

static void* FreeElsewhere(void* blocks) {
  FreeAll((void**)blocks, kBlocks);
  return NULL;
}

static void FreedByAnotherThread(void) {
  static const size_t kSizes[] = {16, 24, 100, 1000, 8000, 33000, 300000};
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    void* blocks[kBlocks];
    for (int round = 0; round < 3; ++round) {
      pthread_t thread;
      Dirty(blocks, kBlocks, kSizes[i]);
      CHECK_EQ(pthread_create(&thread, NULL, FreeElsewhere, blocks), 0);
      CHECK_EQ(pthread_join(thread, NULL), 0);
      CheckZeros(blocks, kBlocks, kSizes[i]);
      FreeAll(blocks, kBlocks);
    }
  }
}

static void GiveBack(void) {
  if (hak_trim != NULL) {
    hak_trim(1);
  } else if (malloc_trim != NULL) {
    malloc_trim(0);
  }
}

// 16 MiB of one size, most of it freed and given back to the system while
// survivors pin some pages: known-zero memory and dirty memory lie side by
// side, and a heap that takes one for the other hands out old bytes.
static void AfterPurge(size_t n) {
  const size_t all = ((size_t)16 << 20) / n;
  const size_t count = all < 100000 ? all : 100000;
  void** blocks = (void**)Escape(malloc(count * sizeof(void*)));
  CHECK(blocks != NULL);
  for (int round = 0; round < 2; ++round) {
    Dirty(blocks, count, n);
    for (size_t i = 0; i < count; ++i) {
      if (i % 37 != 0) free(blocks[i]);
    }
    if (round == 1) GiveBack();
    for (size_t i = 0; i < count; ++i) {
      if (i % 37 == 0) continue;
      blocks[i] = Escape(calloc(n, 1));
      CHECK(blocks[i] != NULL);
      CHECK_EQ(ZeroBreak(blocks[i], n), n);
      // Dirty again, a third of them: the next calloc must not trust it.
      if (i % 3 == 0) {
        memset(blocks[i], 0xC3, n);
        free(blocks[i]);
        blocks[i] = Escape(calloc(1, n));
        CHECK_EQ(ZeroBreak(blocks[i], n), n);
      }
    }
    for (size_t i = 0; i < count; i += 37) {
      const unsigned char* p = (const unsigned char*)blocks[i];
      CHECK_EQ(p[0], 0xA5);
      CHECK_EQ(p[n - 1], 0xA5);
    }
    FreeAll(blocks, count);
    GiveBack();
  }
  free(blocks);
}

void TestCalloc(void) {
  EverySize();
  FreedByAnotherThread();
  static const size_t kSizes[] = {24,   200,   1000,   4000,
                                  9000, 40000, 300000, (size_t)2 << 20};
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    AfterPurge(kSizes[i]);
  }
}
