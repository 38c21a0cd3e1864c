// Box:   tests/api.   Uses: tests/support.h.
// Holds: posix_memalign, aligned_alloc, memalign, valloc, pvalloc: alignments
//        that are refused, alignments that are kept, blocks that do not
//        overlap.
// Read next: realloc.c
#include "tests/api/api_test.h"
#include "tests/support.h"

enum { kPerSize = 5 };

static void* ByPosix(size_t align, size_t n) {
  void* p = NULL;
  if (align < sizeof(void*)) align = sizeof(void*);
  CHECK_EQ(posix_memalign(&p, align, n), 0);
  return p;
}
static void* ByC11(size_t align, size_t n) { return aligned_alloc(align, n); }
static void* ByMemalign(size_t align, size_t n) { return memalign(align, n); }

static void* (*const kWays[])(size_t, size_t) = {ByPosix, ByC11, ByMemalign};

// All blocks of one case live at once, and are filled to the last usable byte.
static void KeepsAlignment(size_t align, size_t n) {
  unsigned char* blocks[kPerSize * 3];
  const size_t count = kPerSize * 3;
  for (size_t i = 0; i < count; ++i) {
    unsigned char* p = (unsigned char*)Escape(kWays[i % 3](align, n));
    CHECK(p != NULL);
    CHECK_EQ((uintptr_t)p % align, 0);
    CHECK_EQ((uintptr_t)p % 16, 0);
    CHECK_GE(malloc_usable_size(p), n);
    Paint(p, malloc_usable_size(p), i);
    blocks[i] = p;
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t usable = malloc_usable_size(blocks[i]);
    CHECK_EQ(PaintBreak(blocks[i], usable, usable, i), usable);
  }
  // realloc keeps the contents; the alignment is not promised afterwards.
  for (size_t i = 0; i < count; ++i) {
    const size_t painted = malloc_usable_size(blocks[i]);
    const size_t m = i % 2 == 0 ? n * 2 + 1 : n / 2 + 1;
    unsigned char* p = (unsigned char*)Escape(realloc(blocks[i], m));
    CHECK(p != NULL);
    const size_t kept = m < n ? m : n;
    CHECK_EQ(PaintBreak(p, painted, kept, i), kept);
    free(p);
  }
}

static void Alignments(void) {
  static const size_t kSizes[] = {1,    8,    16,   24,    64,     100,
                                  1000, 4096, 5000, 65536, 100000, 1000000};
  for (size_t align = 1; align <= ((size_t)1 << 22); align *= 2) {
    for (size_t i = 0; i < sizeof kSizes / sizeof kSizes[0]; ++i) {
      // 15 blocks of 4 MiB alignment each: keep the large corner small.
      if (align > 65536 && kSizes[i] > 100000) continue;
      KeepsAlignment(align, kSizes[i]);
    }
  }
}

// Neither libc rejects a size of 0 here.
static void ZeroBytes(void) {
  for (size_t align = 8; align <= 65536; align *= 2) {
    void* a = NULL;
    void* b = NULL;
    CHECK_EQ(posix_memalign(&a, align, Opaque(0)), 0);
    CHECK_EQ(posix_memalign(&b, align, Opaque(0)), 0);
    CHECK(a != NULL && b != NULL && a != b);
    CHECK_EQ((uintptr_t)a % align, 0);
    free(a);
    free(b);
  }
}

// Above 32 MiB even the smallest block is a mapping of its own.
static void FewBytesFarApart(void) {
  const size_t align = (size_t)64 << 20;
  for (size_t n = 0; n < 4; ++n) {
    unsigned char* const p = (unsigned char*)Escape(aligned_alloc(align, n));
    CHECK(p != NULL);
    CHECK_EQ((uintptr_t)p % align, 0);
    CHECK_GE(malloc_usable_size(p), n);
    memset(p, 1, n);
    free(p);
    if (free_aligned_sized == NULL) continue;
    free_aligned_sized(Escape(aligned_alloc(align, n)), align, n);
  }
}

