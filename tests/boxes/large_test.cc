// Box:   tests/boxes.   Uses: large, the fake.   Must not know: tiny, wrap.
// Holds: spans and Huge blocks.
// Read next: tests/boxes/fault_test.cc

#include "alloc/large/large.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "alloc/base/pointers.h"
#include "alloc/large/huge.h"
#include "alloc/large/lone.h"
#include "alloc/large/span_cache.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "gtest/gtest.h"
#include "platform/page_source_fake.h"
#include "tests/boxes/front.h"

namespace hakmem::boxes {
namespace {

using large::Ownership;
using platform::fake::counts;
using platform::fake::plan;

uintptr_t AddressOfBlock(void* p) { return AddressOf(static_cast<char*>(p)); }

// Frees in every order join to the same free spans, and the next block finds
// room where the others were.
void SpansCoalesce() {
  plan.on_call = ExpectNoLocksHeld;
  std::mt19937 random(3);
  std::vector<void*> blocks;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 24; ++i) {
      blocks.push_back(large::Allocate(40000 + random() % 1000, 16).pointer);
      ASSERT_NE(blocks.back(), nullptr);
      memset(blocks.back(), i, 40000);
    }
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (void* p : blocks) Free(p);
    blocks.clear();
    large::FlushThread();
    ASSERT_EQ(large::ReadCounts().blocks, 0u);
    ASSERT_EQ(large::ReadCounts().bytes, 0u);
  }
  EXPECT_LE(superslab::g_window.mapped.load(), 2u);
  // Whole SuperSlabs again, or they could not be unmapped.
  superslab::Purge(0, 0);
  EXPECT_EQ(superslab::g_window.mapped.load(), 0u);
}

void LoneAfterTheClockWasSetBack() {
  plan.now = uint64_t{1} << 50;
  EXPECT_TRUE(large::MayBeLone(size_t{1} << 19));
  while (large::MayBeLone(size_t{1} << 19)) {
  }
  plan.now = uint64_t{1} << 40;
  EXPECT_TRUE(large::MayBeLone(size_t{1} << 19));
}

void EverySizeAndAlignment() {
  std::mt19937 random(4);
  std::map<uintptr_t, size_t> live;
  for (int i = 0; i < 1500; ++i) {
    const size_t alignment = size_t{16} << (random() % 18);
    const size_t bytes = 1 + random() % (size_t{1} << (12 + random() % 11));
    const large::Block block = large::Allocate(bytes, alignment);
    ASSERT_NE(block.pointer, nullptr);
    const uintptr_t at = AddressOfBlock(block.pointer);
    ASSERT_EQ(at % alignment, 0u);
    ASSERT_GE(Usable(block.pointer), bytes);
    const auto next = live.lower_bound(at);
    if (next != live.end()) {
      ASSERT_LE(at + bytes, next->first);
    }
    if (next != live.begin()) {
      ASSERT_LE(std::prev(next)->first + std::prev(next)->second, at);
    }
    auto* text = static_cast<char*>(block.pointer);
    if (block.zeroed) {
      for (size_t k = 0; k < bytes; k += 64) ASSERT_EQ(text[k], 0);
    }
    memset(text, 0x66, Usable(text));
    live[at] = Usable(text);
    if (live.size() > 40) {
      auto victim = live.begin();
      std::advance(victim, random() % live.size());
      Free(At<void>(victim->first));
      live.erase(victim);
    }
  }
  for (const auto& [at, bytes] : live) Free(At<void>(at));
  large::FlushThread();
  superslab::Purge(0, 0);
  EXPECT_EQ(large::ReadCounts().blocks, 0u);
  EXPECT_EQ(large::ReadCounts().huge_blocks, 0u);
  EXPECT_EQ(superslab::Read(superslab::g_budget.dirty), 0u);
  EXPECT_EQ(superslab::g_window.mapped.load(), 0u);
}

void ResizeKeepsContents() {
  auto* p = static_cast<unsigned char*>(large::Allocate(100000, 4096).pointer);
  for (size_t i = 0; i < 100000; ++i) p[i] = static_cast<unsigned char>(i * 7);
  ASSERT_TRUE(ResizeInPlace(p, 50000));
  ASSERT_TRUE(ResizeInPlace(p, 100000));
  for (size_t i = 0; i < 50000; ++i) {
    ASSERT_EQ(p[i], static_cast<unsigned char>(i * 7));
  }
  EXPECT_GE(Usable(p), 100000u);
  EXPECT_EQ(large::ReadCounts().blocks, 1u);
  void* behind = large::Allocate(4096, 4096).pointer;
  // Not through the neighbour.
  if (ResizeInPlace(p, 900000)) {
    EXPECT_FALSE(AddressOfBlock(behind) >
                     AddressOf(reinterpret_cast<char*>(p)) &&
                 AddressOfBlock(behind) <
                     AddressOf(reinterpret_cast<char*>(p)) + 900000);
  }
  Free(behind);
  Free(p);
  large::FlushThread();
  EXPECT_EQ(large::ReadCounts().blocks, 0u);
  EXPECT_EQ(large::ReadCounts().bytes, 0u);
}

