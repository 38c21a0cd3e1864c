// Box:   tests/config.   Uses: tests/support.h, hakmem.h.
// Holds: free spans that lie side by side for more than a tag can count: 48 GiB
//        of addresses, of which a few pages are touched.
// Read next: limit_test.c
#include "hakmem.h"
#include "tests/support.h"

// Nothing is given back, so all of it stays in the window.
const struct hak_config hak_config = {.never_return = 1};

#define MIB ((size_t)1 << 20)

enum { kBytes = 32, kBlocks = 1536 };
static char* g_blocks[kBlocks];

static void Fill(void) {
  for (int i = 0; i < kBlocks; ++i) {
    g_blocks[i] = (char*)Escape(malloc(kBytes * MIB));
    CHECK(g_blocks[i] != NULL);
  }
}

// Blocks do not overlap: each holds its number at both ends.
static void Check(void) {
  for (int i = 0; i < kBlocks; i += 32) {
    memcpy(g_blocks[i], &i, sizeof i);
    memcpy(g_blocks[i] + kBytes * MIB - sizeof i, &i, sizeof i);
  }
  for (int i = 0; i < kBlocks; i += 32) {
    CHECK(memcmp(g_blocks[i], &i, sizeof i) == 0);
    CHECK(memcmp(g_blocks[i] + kBytes * MIB - sizeof i, &i, sizeof i) == 0);
  }
}

int main(void) {
  CheckHeapUnderTest();
  alarm(120);
  struct hak_stats stats;
  for (int round = 0; round < 2; ++round) {
    Fill();
    Check();
    hak_stats(&stats);
    CHECK(stats.live >= kBlocks * kBytes * MIB);
    for (int i = 0; i < kBlocks; ++i) free(g_blocks[i]);
    hak_stats(&stats);
    CHECK_LE(stats.live, MIB);
  }
  return CheckReport("vast_test");
}
