// Box:   tests/boxes.   Uses: superslab, the fake.   Must not know: tiny.
// Holds: the window, the slab pool and the metadata, over a page source that
//        does what a kernel does on a bad day.
// Read next: platform/page_source_fake.h

#include <signal.h>
#include <sys/wait.h>

#include <cstring>
#include <set>
#include <vector>

#include "alloc/base/variant.h"
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

char* Start(const SlabDescriptor* slab) {
  return At<char>(SlabAddress(slab->slab_index));
}

void ClaimsAscendAtHints() {
  plan.honours_hints = true;
  plan.on_call = ExpectNoLocksHeld;
  const size_t first = ClaimSupers(1);
  ASSERT_NE(first, kNoSuper);
  EXPECT_EQ(first, 1u);
  EXPECT_EQ(ClaimSupers(3), 2u);
  // Somebody else has the next address: it is skipped, once and for all.
  plan.taken_from = SuperAddress(5);
  plan.taken_to = SuperAddress(6);
  const uint64_t missed = counts.missed_hints;
  EXPECT_EQ(ClaimSupers(1), 6u);
  EXPECT_EQ(counts.missed_hints, missed + 1);
  EXPECT_EQ(ClaimSupers(1), 7u);
  EXPECT_EQ(counts.missed_hints, missed + 1);
  // Something long is left behind in a few steps, also by who wants more.
  plan.taken_from = SuperAddress(10);
  plan.taken_to = SuperAddress(200);
  EXPECT_GE(ClaimSupers(8), 200u);
  EXPECT_LE(counts.missed_hints, missed + 8);
  const size_t behind = ClaimSupers(1);
  EXPECT_TRUE(behind == 8 || behind > 200) << behind;
  EXPECT_LE(counts.missed_hints, missed + 8);
  // What is given back is taken first.
  EXPECT_TRUE(UnclaimSupers(3, 1));
  EXPECT_EQ(ClaimSupers(1), 3u);
  EXPECT_EQ(g_window.mapped.load(), 15u);
}

void HintsAreGivenUp() {
  plan.on_call = ExpectNoLocksHeld;
  const size_t first = ClaimSupers(1);
  ASSERT_NE(first, kNoSuper);
  EXPECT_EQ(counts.missed_hints, 8u);
  // The window lies around what the kernel gave.
  EXPECT_GE(first, kWindowSupers / 2 - 1);
  for (int i = 0; i < 20; ++i) {
    const size_t next = ClaimSupers(2);
    ASSERT_NE(next, kNoSuper);
    EXPECT_EQ(SuperAddress(next) % kSuperBytes, 0u);
    *At<char>(SuperAddress(next)) = 1;
    *At<char>(SuperAddress(next + 2) - 1) = 1;
  }
  EXPECT_EQ(counts.missed_hints, 8u);
  // The last mapping of each claim is exactly as long as it should be.
  EXPECT_EQ(counts.mapped_bytes, 41 * int64_t{kSuperBytes});
}

void NoMemoryIsFinal() {
  plan.honours_hints = HintsWork();
  ASSERT_NE(ClaimSupers(1), kNoSuper);
  const uint64_t before = counts.calls;
  plan.fail_from = before + 1;
  EXPECT_EQ(ClaimSupers(1), kNoSuper);
  // With hints that work one refusal is enough, and a second after the window
  // has given up what it could: a limit, not a taken address.
  if (HintsWork()) {
    EXPECT_EQ(counts.calls, before + 2);
    EXPECT_EQ(ClaimSupers(1), kNoSuper);
    EXPECT_EQ(counts.calls, before + 3);
  }
  EXPECT_EQ(AcquireSlab(), nullptr);
  EXPECT_EQ(g_window.mapped.load(), 1u);
  plan.fail_from = 0;
  EXPECT_NE(ClaimSupers(1), kNoSuper);
  EXPECT_NE(AcquireSlab(), nullptr);
}

