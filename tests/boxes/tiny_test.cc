// Box:   tests/boxes.   Uses: tiny, the fake.   Must not know: wrap.
// Holds: size classes, headers, refill, flush and adoption.
// Read next: tests/boxes/sweep_test.cc

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "alloc/superslab/budget.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"
#include "gtest/gtest.h"
#include "platform/page_source_fake.h"
#include "tests/boxes/front.h"

namespace hakmem::boxes {
namespace {

using platform::fake::counts;
using platform::fake::plan;
using superslab::kSlabBytes;
using tiny::kStride;

TEST(SizeClass, EverySizeFitsTheSmallestClass) {
  for (size_t bytes = 0; bytes <= tiny::kMaxSmall; ++bytes) {
    const unsigned c = tiny::ClassFor(bytes);
    ASSERT_LT(c, tiny::kClasses);
    ASSERT_GE(tiny::UsableBytes(c), bytes);
    if (c > 0) {
      ASSERT_LT(tiny::UsableBytes(c - 1), bytes);
    }
  }
  EXPECT_EQ(tiny::kMaxSmall, 16127u);
}

// By definition of the quotient, for classes and for aligned slabs.
TEST(SizeClass, ReciprocalIsExact) {
  std::vector<size_t> strides(std::begin(kStride), std::end(kStride));
  for (size_t a = 32; a <= tiny::kMaxAlignment; a *= 2) {
    for (const size_t stride : kStride) strides.push_back(AlignUp(stride, a));
  }
  for (const size_t stride : strides) {
    superslab::SlabDescriptor slab{};
    slab.reciprocal = tiny::Reciprocal(stride);
    slab.first_units = 1;
    for (size_t offset = 0; offset < kSlabBytes - tiny::kUnit; ++offset) {
      ASSERT_EQ(tiny::IndexAt(&slab, tiny::kUnit + offset),
                offset % stride == 0 ? offset / stride : tiny::kNoBlock)
          << stride << " " << offset;
    }
    // In front of the first block.
    for (size_t offset = 0; offset < tiny::kUnit; ++offset) {
      ASSERT_GT(tiny::IndexAt(&slab, offset), kSlabBytes) << stride;
    }
  }
}

// Slabs side by side do not begin at the same lines of their pages, and what
// that costs is less than a fiftieth of the blocks.
TEST(SizeClass, SlabsBeginAtDifferentLines) {
  for (const size_t stride : kStride) {
    const size_t most = (kSlabBytes - tiny::kUnit) / stride;
    std::set<size_t> lines;
    for (uint32_t slab = 48; slab < 64; ++slab) {
      const size_t first = tiny::FirstOffset(slab, stride);
      EXPECT_EQ(first % 64, tiny::kUnit);
      const size_t blocks = (kSlabBytes - first) / stride;
      EXPECT_LE((most - blocks) * 50, most) << stride << " " << slab;
      if (stride > 512) {
        EXPECT_EQ(blocks, most) << stride << " " << slab;
      }
      lines.insert(first / 64);
    }
    if (stride <= 512) {
      EXPECT_EQ(lines.size(), 16u) << stride;
    }
  }
}

TEST(SizeClass, TokensTellLiveFromFree) {
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    EXPECT_EQ(static_cast<uint8_t>(tiny::LiveToken(c)), 0xA0 + c);
    EXPECT_EQ(static_cast<uint8_t>(tiny::FreeToken(c)), 0xC8 + c);
    EXPECT_TRUE(tiny::IsLiveToken(tiny::LiveToken(c)));
    EXPECT_FALSE(tiny::IsLiveToken(tiny::FreeToken(c)));
    EXPECT_EQ(tiny::ClassOfLive(tiny::LiveToken(c)), c);
  }
}

void EveryByteIsOnesOwn() {
  plan.on_call = ExpectNoLocksHeld;
  std::vector<std::pair<unsigned char*, size_t>> blocks;
  for (size_t bytes = 0; bytes <= tiny::kMaxSmall; bytes += 7) {
    auto* p = static_cast<unsigned char*>(Malloc(bytes));
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(AddressOf(reinterpret_cast<char*>(p)) % 16, 0u);
    EXPECT_EQ(p[-1], 0xA0 + tiny::ClassFor(bytes));
    memset(p, static_cast<int>(blocks.size()), Usable(p));
    blocks.push_back({p, Usable(p)});
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto [p, usable] = blocks[i];
    ASSERT_EQ(p[-1], 0xA0 + tiny::ClassFor(usable));
    for (size_t k = 0; k < usable; ++k) {
      ASSERT_EQ(p[k], static_cast<unsigned char>(i));
    }
    Free(p);
  }
  FlushThread();
  CheckHeaps();
}

void HeaderSaysLiveOrFree() {
  for (const size_t bytes : {0u, 100u, 1000u, 7183u, 16127u}) {
    auto* p = static_cast<signed char*>(Malloc(bytes));
    EXPECT_EQ(p[-1], tiny::LiveToken(tiny::ClassFor(bytes)));
    Free(p);
    EXPECT_EQ(p[-1], tiny::FreeToken(tiny::ClassFor(bytes)));
  }
}

void AlignedBlocksAreAligned() {
  std::mt19937 random(1);
  std::vector<void*> blocks;
  for (int i = 0; i < 4000; ++i) {
    const size_t alignment = size_t{16} << (random() % 8);
    const size_t bytes = random() % 3000;
    void* p = AlignedMalloc(alignment, bytes);
    ASSERT_NE(p, nullptr);
    ASSERT_EQ(AddressOf(static_cast<char*>(p)) % alignment, 0u);
    ASSERT_GE(Usable(p), bytes);
    memset(p, i, Usable(p));
    blocks.push_back(p);
    if (i % 3 == 0) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      Free(blocks.back());
      blocks.pop_back();
    }
  }
  for (void* p : blocks) Free(p);
  FlushThread();
  CheckHeaps();
}

