// Box:   tests/api.   Uses: tests/support.h.
// Holds: requests that cannot be served: NULL, ENOMEM, and nothing changed.
// Read next: aligned_family.c
#include "tests/api/api_test.h"
#include "tests/support.h"

#define CHECK_ENOMEM(call)       \
  do {                           \
    errno = 0;                   \
    CHECK(Escape(call) == NULL); \
    CHECK_EQ(errno, ENOMEM);     \
  } while (0)

static const size_t kTooBig[] = {
    PTRDIFF_MAX,
    (size_t)PTRDIFF_MAX + 1,
    (size_t)PTRDIFF_MAX - 1,
    (size_t)PTRDIFF_MAX - 15,
    (size_t)PTRDIFF_MAX - 16,
    (size_t)PTRDIFF_MAX - 4096,
    (size_t)PTRDIFF_MAX - 65536,
    (size_t)PTRDIFF_MAX - ((size_t)2 << 20),
    SIZE_MAX,
    SIZE_MAX - 1,
    SIZE_MAX - 7,
    SIZE_MAX - 15,
    SIZE_MAX - 16,
    SIZE_MAX - 17,
    SIZE_MAX - 31,
    SIZE_MAX - 32,
    SIZE_MAX - 4095,
    SIZE_MAX - 4096,
    SIZE_MAX - 4097,
    SIZE_MAX - 65535,
    SIZE_MAX - 65536,
    SIZE_MAX - 65537,
    SIZE_MAX - ((size_t)1 << 20),
    SIZE_MAX - ((size_t)2 << 20),
    SIZE_MAX / 2 + 2,
    SIZE_MAX / 4 * 3,
    // More than any user address space that Linux gives to these two CPUs.
    (size_t)1 << 57,
    (size_t)1 << 60,
    (size_t)1 << 62,
};
enum { kTooBigCount = sizeof kTooBig / sizeof kTooBig[0] };

static void TooBig(void) {
  for (size_t i = 0; i < kTooBigCount; ++i) {
    const size_t n = Opaque(kTooBig[i]);
    CHECK_ENOMEM(malloc(n));
    CHECK_ENOMEM(calloc(1, n));
    CHECK_ENOMEM(calloc(n, 1));
    CHECK_ENOMEM(realloc(Escape(NULL), n));
    CHECK_ENOMEM(reallocarray(Escape(NULL), 1, n));
    CHECK_ENOMEM(aligned_alloc(64, n));
    CHECK_ENOMEM(aligned_alloc(16, n));
    CHECK_ENOMEM(aligned_alloc(8, n));
    CHECK_ENOMEM(memalign(4096, n));
    CHECK_ENOMEM(memalign((size_t)1 << 21, n));
    CHECK_ENOMEM(valloc(n));
#if defined(__GLIBC__)
    CHECK_ENOMEM(pvalloc(n));
#endif
    void* untouched = &untouched;
    CHECK_EQ(posix_memalign(&untouched, 64, n), ENOMEM);
    CHECK(untouched == &untouched);
  }
}

static void ProductOverflow(void) {
  const size_t half = (size_t)1 << 32;
  const size_t pairs[][2] = {
      {SIZE_MAX, 2},
      {SIZE_MAX, SIZE_MAX},
      {SIZE_MAX / 2 + 1, 2},
      {half, half},
      {SIZE_MAX / 3 + 1, 3},
      {half + 1, half - 1},
      {SIZE_MAX / 16 + 1, 16},
      // The product wraps to a small number: the case that overruns a block.
      {half * 8 + 1, half * 2},
      {SIZE_MAX / 8 + 2, 8},
      {half, half + 1},
  };
  unsigned char* p = (unsigned char*)Escape(malloc(100));
  CHECK(p != NULL);
  FillPattern(p, 100, 7);
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; ++i) {
    for (int swap = 0; swap < 2; ++swap) {
      const size_t a = Opaque(pairs[i][swap]);
      const size_t b = Opaque(pairs[i][1 - swap]);
      CHECK_ENOMEM(calloc(a, b));
      CHECK_ENOMEM(reallocarray(Escape(NULL), a, b));
      CHECK_ENOMEM(reallocarray(Escape(p), a, b));
      CHECK_EQ(PatternBreak(p, 100, 7), 100);
    }
  }
  free(p);
}

// A realloc that fails leaves the block as it was, in every size range.
static void FailedRealloc(void) {
  const size_t sizes[] = {1, 24, 1000, 20000, 300000, (size_t)3 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    const size_t n = sizes[i];
    unsigned char* p = (unsigned char*)Escape(malloc(n));
    CHECK(p != NULL);
    FillPattern(p, n, i);
    const size_t usable = malloc_usable_size(p);
    for (size_t j = 0; j < kTooBigCount; ++j) {
      CHECK_ENOMEM(realloc(Escape(p), Opaque(kTooBig[j])));
      CHECK_EQ(malloc_usable_size(p), usable);
      CHECK_EQ(PatternBreak(p, n, i), n);
    }
    free(p);
  }
}

// "The heap goes on": ordinary calls work between and after the impossible.
static void GoesOn(void) {
  for (size_t n = 1; n < ((size_t)1 << 22); n = n * 3 + 1) {
    CHECK_ENOMEM(malloc(Opaque(SIZE_MAX - n)));
    void* p = Escape(malloc(n));
    CHECK(p != NULL);
    memset(p, 0x5A, n);
    free(p);
  }
}

void TestImpossible(void) {
  TooBig();
  ProductOverflow();
  FailedRealloc();
  GoesOn();
}
