// Box:   tests/boxes.   Uses: tiny, large, the fake.   Must not know: wrap.
// Holds: what is done before there is no memory: the window gives up what it
//        does not need, SuperSlabs are mapped in part, slabs and spans change
//        places.
// Read next: platform/page_source_fake.h

#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/large/large.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/window.h"
#include "gtest/gtest.h"
#include "platform/page_source.h"
#include "platform/page_source_fake.h"
#include "tests/boxes/front.h"

namespace hakmem::boxes {
namespace {

using platform::fake::counts;
using platform::fake::plan;
using namespace superslab;  // the box under test

constexpr int64_t kMib = int64_t{1} << 20;

bool IsReadable(const void* address) {
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  const bool readable = write(fds[1], address, 1) == 1;
  close(fds[0]);
  close(fds[1]);
  return readable;
}

void FailOnce() {
  plan.fail_from = counts.calls + 1;
  plan.fail_calls = 1;
}

// A window with one SuperSlab, that has given up what it could.
void LowerWindow() {
  counts.mapped_bytes = 2 * kMib;  // table and map
  plan.honours_hints = true;
  plan.on_call = ExpectNoLocksHeld;
  ASSERT_EQ(ClaimSupers(1), 1u);
  EXPECT_EQ(SuperLimit(), kWindowSupers);
  FailOnce();
  ASSERT_EQ(ClaimSupers(1), 2u);
  ASSERT_LT(SuperLimit(), kWindowSupers);
}

void WindowBecomesSmaller() {
  LowerWindow();
  // One SuperSlab more, and 2 MiB less but for a few pages.
  EXPECT_LE(counts.mapped_bytes, 2 * kMib + kMib / 4);
  const size_t limit = SuperLimit();
  EXPECT_GE(limit, 16u);
  EXPECT_FALSE(IsReadable(&g_map[kWindowSlabs / 2]));
  EXPECT_FALSE(IsReadable(&Entry(kWindowSupers / 2)));
  // What a group of 16 and a neighbour are looked up in.
  EXPECT_TRUE(IsReadable(&g_map[(limit + 15) * kSlabsPerSuper]));
  EXPECT_TRUE(IsReadable(&Entry(limit + 15)));
  EXPECT_EQ(KindOf(SuperAddress(kWindowSupers / 2)), kNeverOurs);
  EXPECT_EQ(KindOf(SuperAddress(limit)), kNeverOurs);
  // And nothing of what stands around them is gone.
  EXPECT_EQ(ClaimSupers(1), 3u);
  EXPECT_TRUE(UnclaimSupers(3, 1));
}

void WindowBecomesLargerAgain() {
  LowerWindow();
  const size_t limit = SuperLimit();
  // None of these pages is touched.
  for (size_t claimed = 0; claimed < limit + 100; claimed += 16) {
    ASSERT_NE(ClaimSupers(16), kNoSuper);
  }
  EXPECT_GT(SuperLimit(), limit);
  do {
    EXPECT_TRUE(IsReadable(&g_map[SlabLimit() - 1]));
    EXPECT_TRUE(IsReadable(&Entry(SuperLimit() - 1)));
    EXPECT_EQ(MapByte(SlabLimit() - 1), kNeverOurs);
  } while (RaiseLimit());
  // And up to what it was.
  EXPECT_EQ(SuperLimit(), kWindowSupers);
  for (size_t i = 0; i < kWindowSlabs; i += 4096) {
    ASSERT_TRUE(IsReadable(&g_map[i]));
    ASSERT_TRUE(IsReadable(&Entry(i / kSlabsPerSuper)));
  }
}

// Somebody else has taken the place meanwhile: full is full.
void WindowStaysSmallForAWhile() {
  LowerWindow();
  const size_t limit = SuperLimit();
  const size_t page = platform::PageSize();
  void* const place =
      At<void>(AlignUp(AddressOf(&g_map[(limit + 16) * kSlabsPerSuper]), page));
  ASSERT_EQ(mmap(place, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            place);
  size_t last = 0;
  for (size_t i = ClaimSupers(1); i != kNoSuper; i = ClaimSupers(1)) last = i;
  const size_t small = SuperLimit();
  EXPECT_LT(small, limit + page / 4);
  EXPECT_EQ(last, small - 1);
  EXPECT_EQ(AcquireSlab(), nullptr);
  ASSERT_EQ(munmap(place, page), 0);
  EXPECT_EQ(ClaimSupers(1), small);
}

// The kernel splits no mapping any more.
void WindowCannotBecomeSmaller() {
  plan.honours_hints = true;
  ASSERT_EQ(ClaimSupers(1), 1u);
  plan.unmap_may_fail = true;
  plan.fail_from = counts.calls + 1;
  EXPECT_EQ(ClaimSupers(1), kNoSuper);
  EXPECT_EQ(SuperLimit(), kWindowSupers);
  EXPECT_TRUE(IsReadable(&g_map[kWindowSlabs / 2]));
  EXPECT_TRUE(IsReadable(&Entry(kWindowSupers / 2)));
}

unsigned g_slabs;  // that there is memory for, beside a SuperSlab

void PartOfASuperSlab() {
  LowerWindow();
  ASSERT_TRUE(ReserveMetadata(2 * sizeof(SuperMeta)));
  ASSERT_TRUE(UnclaimSupers(1, 1));
  ASSERT_TRUE(UnclaimSupers(2, 1));
  const int64_t before = counts.mapped_bytes;
  plan.commit_limit =
      static_cast<uint64_t>(before + kMib + g_slabs * int64_t{kSlabBytes});
  std::vector<SlabDescriptor*> slabs;
  while (SlabDescriptor* slab = AcquireSlab()) {
    slabs.push_back(slab);
    char* const start = At<char>(SlabAddress(slab->slab_index));
    start[0] = start[kSlabBytes - 1] = 1;
    slab->clean_pages = 0;
  }
  EXPECT_EQ(slabs.size(), kSlabsPerSuper + g_slabs);
  EXPECT_EQ(g_window.mapped.load(), 2u);
  EXPECT_EQ(MappedSlabs(2), g_slabs);
  EXPECT_EQ(KindOf(SuperAddress(3) - 1), kAbsent);
  // Behind a part nothing is counted, and it goes as a whole.
  for (SlabDescriptor* slab : slabs) ReleaseSlab(slab);
  Purge(0, 0);
  EXPECT_EQ(g_window.mapped.load(), 0u);
  EXPECT_EQ(counts.mapped_bytes, before);
  EXPECT_EQ(KindOf(SuperAddress(3) - 1), kNeverOurs);
  // Where there is memory again it is a whole one.
  plan.commit_limit = 0;
  for (size_t i = 0; i <= kSlabsPerSuper; ++i) {
    ASSERT_NE(AcquireSlab(), nullptr);
  }
  EXPECT_EQ(MappedSlabs(2), kSlabsPerSuper);
}

// The SuperSlab that was a part holds spans now, and slabs where the part was:
// that those are free does not mean that nothing lies behind them.
void MixedIsNotUnmapped() {
  constexpr unsigned kPart = 4;
  LowerWindow();
  ASSERT_TRUE(ReserveMetadata(sizeof(SuperMeta)));
  ASSERT_TRUE(UnclaimSupers(1, 1));
  ASSERT_TRUE(UnclaimSupers(2, 1));
  plan.commit_limit =
      static_cast<uint64_t>(counts.mapped_bytes + kPart * int64_t{kSlabBytes});
  std::vector<SlabDescriptor*> slabs;
  while (SlabDescriptor* slab = AcquireSlab()) slabs.push_back(slab);
  ASSERT_EQ(slabs.size(), kPart);
  for (SlabDescriptor* slab : slabs) ReleaseSlab(slab);
  Purge(0, 0);
  plan.commit_limit = 0;
  ASSERT_EQ(ClaimSupers(1), 1u);
  ASSERT_NE(AcquireSlab(), nullptr);  // there are others
  ASSERT_NE(Mix(1, Lender::kSpans), nullptr);
  for (SlabDescriptor* slab : slabs) ReleaseSlab(slab);
  Purge(0, 0);
  EXPECT_EQ(g_window.mapped.load(), 2u);
  EXPECT_TRUE(IsReadable(At<void>(SuperAddress(2) - 1)));
}

// Blocks of `bytes` until there is no memory.
std::vector<void*> Fill(size_t bytes) {
  std::vector<void*> blocks;
  while (void* block = Malloc(bytes)) blocks.push_back(block);
  return blocks;
}
void FreeAll(std::vector<void*>& blocks) {
  while (!blocks.empty()) {
    Free(blocks.back());
    blocks.pop_back();
  }
}

// Whoever comes, and in which order: all of the memory is theirs.
void SlabsAndSpansChangePlaces() {
  LowerWindow();
  ASSERT_TRUE(UnclaimSupers(1, 1));
  ASSERT_TRUE(UnclaimSupers(2, 1));
  constexpr int64_t kLimit = 8 * kMib + kMib / 2;
  plan.commit_limit = static_cast<uint64_t>(counts.mapped_bytes + kLimit);
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> small = Fill(1000);
    EXPECT_GE(small.size() * 1040, size_t{kLimit} * 94 / 100);
    FreeAll(small);
    std::vector<void*> large = Fill(16384);
    EXPECT_GE(large.size() * 16384, size_t{kLimit} * 92 / 100);
    // The others' last ones, and what lies between.
    const size_t half = large.size() / 2;
    while (large.size() > half) {
      Free(large.back());
      large.pop_back();
    }
    small = Fill(100);
    EXPECT_GE(small.size() * 112, size_t{kLimit} * 40 / 100);
    FreeAll(large);
    large = Fill(65536);
    EXPECT_GE(large.size() * 65536, size_t{kLimit} * 40 / 100);
    FreeAll(small);
    CheckHeaps();
    FreeAll(large);
    void* const most = Malloc(size_t{kLimit} * 85 / 100);
    EXPECT_NE(most, nullptr);
    Free(most);
  }
  ExitThread();
  Purge(0, 0);
  EXPECT_EQ(Read(g_budget.live), 0u);
  EXPECT_EQ(Read(g_budget.dirty), 0u);
  EXPECT_EQ(large::ReadCounts().free_bytes, 0u);
  EXPECT_EQ(g_window.mapped.load(), 0u);
}

class Limit : public testing::Test {
 protected:
  void SetUp() override {
    if (!HintsWork()) GTEST_SKIP() << "elsewhere nothing of this is done";
  }
};

TEST_F(Limit, WindowBecomesSmaller) {
  EXPECT_EQ(InChild(WindowBecomesSmaller), 0);
}
TEST_F(Limit, WindowBecomesLargerAgain) {
  EXPECT_EQ(InChild(WindowBecomesLargerAgain), 0);
}
TEST_F(Limit, WindowStaysSmallForAWhile) {
  EXPECT_EQ(InChild(WindowStaysSmallForAWhile), 0);
}
TEST_F(Limit, WindowCannotBecomeSmaller) {
  EXPECT_EQ(InChild(WindowCannotBecomeSmaller), 0);
}
TEST_F(Limit, PartOfASuperSlab) {
  for (g_slabs = 1; g_slabs < kSlabsPerSuper; ++g_slabs) {
    ASSERT_EQ(InChild(PartOfASuperSlab), 0) << g_slabs << " slabs";
  }
}
TEST_F(Limit, MixedIsNotUnmapped) { EXPECT_EQ(InChild(MixedIsNotUnmapped), 0); }
TEST_F(Limit, SlabsAndSpansChangePlaces) {
  EXPECT_EQ(InChild(SlabsAndSpansChangePlaces), 0);
}

}  // namespace
}  // namespace hakmem::boxes
