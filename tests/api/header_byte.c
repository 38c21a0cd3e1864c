// Box:   tests/api.   Uses: tests/support.h, hakmem's documented block header.
// Holds: the byte before a small block: 0xA0..0xBF while it lives, the same
//        for its whole life, something else once it is free.
// Read next: gnu.c
#include <pthread.h>

#include "tests/api/api_test.h"
#include "tests/support.h"

// Up to here every unaligned block has a header byte (Tiny and Pool classes).
enum { kSmall = 1024, kCrowd = 500 };

static unsigned HeaderOf(void* p) {
  return ((volatile unsigned char*)Escape(p))[-1];
}

static void LiveRange(void) {
  unsigned last = 0xA0;
  for (size_t n = 1; n <= kSmall; ++n) {
    void* p = Escape(malloc(n));
    CHECK(p != NULL);
    const unsigned header = HeaderOf(p);
    CHECK_GE(header, 0xA0);
    CHECK_LE(header, 0xBF);
    // A class serves a range of sizes, in ascending order.
    CHECK_GE(header, last);
    last = header;
    free(p);
  }
  CHECK_NE(last, 0xA0);
}

// Neighbours come and go, are filled to the brim and freed by other threads;
// the header of a live block is not rewritten.
static void* FreeOdd(void* blocks) {
  void** p = (void**)blocks;
  for (size_t i = 1; i < kCrowd; i += 2) free(p[i]);
  return NULL;
}

static void Stable(size_t n) {
  void* blocks[kCrowd];
  unsigned headers[kCrowd];
  for (size_t i = 0; i < kCrowd; ++i) {
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    headers[i] = HeaderOf(blocks[i]);
    CHECK_EQ(headers[i], headers[0]);
  }
  for (size_t i = 0; i < kCrowd; ++i) {
    memset(blocks[i], (int)i, malloc_usable_size(blocks[i]));
  }
  for (int round = 0; round < 2; ++round) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, FreeOdd, blocks), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < kCrowd; i += 2) {
      CHECK_EQ(HeaderOf(blocks[i]), headers[i]);
    }
    for (size_t i = 1; i < kCrowd; i += 2) {
      blocks[i] = Escape(malloc(n));
      CHECK(blocks[i] != NULL);
      CHECK_EQ(HeaderOf(blocks[i]), headers[0]);
      memset(blocks[i], 0xFF, malloc_usable_size(blocks[i]));
    }
  }
  for (size_t i = 0; i < kCrowd; ++i) {
    CHECK_EQ(HeaderOf(blocks[i]), headers[0]);
    free(blocks[i]);
  }
}

// The state flip is what finds a double free: live and free differ.
static void Flips(size_t n) {
  void* keep = Escape(malloc(n));
  void* p = Escape(malloc(n));
  CHECK(keep != NULL && p != NULL);
  const unsigned live = HeaderOf(p);
  free(p);
  CHECK_NE(HeaderOf(p), live);
  free(keep);
}

void TestHeaderByte(void) {
  if (!OnHakmem()) return;
  LiveRange();
  for (size_t n = 1; n <= kSmall; n += 13) {
    Stable(n);
    Flips(n);
  }
}
