// Box:   tests/boxes.   Uses: tiny, large, the fake.   Must not know: wrap.
// Holds: a script of 2,000 calls, run once for each call to the page source
//        that may fail: it fails once, or from there on for a while.
// Read next: platform/page_source_fake.h

#include <cstring>
#include <random>
#include <vector>

#include "alloc/large/large.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "gtest/gtest.h"
#include "platform/page_source_fake.h"
#include "tests/boxes/front.h"

namespace hakmem::boxes {
namespace {

using platform::fake::counts;
using platform::fake::plan;

constexpr int kCalls = 2000;

struct Block {
  unsigned char* at;
  size_t bytes;
};

size_t PickSize(std::mt19937& random) {
  switch (random() % 16) {
    case 0:
      return random() % (size_t{1} << 20);
    case 1:
      return (size_t{34} << 20) + random() % 100000;
    case 2:
    case 3:
      return random() % 40000;
    default:
      return random() % 3000;
  }
}

// Both ends and the middle: a whole Huge block would be a second each.
void Paint(const Block& block, unsigned char value) {
  const size_t edge = block.bytes < 64 ? block.bytes : 64;
  memset(block.at, value, edge);
  memset(block.at + block.bytes - edge, value, edge);
  if (block.bytes > 0) block.at[block.bytes / 2] = value;
}
bool IsPainted(const Block& block, unsigned char value) {
  const size_t edge = block.bytes < 64 ? block.bytes : 64;
  for (size_t i = 0; i < edge; ++i) {
    if (block.at[i] != value) return false;
    if (block.at[block.bytes - 1 - i] != value) return false;
  }
  return block.bytes == 0 || block.at[block.bytes / 2] == value;
}

class Script {
 public:
  // Returns how many of the calls found no memory.
  int Run() {
    for (int i = 0; i < kCalls; ++i) Step();
    return failures_;
  }
  void FreeAll() {
    while (!blocks_.empty()) Drop(blocks_.size() - 1);
    FlushThread();
    CheckHeaps();
    superslab::Purge(0, 0);
  }

 private:
  void Step() {
    if (!blocks_.empty() && random_() % 100 < 45) {
      Drop(random_() % blocks_.size());
      return;
    }
    const size_t bytes = PickSize(random_);
    const size_t alignment =
        random_() % 8 == 0 ? size_t{16} << (random_() % 12) : 16;
    auto* p = static_cast<unsigned char*>(AlignedMalloc(alignment, bytes));
    if (p == nullptr) {
      ++failures_;
      return;
    }
    blocks_.push_back({p, bytes});
    Paint(blocks_.back(), Value(p));
  }
  void Drop(size_t i) {
    EXPECT_TRUE(IsPainted(blocks_[i], Value(blocks_[i].at)));
    Free(blocks_[i].at);
    blocks_[i] = blocks_.back();
    blocks_.pop_back();
  }
  static unsigned char Value(const unsigned char* p) {
    return static_cast<unsigned char>(reinterpret_cast<uintptr_t>(p) >> 4);
  }

  std::mt19937 random_{6};
  std::vector<Block> blocks_;
  int failures_ = 0;
};

uint64_t g_first;  // the call that fails, for the child
uint64_t g_calls;

void RunWithFailure() {
  // Who can neither get memory nor give it back cannot be expected to clean up.
  plan.unmap_may_fail = g_calls == 1;
  plan.fail_from = g_first;
  plan.fail_calls = g_calls;
  {
    Script script;
    const int failures = script.Run();
    // One refusal is not the end: a second way is tried first, or just this
    // call fails.
    if (g_calls == 1) {
      EXPECT_LE(failures, 1);
    }
    EXPECT_TRUE(g_first > counts.calls || counts.failed > 0);
    plan.fail_from = 0;
    script.FreeAll();
  }
  // Memory is back: everything works, and nothing was lost.
  Script again;
  EXPECT_EQ(again.Run(), 0);
  again.FreeAll();
  ExitThread();
  EXPECT_EQ(superslab::Read(superslab::g_budget.live), 0u);
  EXPECT_EQ(large::ReadCounts().bytes, 0u);
  EXPECT_EQ(superslab::g_window.mapped.load(), 0u);
}

void CountCalls() {
  Script script;
  EXPECT_EQ(script.Run(), 0);
  script.FreeAll();
  // Through the exit status; there are between 100 and 10,000.
  EXPECT_GT(counts.calls, 100u);
}

// How many calls the script makes, about: enough that the last ones of a run
// that fails are reached as well.
constexpr uint64_t kSourceCalls = 400;

TEST(Fault, NoneFails) { EXPECT_EQ(InChild(CountCalls), 0); }

TEST(Fault, EachCallFailsOnce) {
  g_calls = 1;
  for (g_first = 1; g_first <= kSourceCalls; g_first += g_first < 60 ? 1 : 7) {
    ASSERT_EQ(InChild(RunWithFailure), 0) << "call " << g_first;
  }
}

TEST(Fault, AllCallsFailFromTheNth) {
  g_calls = ~uint64_t{0};
  for (g_first = 1; g_first <= kSourceCalls; g_first += g_first < 30 ? 1 : 13) {
    ASSERT_EQ(InChild(RunWithFailure), 0) << "from call " << g_first;
  }
}

}  // namespace
}  // namespace hakmem::boxes