// What a thread keeps of short spans goes with what is alive.
void CacheGoesWithLive() {
  constexpr size_t kUsual = size_t{768} << 10;
  constexpr size_t kGrant = size_t{256} << 10;
  std::mt19937 random(6);
  const auto units = [&] { return (1 + random() % 16) * large::kUnitBytes; };
  const auto allocate = [&](size_t bytes) {
    void* p = large::AllocateCached(bytes, 0);
    return p != nullptr ? p : large::Allocate(bytes, large::kUnitBytes).pointer;
  };
  const auto live = [] { return superslab::Read(superslab::g_budget.live); };
  const auto free = [](void* p) {
    if (!large::FreeCached(p)) Free(p);
  };
  std::vector<void*> blocks(400);
  for (void*& p : blocks) ASSERT_NE(p = allocate(units()), nullptr);
  // The most that is cached where so many nanoseconds are between two frees.
  const auto churn = [&](uint64_t pause) {
    size_t most = 0;
    for (int i = 0; i < 20000; ++i) {
      plan.now += pause;
      void*& p = blocks[random() % blocks.size()];
      free(p);
      p = allocate(units());
      const size_t cached = large::ReadCounts().cached_here;
      most = std::max(most, cached);
      EXPECT_LE(cached, std::max(kUsual, live() / 4 + kGrant));
    }
    return most;
  };
  EXPECT_LE(churn(1 << 16), kUsual);
  EXPECT_GT(churn(0), kUsual);
  for (void* p : blocks) {
    free(p);
    ASSERT_LE(large::ReadCounts().cached_here,
              std::max(kUsual, live() / 3 + kGrant));
  }
  large::FlushThread();
  EXPECT_EQ(large::ReadCounts().cached_here, 0u);
  EXPECT_EQ(large::ReadCounts().blocks, 0u);
}

// Grows the registry through several tables and shrinks it again.
void RegistryHoldsThousands() {
  constexpr size_t kBytes = size_t{33} << 20;
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) {
    blocks.push_back(large::AllocateHuge(kBytes, 4096));
    ASSERT_NE(blocks.back(), nullptr);
  }
  EXPECT_EQ(large::ReadHugeCounts().blocks, 1000u);
  for (void* p : blocks) {
    ASSERT_GE(large::FindHuge(p), kBytes);
    ASSERT_NE(large::FindHuge(p), large::kNoHuge);
    ASSERT_EQ(large::FindHuge(static_cast<char*>(p) + 4096), large::kNoHuge);
  }
  std::mt19937 random(5);
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (size_t i = 0; i < blocks.size(); ++i) {
    ASSERT_TRUE(large::FreeHuge(blocks[i]));
    // It says that it is gone, and not how long it was.
    const size_t found = large::FindHuge(blocks[i]);
    ASSERT_TRUE(found == large::kNoHuge ||
                found == reinterpret_cast<uintptr_t>(blocks[i]));
    ASSERT_FALSE(large::FreeHuge(blocks[i]));
  }
  EXPECT_EQ(large::ReadHugeCounts().blocks, 0u);
  // Entries that are gone do not pile up.
  for (int i = 0; i < 3000; ++i) {
    void* p = large::AllocateHuge(kBytes, 4096);
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(large::FreeHuge(p));
  }
  EXPECT_LT(counts.mapped_bytes, int64_t{1} << 20);
}

void DoubleFreeOfSpan() {
  void* p = large::Allocate(100000, 16).pointer;
  (void)large::Allocate(100000, 16);
  Free(p);
  Free(p);
}
void InsideOfSpan() {
  Free(static_cast<char*>(large::Allocate(100000, 16).pointer) + 4096);
}
void DoubleFreeOfHuge() {
  void* p = large::AllocateHuge(size_t{64} << 20, 4096);
  Free(p);
  Free(p);
}

class LargeMisuse : public testing::TestWithParam<void (*)()> {};
TEST_P(LargeMisuse, Aborts) {
  const int status = InChild(GetParam());
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
}
INSTANTIATE_TEST_SUITE_P(All, LargeMisuse,
                         testing::Values(DoubleFreeOfSpan, InsideOfSpan,
                                         DoubleFreeOfHuge));

TEST(Large, SpansCoalesce) { EXPECT_EQ(InChild(SpansCoalesce), 0); }
TEST(Large, EverySizeAndAlignment) {
  EXPECT_EQ(InChild(EverySizeAndAlignment), 0);
}
TEST(Large, ResizeKeepsContents) { EXPECT_EQ(InChild(ResizeKeepsContents), 0); }
TEST(Large, LoneAfterTheClockWasSetBack) {
  EXPECT_EQ(InChild(LoneAfterTheClockWasSetBack), 0);
}
TEST(Large, CacheGoesWithLive) { EXPECT_EQ(InChild(CacheGoesWithLive), 0); }
TEST(Large, RegistryHoldsThousands) {
  EXPECT_EQ(InChild(RegistryHoldsThousands), 0);
}

}  // namespace
}  // namespace hakmem::boxes
