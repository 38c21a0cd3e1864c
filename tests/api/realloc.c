// Box:   tests/api.   Uses: tests/support.h.
// Holds: realloc: contents kept in every direction through every size range,
//        and the corner cases in which libcs differ.
// Read next: usable_size.c
#include "tests/api/api_test.h"
#include "tests/support.h"

static void OneMove(size_t from, size_t to, uint64_t seed) {
  unsigned char* before = (unsigned char*)Escape(malloc(8));
  unsigned char* p = (unsigned char*)Escape(malloc(from));
  unsigned char* after = (unsigned char*)Escape(malloc(8));
  CHECK(before != NULL && p != NULL && after != NULL);
  Paint(p, from, seed);
  memset(before, 0x11, 8);
  memset(after, 0x22, 8);
  p = (unsigned char*)Escape(realloc(p, to));
  CHECK(p != NULL);
  CHECK_EQ((uintptr_t)p % 16, 0);
  CHECK_GE(malloc_usable_size(p), to);
  const size_t kept = from < to ? from : to;
  CHECK_EQ(PaintBreak(p, from, kept, seed), kept);
  Paint(p, to, seed + 1);
  CHECK_EQ(PaintBreak(p, to, to, seed + 1), to);
  for (int i = 0; i < 8; ++i) {
    CHECK_EQ(before[i], 0x11);
    CHECK_EQ(after[i], 0x22);
  }
  free(p);
  free(before);
  free(after);
}

static void EveryDirection(void) {
  static const size_t kSizes[] = {1,
                                  15,
                                  16,
                                  17,
                                  31,
                                  32,
                                  100,
                                  239,
                                  256,
                                  500,
                                  1023,
                                  1025,
                                  2000,
                                  4080,
                                  4097,
                                  8000,
                                  12000,
                                  16400,
                                  33000,
                                  65519,
                                  65536,
                                  70000,
                                  131072,
                                  262144,
                                  524288,
                                  1000000,
                                  (size_t)1 << 20,
                                  (size_t)3 << 20,
                                  (size_t)16 << 20,
                                  (size_t)64 << 20};
  const size_t count = sizeof kSizes / sizeof kSizes[0];
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < count; ++j) {
      OneMove(kSizes[i], kSizes[j], i * count + j);
    }
  }
}

// One block wanders up to 64 MiB and back, every byte compared; a crowd of
// small ones is reallocated in between, so that it cannot always stay put.
static void Wander(void) {
  Random r = {20240607};
  enum { kCrowd = 64 };
  unsigned char* crowd[kCrowd] = {NULL};
  size_t crowd_n[kCrowd] = {0};
  unsigned char* p = NULL;
  size_t n = 0;
  for (uint64_t step = 1; step <= 400; ++step) {
    const unsigned bits = step % 40 == 0 ? 26 : step % 5 == 0 ? 22 : 16;
    const size_t m = RandomSize(&r, bits);
    p = (unsigned char*)Escape(realloc(p, m));
    CHECK(p != NULL);
    const size_t kept = n < m ? n : m;
    CHECK_EQ(PatternBreak(p, kept, step - 1), kept);
    FillPattern(p, m, step);
    n = m;
    for (int i = 0; i < 50; ++i) {
      const size_t c = RandomBelow(&r, kCrowd);
      const size_t k = RandomSize(&r, 13);
      crowd[c] = (unsigned char*)Escape(realloc(crowd[c], k));
      CHECK(crowd[c] != NULL);
      const size_t same = crowd_n[c] < k ? crowd_n[c] : k;
      CHECK_EQ(PatternBreak(crowd[c], same, c), same);
      FillPattern(crowd[c], k, c);
      crowd_n[c] = k;
    }
  }
  free(p);
  for (int i = 0; i < kCrowd; ++i) free(crowd[i]);
}