// Slabs that somebody owns, or that wait for an owner.
size_t SlabsInUse() {
  size_t free_slabs = 0;
  for (size_t i = 0; i < superslab::g_window.high_water; ++i) {
    free_slabs +=
        static_cast<unsigned>(__builtin_popcount(superslab::FreeSlabs(i)));
  }
  return superslab::g_window.mapped * superslab::kSlabsPerSuper - free_slabs;
}

// Blocks that are freed after their owner has gone: the last free of each slab
// gives it back, and no memory stays with a heap that has no thread.
void OrphansComeBack() {
  std::vector<void*> blocks;
  std::thread owner([&blocks] {
    for (int i = 0; i < 20000; ++i) blocks.push_back(Malloc(100));
    ExitThread();
  });
  owner.join();
  EXPECT_GE(SlabsInUse(), 35u);  // of 112 bytes a block
  std::thread other([&blocks] {
    for (void* p : blocks) Free(p);
    ExitThread();
  });
  other.join();
  EXPECT_EQ(SlabsInUse(), 0u);
  CheckHeaps();
}

void OrphansAreAdopted() {
  std::vector<char*> blocks;
  std::thread owner([&blocks] {
    for (int i = 0; i < 5000; ++i) {
      blocks.push_back(static_cast<char*>(Malloc(200)));
      memset(blocks.back(), i, 200);
    }
    for (size_t i = 0; i < blocks.size(); i += 2) Free(blocks[i]);
    ExitThread();
  });
  owner.join();
  const uint32_t mapped = superslab::g_window.mapped;
  std::vector<char*> more;
  for (int i = 0; i < 2400; ++i) {
    more.push_back(static_cast<char*>(Malloc(200)));
    memset(more.back(), 0x77, 200);
  }
  EXPECT_EQ(superslab::g_window.mapped.load(), mapped);
  for (size_t i = 1; i < blocks.size(); i += 2) {
    for (int k = 0; k < 200; ++k) {
      ASSERT_EQ(blocks[i][k], static_cast<char>(i));
    }
    Free(blocks[i]);
  }
  for (char* p : more) Free(p);
  FlushThread();
  CheckHeaps();
}

// Blocks that come back twice, or are not blocks, past the header's check.
void DoubleFreeAtFlush() {
  auto* p = static_cast<signed char*>(Malloc(100));
  (void)Malloc(100);  // keeps the slab
  Free(p);
  FlushThread();
  p[-1] = tiny::LiveToken(tiny::ClassFor(100));  // as if it were live
  Free(p);
  FlushThread();
}
void DoubleFree() {
  void* p = Malloc(100);
  Free(p);
  Free(p);
}
void OffTheStride() {
  auto* p = static_cast<signed char*>(Malloc(100));
  p[15] = p[-1];
  Free(p + 16);
  FlushThread();
}
void LinkOverwritten() {
  void* blocks[64];
  for (void*& p : blocks) p = Malloc(100);
  for (void* p : blocks) Free(p);
  *static_cast<uintptr_t*>(blocks[63]) = 0x4142434445464748;
  FlushThread();
}
void FreeBlockDamaged() {
  auto* p = static_cast<signed char*>(Malloc(100));
  Free(p);
  p[-1] = 0;
  (void)Malloc(100);
}

class Misuse : public testing::TestWithParam<void (*)()> {};
TEST_P(Misuse, Aborts) {
  const int status = InChild(GetParam());
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
}
INSTANTIATE_TEST_SUITE_P(All, Misuse,
                         testing::Values(DoubleFreeAtFlush, DoubleFree,
                                         OffTheStride, LinkOverwritten,
                                         FreeBlockDamaged));

TEST(Tiny, EveryByteIsOnesOwn) { EXPECT_EQ(InChild(EveryByteIsOnesOwn), 0); }
TEST(Tiny, HeaderSaysLiveOrFree) {
  EXPECT_EQ(InChild(HeaderSaysLiveOrFree), 0);
}
TEST(Tiny, AlignedBlocksAreAligned) {
  EXPECT_EQ(InChild(AlignedBlocksAreAligned), 0);
}
TEST(Tiny, OrphansComeBack) { EXPECT_EQ(InChild(OrphansComeBack), 0); }
TEST(Tiny, OrphansAreAdopted) { EXPECT_EQ(InChild(OrphansAreAdopted), 0); }

}  // namespace
}  // namespace hakmem::boxes