void SlabsAreDistinctAndClean() {
  plan.on_call = ExpectNoLocksHeld;
  std::set<SlabDescriptor*> seen;
  std::vector<SlabDescriptor*> slabs;
  for (unsigned i = 0; i < 3 * kSlabsPerSuper; ++i) {
    SlabDescriptor* slab = AcquireSlab();
    ASSERT_NE(slab, nullptr);
    EXPECT_TRUE(seen.insert(slab).second);
    EXPECT_EQ(slab->clean_pages, AllPages());
    for (size_t at = 0; at < kSlabBytes; at += 512) {
      ASSERT_EQ(Start(slab)[at], 0);
    }
    memset(Start(slab), 0x5A, kSlabBytes);
    slab->clean_pages = 0;
    slabs.push_back(slab);
  }
  const size_t index = slabs[0]->slab_index;
  ReleaseSlab(slabs[0]);
  EXPECT_EQ(MapByte(index), kReleased);
  // The lowest that is dirty comes back first, and is not called clean.
  ReleaseSlab(slabs[5]);
  SlabDescriptor* again = AcquireSlab();
  EXPECT_EQ(again, slabs[0]);
  EXPECT_EQ(again->clean_pages, 0u);
  for (SlabDescriptor* slab : slabs) {
    if (slab != slabs[5]) ReleaseSlab(slab);
  }
}

// Of each eighth one thread maps all at once; where that is refused, one.
void LargeHeapGrowsByAnEighth() {
  plan.honours_hints = HintsWork();
  const auto grow_by = [](size_t supers) {
    const uint64_t before = counts.maps;
    for (size_t i = 0; i < supers * kSlabsPerSuper; ++i) {
      EXPECT_NE(AcquireSlab(), nullptr);
    }
    return counts.maps - before;
  };
  (void)grow_by(64);
  const size_t mapped = g_window.mapped.load();
  // With guards a SuperSlab has fewer slabs.
  EXPECT_LE(grow_by(64), 16u);
  EXPECT_LE(g_window.mapped.load(), mapped + 64 + 16);
  const size_t last = g_window.mapped.load();
  plan.commit_limit =
      static_cast<uint64_t>(counts.mapped_bytes) + 2 * kSuperBytes;
  while (AcquireSlab() != nullptr) {
  }
  EXPECT_GT(g_window.mapped.load(), last);
}

void BudgetBoundsDirtyMemory() {
  plan.on_call = ExpectNoLocksHeld;
  std::vector<SlabDescriptor*> slabs;
  for (int i = 0; i < 128; ++i) {
    slabs.push_back(AcquireSlab());
    ASSERT_NE(slabs.back(), nullptr);
    memset(Start(slabs.back()), 1, kSlabBytes);
    slabs.back()->clean_pages = 0;
  }
  const uint64_t mapped = g_window.mapped;
  for (SlabDescriptor* slab : slabs) {
    ReleaseSlab(slab);
    PurgeIfOverBudget();
    ASSERT_LE(Read(g_budget.dirty), DirtyBound());
  }
  EXPECT_LE(Read(g_budget.dirty), kMinDirty);
  Purge(0, 0);
  EXPECT_EQ(Read(g_budget.dirty), 0u);
  // And the address space comes back.
  EXPECT_LT(g_window.mapped.load(), mapped);
  SlabDescriptor* slab = AcquireSlab();
  ASSERT_NE(slab, nullptr);
  for (size_t at = 0; at < kSlabBytes; ++at) ASSERT_EQ(Start(slab)[at], 0);
}

// What heaps do with a slab: it is alive and written to, and no more.
void Use(std::vector<SlabDescriptor*>* slabs, size_t count) {
  while (slabs->size() < count) {
    SlabDescriptor* slab = AcquireSlab();
    ASSERT_NE(slab, nullptr);
    NoteCleanTaken(slab->clean_pages == 0 ? 0 : kSlabBytes);
    slab->clean_pages = 0;
    AddLive(kSlabBytes);
    slabs->push_back(slab);
  }
}
void FreeDownTo(std::vector<SlabDescriptor*>* slabs, size_t count) {
  while (slabs->size() > count) {
    TakeFrom(g_budget.live, kSlabBytes);
    ReleaseSlab(slabs->back());
    slabs->pop_back();
    PurgeIfOverBudget();
  }
}