// A buffer that grows by a little at a time, the way line readers do it.
static void Creep(size_t step, size_t end) {
  unsigned char* p = NULL;
  size_t n = 0;
  while (n < end) {
    p = (unsigned char*)Escape(realloc(p, n + step));
    CHECK(p != NULL);
    if (n > 0) CHECK_EQ(p[n - 1], (unsigned char)(n - 1));
    for (size_t i = n; i < n + step; ++i) p[i] = (unsigned char)i;
    n += step;
  }
  for (size_t i = 0; i < n; ++i) {
    if (p[i] != (unsigned char)i) CHECK_EQ(i, SIZE_MAX);
  }
  free(p);
}

// A block that has the size already has no reason to move.
static void SameSizeStays(void) {
  for (size_t n = 1; n < 300000; n += n < 20000 ? 1 : 997) {
    void* p = Escape(malloc(n));
    CHECK(p != NULL);
    void* q = Escape(realloc(p, n));
    if (q != p) CHECK_EQ(n, SIZE_MAX);
    free(q);
  }
}

// Buffers that grow in turns are in each other's way. One that moves gets an
// eighth more than it asks for, so that from one size to 8 times it there are
// at most 1 + log(8) / log(9/8) moves. Only on average: what one gives back of
// its eighth a neighbour may take. (Hardened guards each block's end instead.)
static void GrowInTurns(void) {
  enum { kBuffers = 40, kFrom = 12 << 10, kTo = 8 * kFrom, kMoves = 18 };
  if (!OnHakmem() || OnHardened()) return;
  unsigned char* p[kBuffers];
  int moves = 0;
  for (int i = 0; i < kBuffers; ++i) {
    p[i] = Escape(malloc(kFrom));
    CHECK(p[i] != NULL);
  }
  for (size_t n = kFrom; n < kTo; n += 200) {
    for (int i = 0; i < kBuffers; ++i) {
      unsigned char* const before = p[i];
      p[i] = Escape(realloc(before, n));
      CHECK(p[i] != NULL);
      if (p[i] != before) ++moves;
    }
  }
  CHECK_LE(moves, kBuffers * kMoves);
  for (int i = 0; i < kBuffers; ++i) {
    // What was asked for beyond the need must not stay for good.
    p[i] = Escape(realloc(p[i], kTo / 4 * 3));
    CHECK(p[i] != NULL);
    CHECK_LE(malloc_usable_size(p[i]), kTo / 4 * 3 + kTo / 8);
    free(p[i]);
  }
}

// The libc that is replaced decides: glibc frees and returns NULL, musl
// returns a block of size 0.
static void ToZero(void) {
  static const size_t kSizes[] = {1, 24, 1000, 20000, 300000, (size_t)4 << 20};
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    void* p = Escape(malloc(kSizes[i]));
    CHECK(p != NULL);
    void* q = Escape(realloc(p, Opaque(0)));
#if defined(__GLIBC__)
    CHECK(q == NULL);
#else
    CHECK(q != NULL);
    free(q);
#endif
  }
  void* p = Escape(realloc(Escape(NULL), Opaque(0)));
  CHECK(p != NULL);
  free(p);
  // If the block leaked, this would take 3 GiB and not a handful of pages.
  const Memory before = MemoryNow();
  for (int i = 0; i < 10000; ++i) {
    p = Escape(malloc(300000));
    CHECK(p != NULL);
    free(Escape(realloc(p, Opaque(0))));
  }
  CheckGrowth(before, (size_t)64 << 20, (size_t)64 << 20);
}

static void Arrays(void) {
  uint32_t* p = (uint32_t*)Escape(reallocarray(Escape(NULL), 10, 4));
  CHECK(p != NULL);
  for (uint32_t i = 0; i < 10; ++i) p[i] = i;
  p = (uint32_t*)Escape(reallocarray(p, 100000, 4));
  CHECK(p != NULL);
  for (uint32_t i = 0; i < 10; ++i) CHECK_EQ(p[i], i);
  CHECK_GE(malloc_usable_size(p), 400000);
  free(p);
}

void TestRealloc(void) {
  EveryDirection();
  Wander();
  Creep(1, 30000);
  Creep(137, 1000000);
  Creep(65537, (size_t)24 << 20);
  SameSizeStays();
  GrowInTurns();
  ToZero();
  Arrays();
}
