// Box:   tests/pool.   Uses: tests/support.h, hakmem.h.
// Holds: a pool that is made at run time: in time on musl, where nothing has
//        allocated yet when a program's first constructor runs, and too late
//        on glibc, which must be said and change nothing.
// Read next: tests/config/limit_test.c
#include "hakmem.h"
#include "tests/support.h"

enum { kPoolBytes = 8 << 20 };
static unsigned char buffer[kPoolBytes] __attribute__((aligned(4096)));
static int first_answer = -1;

__attribute__((constructor(101))) static void MakePool(void) {
  first_answer = hak_init_pool(buffer, kPoolBytes);
}

static bool IsInside(const void* p) {
  return (const unsigned char*)p >= buffer &&
         (const unsigned char*)p < buffer + kPoolBytes;
}

int main(void) {
  CheckHeapUnderTest();
#if defined(__GLIBC__)
  CHECK_EQ(first_answer, EBUSY);
  CHECK_EQ(hak_pool_size(), 0);
  CHECK_EQ(hak_pool_used(), 0);
  CHECK_EQ(hak_pool_free(), 0);
#else
  CHECK_EQ(first_answer, 0);
  CHECK_GE(hak_pool_size(), (size_t)kPoolBytes / 100 * 97);
  CHECK_LE(hak_pool_size(), kPoolBytes);
#endif
  const bool pool = hak_pool_size() != 0;
  for (size_t n = 1; n < 2 * kPoolBytes; n = n * 3 / 2 + 1) {
    void* const p = Escape(malloc(n));
    if (!pool || n < kPoolBytes / 10 * 9) CHECK(p != NULL);
    if (p == NULL) continue;
    CHECK(!pool || n < kPoolBytes);
    CHECK_EQ(IsInside(p), pool);
    memset(p, 1, n);
    free(p);
  }
  CHECK_EQ(hak_init_pool(buffer, kPoolBytes), EBUSY);
  return CheckReport("init_pool_test");
}