// Growth pays at once for what comes down, once; then only time does, and of a
// program that goes up and down without pause all may stay.
void ReturnIsPaidFor() {
  constexpr size_t kAll = 320;  // 20 MiB
  constexpr size_t kFew = kAll / 8;
  constexpr size_t kFewBytes = kFew * kSlabBytes;
  plan.honours_hints = HintsWork();
  plan.now = uint64_t{1} << 20;
  std::vector<SlabDescriptor*> slabs;
  Use(&slabs, kAll);
  FreeDownTo(&slabs, kFew);
  EXPECT_LE(Read(g_budget.dirty), kFewBytes + DirtyBound());
  const uint64_t purged = Read(g_budget.purged);
  EXPECT_GE(purged, 5 * kFewBytes);
  // Up and down at once: nothing goes.
  for (int round = 0; round < 3; ++round) {
    Use(&slabs, kAll);
    FreeDownTo(&slabs, kFew);
    EXPECT_LE(Read(g_budget.purged), purged + kFewBytes) << round;
    EXPECT_GE(Read(g_budget.dirty), 5 * kFewBytes) << round;
  }
  // A while later a free gives back what so much time pays for: 64 MB a second,
  // 4.3 MB, and up to a MiB more.
  const uint64_t before = Read(g_budget.purged);
  plan.now += uint64_t{1} << 26;
  FreeDownTo(&slabs, kFew - 1);
  const uint64_t later = Read(g_budget.purged);
  EXPECT_GE(later, before + (size_t{3} << 20));
  EXPECT_LE(later, before + 4'300'000 + (size_t{1} << 20));
  // Nothing more without more time.
  FreeDownTo(&slabs, kFew - 8);
  EXPECT_LE(Read(g_budget.purged), later + (size_t{1} << 20));
  plan.now += uint64_t{1} << 30;
  FreeDownTo(&slabs, kFew - 9);
  EXPECT_LE(Read(g_budget.dirty), DirtyBound());
}

// A virtual machine that moves may find another clock: time goes on from there.
void ClockIsSetBack() {
  constexpr size_t kAll = 320;
  constexpr size_t kFew = kAll / 8;
  plan.now = uint64_t{1} << 50;
  std::vector<SlabDescriptor*> slabs;
  for (int round = 0; round < 2; ++round) {
    Use(&slabs, kAll);
    FreeDownTo(&slabs, kFew);
  }
  ASSERT_GT(Read(g_budget.dirty), DirtyBound());
  plan.now = uint64_t{1} << 40;
  FreeDownTo(&slabs, kFew - 1);
  plan.now += uint64_t{1} << 30;
  FreeDownTo(&slabs, kFew - 2);
  EXPECT_LE(Read(g_budget.dirty), DirtyBound());
}

void LockedMemoryIsNotClean() {
  SlabDescriptor* slab = AcquireSlab();
  SlabDescriptor* other = AcquireSlab();
  ASSERT_NE(other, nullptr);
  memset(Start(slab), 7, kSlabBytes);
  slab->clean_pages = 0;
  ReleaseSlab(slab);
  plan.decommit_fails = true;
  Purge(0, 1);
  EXPECT_EQ(Read(g_budget.dirty), kSlabBytes);
  SlabDescriptor* again = AcquireSlab();
  ASSERT_EQ(again, slab);
  EXPECT_EQ(again->clean_pages, 0u);
  EXPECT_EQ(Start(again)[100], 7);
}

