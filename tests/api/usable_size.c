// Box:   tests/api.   Uses: tests/support.h.
// Holds: malloc_usable_size (at least what was asked, constant, all of it
//        writable) and errno, which free must not change.
// Read next: calloc.c
#include <sys/mman.h>

#include "tests/api/api_test.h"
#include "tests/support.h"

enum { kGroup = 40 };

// All usable bytes of neighbours are written in both orders. A size that is
// one too large would hit the next block's header byte; free then notices.
static void WriteAll(size_t n) {
  unsigned char* blocks[kGroup];
  size_t usable[kGroup];
  for (size_t i = 0; i < kGroup; ++i) {
    blocks[i] = (unsigned char*)Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    usable[i] = malloc_usable_size(blocks[i]);
    CHECK_GE(usable[i], n);
  }
  for (size_t i = 0; i < kGroup; ++i) memset(blocks[i], 0xFF, usable[i]);
  for (size_t i = kGroup; i-- > 0;) memset(blocks[i], (int)i, usable[i]);
  for (size_t i = 0; i < kGroup; ++i) {
    CHECK_EQ(malloc_usable_size(blocks[i]), usable[i]);
    CHECK_EQ(blocks[i][0], i);
    CHECK_EQ(blocks[i][usable[i] / 2], i);
    CHECK_EQ(blocks[i][usable[i] - 1], i);
  }
  // Every second one goes and comes back: the size of the others stays.
  for (size_t i = 0; i < kGroup; i += 2) free(blocks[i]);
  for (size_t i = 1; i < kGroup; i += 2) {
    CHECK_EQ(malloc_usable_size(blocks[i]), usable[i]);
  }
  for (size_t i = 0; i < kGroup; i += 2) {
    blocks[i] = (unsigned char*)Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 0x33, malloc_usable_size(blocks[i]));
  }
  for (size_t i = 1; i < kGroup; i += 2) {
    CHECK_EQ(blocks[i][0], i);
    CHECK_EQ(blocks[i][usable[i] - 1], i);
  }
  for (size_t i = 0; i < kGroup; ++i) free(blocks[i]);
}

// What realloc was told fits the usable size may be used to the last byte.
static void GrowIntoUsable(size_t n) {
  unsigned char* p = (unsigned char*)Escape(malloc(n));
  CHECK(p != NULL);
  const size_t usable = malloc_usable_size(p);
  FillPattern(p, usable, n);
  p = (unsigned char*)Escape(realloc(p, usable));
  CHECK(p != NULL);
  CHECK_GE(malloc_usable_size(p), usable);
  // A caller may have used the slack: realloc up must carry those bytes too.
  CHECK_EQ(PatternBreak(p, usable, n), usable);
  p = (unsigned char*)Escape(realloc(p, usable * 3));
  CHECK(p != NULL);
  CHECK_EQ(PatternBreak(p, usable, n), usable);
  free(p);
}

void TestUsableSize(void) {
  CHECK_EQ(malloc_usable_size(Escape(NULL)), 0);
  for (size_t n = 1; n <= 1100; ++n) WriteAll(n);
  for (size_t n = 1101; n <= 70000; n += n / 16) WriteAll(n);
  for (size_t n = 1; n <= ((size_t)8 << 20); n = n * 5 / 4 + 1) {
    GrowIntoUsable(n);
  }
}

static void FreeKeepsErrno(size_t n) {
  void* blocks[64];
  for (size_t i = 0; i < 64; ++i) {
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, n);
  }
  for (size_t i = 0; i < 64; ++i) {
    errno = (int)(1000 + i);
    free(blocks[i]);
    CHECK_EQ(errno, 1000 + i);
  }
}

// A successful call does not touch errno either, glibc's own code counts on
// it; under mlockall every madvise fails inside, which must not be seen.
void TestErrno(void) {
  static const size_t kSizes[] = {1,     24,    1000,   5000,
                                  20000, 70000, 300000, (size_t)2 << 20};
  errno = 1234;
  free(Escape(NULL));
  CHECK_EQ(errno, 1234);
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    FreeKeepsErrno(kSizes[i]);
  }
  if (mlockall(MCL_CURRENT) != 0) return;
  for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
    FreeKeepsErrno(kSizes[i]);
  }
  CHECK_EQ(munlockall(), 0);
}
