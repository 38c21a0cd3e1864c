// Box:   tests/api.   Uses: tests/support.h.
// Holds: C23's free_sized and free_aligned_sized, and cfree of old programs.
//        libcs of today lack them; hakmem must have them, because the C
//        library's own versions would pass its blocks to another heap.
// Read next: header_byte.c
#include "tests/api/api_test.h"
#include "tests/support.h"

#if defined(__GLIBC__)
extern void cfree(void* p) __attribute__((weak));
#endif

static void Sized(void) {
  for (size_t n = 1; n <= ((size_t)4 << 20); n = n + n / 7 + 1) {
    void* blocks[20];
    for (int i = 0; i < 20; ++i) {
      blocks[i] = Escape(i % 2 == 0 ? malloc(n) : calloc(n, 1));
      CHECK(blocks[i] != NULL);
      memset(blocks[i], 0x42, n);
    }
    for (int i = 0; i < 20; ++i) {
      errno = 77;
      free_sized(blocks[i], n);
      CHECK_EQ(errno, 77);
    }
    // realloc changes the size that must be given.
    void* p = Escape(realloc(Escape(malloc(n)), n * 2));
    CHECK(p != NULL);
    free_sized(p, n * 2);
  }
  free_sized(Escape(malloc(Opaque(0))), 0);
  free_sized(Escape(NULL), 100);
}

static void AlignedSized(void) {
  for (size_t align = 16; align <= 65536; align *= 2) {
    for (size_t n = align; n <= 300000; n *= 4) {
      for (int i = 0; i < 4; ++i) {
        void* p = Escape(aligned_alloc(align, n));
        CHECK(p != NULL);
        memset(p, 0x43, n);
        errno = 78;
        free_aligned_sized(p, align, n);
        CHECK_EQ(errno, 78);
      }
    }
  }
  free_aligned_sized(Escape(NULL), 64, 64);
}

// A block that malloc gave and that happens to lie at a multiple may come back
// for a much smaller aligned one: the size is right all the same.
static void AlignedFromPlain(void) {
  enum { kBlocks = 64, kAlign = 256 };
  void* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) blocks[i] = Escape(malloc(230));
  // Those that lie right are freed last, and so looked at first.
  for (int last = 0; last < 2; ++last) {
    for (int i = 0; i < kBlocks; ++i) {
      if (((uintptr_t)blocks[i] % kAlign == 0) == (last == 1)) free(blocks[i]);
    }
  }
  for (int i = 0; i < 4; ++i) {
    void* p = Escape(aligned_alloc(kAlign, 1));
    CHECK(p != NULL);
    free_aligned_sized(p, kAlign, 1);
  }
}

// If sized free lost the blocks, this would map 6 GiB.
static void NothingLeaks(void) {
  const Memory before = MemoryNow();
  for (int i = 0; i < 20000; ++i) {
    void* p = Escape(malloc(300000));
    CHECK(p != NULL);
    free_sized(p, 300000);
    p = Escape(aligned_alloc(256, 2048));
    CHECK(p != NULL);
    free_aligned_sized(p, 256, 2048);
  }
  CheckGrowth(before, (size_t)64 << 20, (size_t)64 << 20);
}

void TestSizedFree(void) {
  CHECK(!OnHakmem() || (free_sized != NULL && free_aligned_sized != NULL));
  if (free_sized != NULL && free_aligned_sized != NULL) {
    Sized();
    AlignedSized();
    AlignedFromPlain();
    NothingLeaks();
  }
#if defined(__GLIBC__)
  CHECK(!OnHakmem() || cfree != NULL);
  if (cfree != NULL) {
    for (size_t n = 1; n < 1000000; n *= 3) {
      void* p = Escape(malloc(n));
      CHECK(p != NULL);
      cfree(p);
    }
    cfree(Escape(NULL));
  }
#endif
}