void UnmapThatFailsLeavesItMapped() {
  std::vector<SlabDescriptor*> slabs;
  for (unsigned i = 0; i < 4 * kSlabsPerSuper; ++i) {
    slabs.push_back(AcquireSlab());
    ASSERT_NE(slabs.back(), nullptr);
  }
  for (SlabDescriptor* slab : slabs) ReleaseSlab(slab);
  plan.unmap_may_fail = true;
  plan.fail_from = counts.calls + 1;
  Purge(0, 0);
  EXPECT_EQ(g_window.mapped.load(), 4u);
  plan.fail_from = 0;
  std::set<SlabDescriptor*> again;
  for (size_t i = 0; i < slabs.size(); ++i) again.insert(AcquireSlab());
  EXPECT_EQ(again.size(), slabs.size());
  EXPECT_EQ(again.count(nullptr), 0u);
  EXPECT_EQ(g_window.mapped.load(), 4u);
}

void MetadataIsGuarded() {
  // The first few KiB are in .bss; then come mappings of their own.
  char* block = nullptr;
  for (int i = 0; i < 3; ++i) {
    block = static_cast<char*>(AllocateMetadata(size_t{128} << 10));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(AddressOf(block) % 64, 0u);
  }
  for (size_t i = 0; i < size_t{128} << 10; ++i) ASSERT_EQ(block[i], 0);
  plan.fail_from = counts.calls + 2;  // the second half of MapGuarded
  EXPECT_EQ(AllocateMetadata(size_t{128} << 10), nullptr);
  plan.fail_from = 0;
  alarm(0);
  signal(SIGSEGV, SIG_DFL);
  block[size_t{128} << 10] = 1;  // the guard page
}

void HoldsALockInASystemCall() {
  ASSERT_NE(ClaimSupers(1), kNoSuper);
  plan.on_call = ExpectNoLocksHeld;
  LockWindowForFork();
  (void)AllocateMetadata(size_t{1} << 20);
}

TEST(Superslab, ClaimsAscendAtHints) {
  if (!HintsWork()) GTEST_SKIP() << "the zone belongs to the sanitizer";
  EXPECT_EQ(InChild(ClaimsAscendAtHints), 0);
}
TEST(Superslab, HintsAreGivenUp) { EXPECT_EQ(InChild(HintsAreGivenUp), 0); }
TEST(Superslab, NoMemoryIsFinal) { EXPECT_EQ(InChild(NoMemoryIsFinal), 0); }
TEST(Superslab, SlabsAreDistinctAndClean) {
  EXPECT_EQ(InChild(SlabsAreDistinctAndClean), 0);
}
TEST(Superslab, LargeHeapGrowsByAnEighth) {
  EXPECT_EQ(InChild(LargeHeapGrowsByAnEighth), 0);
}
TEST(Superslab, BudgetBoundsDirtyMemory) {
  EXPECT_EQ(InChild(BudgetBoundsDirtyMemory), 0);
}
TEST(Superslab, ReturnIsPaidFor) { EXPECT_EQ(InChild(ReturnIsPaidFor), 0); }
TEST(Superslab, ClockIsSetBack) { EXPECT_EQ(InChild(ClockIsSetBack), 0); }
TEST(Superslab, LockedMemoryIsNotClean) {
  EXPECT_EQ(InChild(LockedMemoryIsNotClean), 0);
}
TEST(Superslab, UnmapThatFailsLeavesItMapped) {
  EXPECT_EQ(InChild(UnmapThatFailsLeavesItMapped), 0);
}
TEST(Superslab, MetadataIsGuarded) {
  const int status = InChild(MetadataIsGuarded);
  // A sanitizer exits with a report instead of the signal.
  if (HintsWork()) {
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
  } else {
    EXPECT_NE(status, 0);
  }
}
// The check for locks would notice.
TEST(Superslab, LockInASystemCallIsFound) {
  const int status = InChild(HoldsALockInASystemCall, 1);
  // Where locks know their holder the second try to take it ends the process;
  // elsewhere it waits for ever.
  const int signal = kVariant.lock_stats ? SIGABRT : SIGALRM;
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
}

}  // namespace
}  // namespace hakmem::boxes
