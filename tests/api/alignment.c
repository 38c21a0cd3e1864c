// Box:   tests/api.   Uses: tests/support.h.
// Holds: what every successful call promises: 16-byte alignment, room for what
//        was asked, blocks that do not overlap; and what malloc(0) gives.
// Read next: impossible.c
#include "tests/api/api_test.h"
#include "tests/support.h"

enum { kLive = 48 };

typedef void* (*Allocate)(size_t n);

static void* ByMalloc(size_t n) { return malloc(n); }
static void* ByCalloc(size_t n) { return calloc(1, n); }
static void* ByCallocBytes(size_t n) { return calloc(n, 1); }
static void* ByRealloc(size_t n) { return realloc(Escape(NULL), n); }
static void* ByReallocarray(size_t n) {
  return reallocarray(Escape(NULL), 1, n);
}

static const Allocate kWays[] = {ByMalloc, ByCalloc, ByCallocBytes, ByRealloc,
                                 ByReallocarray};

typedef struct {
  unsigned char* p;
  size_t n;
} Block;

// Keeps kLive blocks; each is compared with its pattern when it leaves, so a
// block that overlaps another is noticed even when it is well aligned.
static void Replace(Block* slot, size_t n, Allocate allocate) {
  if (slot->p != NULL) {
    const uint64_t seed = (uintptr_t)slot->p;
    CHECK_EQ(PaintBreak(slot->p, slot->n, slot->n, seed), slot->n);
    free(slot->p);
  }
  slot->p = NULL;
  slot->n = n;
  if (n == 0) return;
  slot->p = (unsigned char*)Escape(allocate(n));
  CHECK(slot->p != NULL);
  CHECK_EQ((uintptr_t)slot->p % 16, 0);
  CHECK_GE(malloc_usable_size(slot->p), n);
  Paint(slot->p, n, (uintptr_t)slot->p);
}

static void EverySize(Allocate allocate) {
  Block live[kLive] = {{NULL, 0}};
  size_t step = 0;
  for (size_t n = 1; n <= 4200; ++n) {
    Replace(&live[step++ % kLive], n, allocate);
  }
  // Around every power of two and every 4 KiB up to 256 KiB, then sparsely.
  for (size_t n = 8192; n <= ((size_t)1 << 18); n += 4096) {
    for (size_t d = 0; d <= 34; ++d) {
      Replace(&live[step++ % kLive], n + d - 17, allocate);
    }
  }
  for (size_t i = 0; i < kLive; ++i) Replace(&live[i], 0, allocate);
  for (size_t n = (size_t)1 << 18; n <= ((size_t)1 << 24); n *= 2) {
    for (size_t d = 0; d < 3; ++d) {
      Replace(&live[d], n - 1 + d, allocate);
    }
    for (size_t d = 0; d < 3; ++d) Replace(&live[d], 0, allocate);
  }
}

// C leaves malloc(0) open; glibc and musl both return a block of its own, and
// programs rely on that (NULL is taken for out of memory).
static void ZeroBytes(void) {
  unsigned char* blocks[300];
  const size_t count = sizeof blocks / sizeof blocks[0];
  for (size_t i = 0; i < count; ++i) {
    const size_t zero = Opaque(0);
    void* p = i % 3 == 0   ? malloc(zero)
              : i % 3 == 1 ? calloc(zero, i)
                           : calloc(i, zero);
    blocks[i] = (unsigned char*)Escape(p);
    CHECK(blocks[i] != NULL);
    CHECK_EQ((uintptr_t)blocks[i] % 16, 0);
    for (size_t j = 0; j < i; ++j) CHECK_NE(blocks[i], blocks[j]);
    const size_t usable = malloc_usable_size(blocks[i]);
    memset(blocks[i], 0xEE, usable);
  }
  CHECK(calloc(Opaque(0), Opaque(SIZE_MAX)) != NULL);
  CHECK(calloc(Opaque(SIZE_MAX), Opaque(0)) != NULL);
  for (size_t i = 0; i < count; ++i) free(blocks[i]);
  free(Escape(NULL));
}

void TestAlignment(void) {
  for (size_t i = 0; i < sizeof kWays / sizeof kWays[0]; ++i) {
    EverySize(kWays[i]);
  }
  ZeroBytes();
}
