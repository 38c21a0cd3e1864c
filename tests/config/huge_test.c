// Box:   tests/config.   Uses: tests/support.h, hakmem.h.
// Holds: a heap that becomes large: whatever brought its pages in, the kernel
//        is not left to bring in more, and no more stays than the books say.
// Read next: smaps.h
#include "hakmem.h"
#include "tests/config/smaps.h"
#include "tests/support.h"

#define MIB ((size_t)1 << 20)

enum { kBytes = 1000, kBlocks = 60000, kSpan = 40000, kSpans = 500 };
static void* g_blocks[kBlocks + kSpans];

static void Fill(void) {
  for (size_t i = 0; i < kBlocks + kSpans; ++i) {
    const size_t n = i < kBlocks ? kBytes : kSpan;
    g_blocks[i] = Escape(malloc(n));
    CHECK(g_blocks[i] != NULL);
    memset(g_blocks[i], 0xD1, n);
  }
}

int main(void) {
  CheckHeapUnderTest();
  alarm(120);
  const size_t before = ResidentBytes();
  Fill();
  struct hak_stats stats;
  hak_stats(&stats);
  if (HasSmaps()) {
    const size_t resident = ResidentBytes() - before;
    CHECK_LE(resident, stats.live + stats.cached + stats.dirty + 4 * MIB);
    for (size_t i = 0; i < kBlocks + kSpans; i += kSpans) {
      CHECK(!MappingHas(g_blocks[i], "VmFlags", " hg"));
    }
  }
  // What was in use is not zero, whatever brought it in.
  for (size_t i = 0; i < kBlocks; i += 2) free(g_blocks[i]);
  for (size_t i = 0; i < kBlocks; i += 2) {
    g_blocks[i] = Escape(calloc(1, kBytes));
    CHECK(g_blocks[i] != NULL);
    CHECK_EQ(ZeroBreak((const unsigned char*)g_blocks[i], kBytes), kBytes);
  }
  for (size_t i = 0; i < kBlocks + kSpans; ++i) free(g_blocks[i]);
  hak_trim(0);
  if (HasSmaps()) CHECK_LE(ResidentBytes(), before + 3 * MIB);
  return CheckReport("huge_test");
}
