// Box:   tests/boxes.   Uses: tiny, large, the fake.   Must not know: wrap.
// Holds: a script of 2,000 calls, run once for each call to the page source
//        that may fail: it fails once, or from there on for a while.
// Read next: platform/page_source_fake.h

#include <unistd.h>

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
    for (int i = 0; i < kCalls; ++i) {
      Step();
      if (i % 100 == 0) CheckHeaps();
    }
    CheckHeaps();
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

// Memory is back: everything works, and nothing was lost.
void ExpectAllWorks() {
  Script script;
  EXPECT_EQ(script.Run(), 0);
  script.FreeAll();
  ExitThread();
  EXPECT_EQ(superslab::Read(superslab::g_budget.live), 0u);
  EXPECT_EQ(large::ReadCounts().bytes, 0u);
  EXPECT_EQ(superslab::g_window.mapped.load(), 0u);
}

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
  ExpectAllWorks();
}

int g_report;  // a pipe to the parent

void ReportCalls() {
  {
    Script script;
    EXPECT_EQ(script.Run(), 0);
    script.FreeAll();
  }
  const uint64_t calls = counts.calls;
  EXPECT_GT(calls, 100u);
  EXPECT_EQ(write(g_report, &calls, sizeof(calls)), ssize_t{sizeof(calls)});
}

// The call numbers of the script, tested one by one; under qemu-user each takes
// a second, and it is the same code: there a few of them do.
uint64_t CountSourceCalls() {
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  g_report = fds[1];
  EXPECT_EQ(InChild(ReportCalls), 0);
  uint64_t calls = 0;
  EXPECT_EQ(read(fds[0], &calls, sizeof(calls)), ssize_t{sizeof(calls)});
  close(fds[0]);
  close(fds[1]);
  return calls;
}
uint64_t Step(uint64_t n) {
#if defined(__x86_64__)
  return n > 0 ? 1 : 0;
#else
  return n < 30 ? 1 : 13;
#endif
}

TEST(Fault, EachCallFailsOnce) {
  const uint64_t calls = CountSourceCalls();
  g_calls = 1;
  // A few more: a script that fails asks again.
  for (g_first = 1; g_first <= calls + 10; g_first += Step(g_first)) {
    ASSERT_EQ(InChild(RunWithFailure), 0) << "call " << g_first;
  }
}

TEST(Fault, AllCallsFailFromTheNth) {
  const uint64_t calls = CountSourceCalls();
  g_calls = ~uint64_t{0};
  for (g_first = 1; g_first <= calls + 10; g_first += Step(g_first)) {
    ASSERT_EQ(InChild(RunWithFailure), 0) << "from call " << g_first;
  }
}

// Strict overcommit: what is mapped has an end. It is met again and again, and
// what is freed can be had again.
size_t g_commit_limit;

bool g_hints;

void RunWithCommitLimit() {
  plan.honours_hints = g_hints;
  plan.commit_limit = g_commit_limit;
  for (int round = 0; round < 3; ++round) {
    Script script;
    EXPECT_GT(script.Run(), 0);
    EXPECT_LE(counts.mapped_bytes, static_cast<int64_t>(g_commit_limit));
    script.FreeAll();
    void* most = Malloc(g_commit_limit / 100 * 85);
    EXPECT_NE(most, nullptr);
    Free(most);
  }
  plan.commit_limit = 0;
  ExpectAllWorks();
}

TEST(Fault, CommitLimit) {
  for (size_t mib : {8, 13, 24, 30}) {
    g_commit_limit = mib << 20;
    for (const bool hints : {false, HintsWork()}) {
      g_hints = hints;
      ASSERT_EQ(InChild(RunWithCommitLimit), 0)
          << mib << " MiB, hints " << hints;
    }
  }
}

// Now and then there is no memory, at whatever place that is.
uint64_t g_every;

void RunWithEachNthFailing() {
  plan.honours_hints = g_hints;
  plan.fail_every = g_every;
  {
    Script script;
    (void)script.Run();
    EXPECT_GT(counts.failed, 0u);
    plan.fail_every = 0;
    script.FreeAll();
  }
  ExpectAllWorks();
}

TEST(Fault, EachNthCallFails) {
  for (g_every = 2; g_every < 40; g_every += g_every < 8 ? 1 : 7) {
    for (const bool hints : {false, HintsWork()}) {
      g_hints = hints;
      ASSERT_EQ(InChild(RunWithEachNthFailing), 0)
          << "each " << g_every << "th, hints " << hints;
    }
  }
}

}  // namespace
}  // namespace hakmem::boxes
