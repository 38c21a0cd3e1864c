// Box:   tests/boxes.   Uses: tiny, the fake.   Must not know: wrap.
// Holds: how many blocks a thread keeps: what it needs again at once, and
//        nothing that it needs later, or never, or not all of.
// Read next: tests/boxes/sweep_test.cc

#include <cstdint>
#include <set>
#include <vector>

#include "alloc/tiny/bins.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"
#include "gtest/gtest.h"
#include "platform/page_source_fake.h"
#include "tests/boxes/front.h"

namespace hakmem::boxes {
namespace {

using platform::fake::plan;

constexpr size_t kBytes = 63;  // blocks of 64
// Bins that hold more than usual hold as much together.
constexpr size_t kMost = size_t{512} << 10;

struct Moves {
  uint64_t refilled;
  uint64_t flushed;
};
bool operator==(const Moves& a, const Moves& b) {
  return a.refilled == b.refilled && a.flushed == b.flushed;
}

// Blocks of this size that ever went between the calling thread and its slabs.
Moves MovesOf(size_t bytes) {
  const tiny::ClassCounts& counts =
      tiny::OwnHeap()->counts[tiny::ClassFor(bytes)];
  return {counts.refilled, counts.flushed};
}

// Bytes in the calling thread's bins.
size_t CachedBytes() {
  size_t bytes = 0;
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    bytes += tiny::Cached(c) * tiny::kStride[c];
  }
  return bytes;
}

// One life of so many bytes in blocks of each of these sizes.
void Cycle(size_t total, const std::vector<size_t>& sizes = {kBytes}) {
  std::vector<void*> blocks;
  for (const size_t bytes : sizes) {
    for (size_t i = 0; i < total / (bytes + 1); ++i) {
      blocks.push_back(Malloc(bytes));
    }
  }
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(),
            blocks.size());
  for (void* block : blocks) Free(block);
  CheckHeaps();
}

void KeepsWhatIsNeededAtOnce() {
  Cycle(kMost / 2);
  EXPECT_LT(CachedBytes(), kMost / 4);  // may be for good
  Cycle(kMost / 2);
  Cycle(kMost / 2);
  const Moves before = MovesOf(kBytes);
  for (int i = 0; i < 3; ++i) Cycle(kMost / 2);
  EXPECT_TRUE(MovesOf(kBytes) == before);
  FlushThread();
  EXPECT_EQ(CachedBytes(), 0u);
  CheckHeaps();
}

void KeepsNothingForLater() {
  for (int i = 0; i < 5; ++i) {
    Cycle(kMost / 2);
    EXPECT_LT(CachedBytes(), kMost / 4);
    plan.now += uint64_t{1} << 30;
  }
}

// Of what is too much nothing is kept: it is most likely not needed again.
void KeepsNoPart() {
  for (const size_t bytes : {kBytes, size_t{527}}) {
    for (int i = 0; i < 5; ++i) {
      Cycle(4 * kMost, {bytes});
      EXPECT_LT(CachedBytes(), kMost / 4) << bytes;
    }
  }
}

// The bound is one for all classes.
void KeepsAllClassesOrNone() {
  const std::vector<size_t> sizes = {95, 143, 271, 527, 1039};
  for (int i = 0; i < 4; ++i) Cycle(kMost / 6, sizes);
  EXPECT_GT(CachedBytes(), kMost * 2 / 3);
  for (int i = 0; i < 4; ++i) {
    Cycle(kMost / 2, sizes);
    EXPECT_LE(CachedBytes(), kMost);
  }
}

// Memory that is kept in bins is not kept beside memory that grows.
void GivesWayToGrowth() {
  for (int i = 0; i < 4; ++i) Cycle(kMost * 3 / 4);
  EXPECT_GT(CachedBytes(), kMost / 2);
  std::vector<void*> blocks;
  for (size_t i = 0; i < 2 * kMost / 528; ++i) blocks.push_back(Malloc(527));
  EXPECT_LT(CachedBytes(), kMost / 2);
  for (void* block : blocks) Free(block);
  CheckHeaps();
}

// A bin that has become large does not stay so for a class that is only freed.
void ShrinksWhenOnlyFreed() {
  std::vector<void*> blocks;
  for (size_t i = 0; i < 8 * kMost / (kBytes + 1); ++i) {
    blocks.push_back(Malloc(kBytes));
  }
  for (int i = 0; i < 4; ++i) Cycle(kMost / 2);
  EXPECT_GT(CachedBytes(), kMost / 3);
  // More than half stays alive, which would be a reason of its own.
  for (size_t i = 0; i < blocks.size() / 3; ++i) Free(blocks[i]);
  EXPECT_LT(CachedBytes(), kMost / 4);
  for (size_t i = blocks.size() / 3; i < blocks.size(); ++i) Free(blocks[i]);
  CheckHeaps();
}

TEST(Bin, KeepsWhatIsNeededAtOnce) {
  EXPECT_EQ(InChild(KeepsWhatIsNeededAtOnce), 0);
}
TEST(Bin, KeepsNothingForLater) { EXPECT_EQ(InChild(KeepsNothingForLater), 0); }
TEST(Bin, KeepsNoPart) { EXPECT_EQ(InChild(KeepsNoPart), 0); }
TEST(Bin, KeepsAllClassesOrNone) {
  EXPECT_EQ(InChild(KeepsAllClassesOrNone), 0);
}
TEST(Bin, GivesWayToGrowth) { EXPECT_EQ(InChild(GivesWayToGrowth), 0); }
TEST(Bin, ShrinksWhenOnlyFreed) { EXPECT_EQ(InChild(ShrinksWhenOnlyFreed), 0); }

}  // namespace
}  // namespace hakmem::boxes