static void PosixRefuses(void) {
  static const size_t kBad[] = {0,
                                1,
                                2,
                                3,
                                4,
                                5,
                                6,
                                7,
                                9,
                                12,
                                15,
                                17,
                                24,
                                31,
                                33,
                                48,
                                63,
                                96,
                                100,
                                1000,
                                4095,
                                4097,
                                12288,
                                SIZE_MAX,
                                SIZE_MAX - 1,
                                SIZE_MAX / 2,
                                ((size_t)1 << 63) + 8,
                                (size_t)3 << 61};
  for (size_t i = 0; i < sizeof kBad / sizeof kBad[0]; ++i) {
    void* untouched = &untouched;
    CHECK_EQ(posix_memalign(&untouched, Opaque(kBad[i]), 64), EINVAL);
    CHECK(untouched == &untouched);
    // EINVAL comes before ENOMEM: the request is wrong whatever the size.
    CHECK_EQ(posix_memalign(&untouched, Opaque(kBad[i]), SIZE_MAX), EINVAL);
    CHECK(untouched == &untouched);
  }
  // A good alignment that no address space can hold is out of memory.
  for (unsigned bit = 58; bit < 64; ++bit) {
    void* untouched = &untouched;
    const size_t align = Opaque((size_t)1 << bit);
    errno = 0;
    CHECK_EQ(posix_memalign(&untouched, align, 64), ENOMEM);
    CHECK(untouched == &untouched);
    // Not asked for by POSIX, but both libcs do it and callers print it.
    CHECK_EQ(errno, ENOMEM);
    errno = 0;
    CHECK(Escape(aligned_alloc(align, 64)) == NULL);
    CHECK_EQ(errno, ENOMEM);
  }
}

// C17 lets aligned_alloc fail for an alignment that is no power of two; musl
// and glibc since 2.38 say EINVAL. memalign is older than the rule: glibc
// rounds the alignment up, musl says EINVAL, and both take 0.
static void OthersRefuse(void) {
  static const size_t kBad[] = {3, 5, 12, 24, 48, 100, 4097, SIZE_MAX};
  for (size_t i = 0; i < sizeof kBad / sizeof kBad[0]; ++i) {
    const size_t align = Opaque(kBad[i]);
    if (OnHakmem() || align == SIZE_MAX) {
      errno = 0;
      CHECK(Escape(aligned_alloc(align, 64)) == NULL);
      CHECK_EQ(errno, EINVAL);
    }
    errno = 0;
    void* p = Escape(memalign(align, 64));
#if defined(__GLIBC__)
    CHECK((p == NULL) == (align == SIZE_MAX));
#else
    CHECK(p == NULL);
#endif
    if (p == NULL) {
      CHECK_EQ(errno, EINVAL);
      continue;
    }
    size_t rounded = 16;
    while (rounded < align) rounded *= 2;
    CHECK_EQ((uintptr_t)p % rounded, 0);
    free(p);
  }
  void* p = Escape(memalign(Opaque(0), 64));
  CHECK(p != NULL);
  CHECK_EQ((uintptr_t)p % 16, 0);
  free(p);
}

static void WholePages(void) {
  const size_t page = PageSize();
  for (size_t n = 1; n < page * 40; n = n * 2 + 13) {
    void* p = Escape(valloc(n));
    CHECK(p != NULL);
    CHECK_EQ((uintptr_t)p % page, 0);
    CHECK_GE(malloc_usable_size(p), n);
    memset(p, 0x77, n);
    free(p);
#if defined(__GLIBC__)
    const size_t rounded = (n + page - 1) / page * page;
    void* q = Escape(pvalloc(n));
    CHECK(q != NULL);
    CHECK_EQ((uintptr_t)q % page, 0);
    CHECK_GE(malloc_usable_size(q), rounded);
    memset(q, 0x78, rounded);
    free(q);
#endif
  }
}

void TestAlignedFamily(void) {
  Alignments();
  ZeroBytes();
  FewBytesFarApart();
  PosixRefuses();
  OthersRefuse();
  WholePages();
}
