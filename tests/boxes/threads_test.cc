// Box:   tests/boxes.   Uses: tiny, large, the fake.   Must not know: wrap.
// Holds: what threads do to each other: made for --config=tsan, and run without
//        it as well.
// Read next: tests/boxes/model_check_test.cc

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "alloc/base/lock.h"
#include "alloc/large/large.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/slab_pool.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/parking.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"
#include "gtest/gtest.h"
#include "platform/die.h"
#include "platform/page_source_fake.h"
#include "tests/boxes/front.h"

namespace hakmem::boxes {
namespace {

constexpr int kThreads = 4;
constexpr int kSlots = 1024;

struct Slot {
  std::atomic<unsigned char*> block{nullptr};
};
Slot g_slots[kSlots];

size_t SizeIn(const unsigned char* block) {
  size_t bytes;
  memcpy(&bytes, block, sizeof bytes);
  return bytes;
}

// The first word is the size, the rest a pattern of it.
unsigned char* MakeBlock(size_t bytes) {
  auto* p = static_cast<unsigned char*>(Malloc(bytes));
  if (p == nullptr) return nullptr;
  memset(p, static_cast<int>(bytes % 251), bytes);
  memcpy(p, &bytes, sizeof bytes);
  return p;
}
bool IsWhole(const unsigned char* p) {
  const size_t bytes = SizeIn(p);
  for (size_t i = sizeof bytes; i < bytes; ++i) {
    if (p[i] != bytes % 251) return false;
  }
  return true;
}

// Blocks wander between threads through slots: whoever finds one frees it, so
// most frees are remote, and threads end while others hold their blocks.
void Wander(unsigned seed, int steps) {
  std::mt19937 random(seed);
  for (int i = 0; i < steps; ++i) {
    const size_t bytes =
        random() % 64 == 0 ? 8192 + random() % 60000 : 8 + random() % 600;
    unsigned char* mine = MakeBlock(bytes);
    ASSERT_NE(mine, nullptr);
    // acq_rel: hands the contents over.
    unsigned char* other = g_slots[random() % kSlots].block.exchange(
        mine, std::memory_order_acq_rel);
    if (other == nullptr) continue;
    ASSERT_TRUE(IsWhole(other));
    Free(other);
  }
  ExitThread();
}

void FreeSlots() {
  for (Slot& slot : g_slots) {
    unsigned char* p = slot.block.exchange(nullptr);
    if (p == nullptr) continue;
    ASSERT_TRUE(IsWhole(p));
    Free(p);
  }
}

void ExpectAllGivenBack() {
  ExitThread();
  CheckHeaps();
  tiny::ReleaseParked();
  superslab::Purge(0, 0);
  EXPECT_EQ(superslab::Read(superslab::g_budget.live), 0u);
  EXPECT_EQ(superslab::Read(superslab::g_budget.dirty), 0u);
  EXPECT_EQ(large::ReadCounts().bytes, 0u);
  EXPECT_EQ(superslab::g_window.mapped.load(), 0u);
}

void BlocksWander() {
  for (unsigned round = 0; round < 6; ++round) {
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back(Wander, round * 100 + t, 4000);
    }
    for (std::thread& thread : threads) thread.join();
  }
  FreeSlots();
  ExpectAllGivenBack();
}

// One thread makes all blocks and ends, over and over; the others free them.
void ProducersEnd() {
  std::atomic<bool> done{false};
  std::vector<std::thread> consumers;
  for (int t = 0; t < 2; ++t) {
    consumers.emplace_back([&done, t] {
      for (bool last = false; !last;) {
        last = done.load();
        for (int i = t; i < kSlots; i += 2) {
          unsigned char* p = g_slots[i].block.exchange(nullptr);
          if (p != nullptr) Free(p);
        }
      }
      // A thread that only frees never had a heap.
      ExitThread();
    });
  }
  for (int round = 0; round < 60; ++round) {
    std::thread producer([round] {
      for (int i = 0; i < kSlots; ++i) {
        unsigned char* p = MakeBlock(16 + static_cast<size_t>(round) * 9);
        ASSERT_NE(p, nullptr);
        p = g_slots[i].block.exchange(p);
        if (p != nullptr) Free(p);
      }
      ExitThread();
    });
    producer.join();
  }
  done = true;
  for (std::thread& thread : consumers) thread.join();
  FreeSlots();
  ExpectAllGivenBack();
}

// A few blocks at a time that another thread frees: the next ones are these,
// and not pages that nobody has written yet.
void FreedElsewhereComesFirst() {
  constexpr int kBlocks = 64;
  constexpr size_t kBytes = 200;
  for (int round = 0; round < 20; ++round) {
    std::vector<unsigned char*> blocks;
    for (int i = 0; i < kBlocks; ++i) {
      blocks.push_back(MakeBlock(kBytes));
      ASSERT_NE(blocks.back(), nullptr);
    }
    std::thread([&blocks] {
      for (unsigned char* block : blocks) Free(block);
      ExitThread();
    }).join();
  }
  // Three times what was out at once: in use, in the bin, on its way back.
  EXPECT_LE(superslab::Read(superslab::g_budget.dirty) +
                tiny::FirstHeap()->dirty_bytes,
            3 * kBlocks * (kBytes + 16));
  ExpectAllGivenBack();
}

// What all heaps have ever taken out of slabs, and how many are parked.
struct HeapSums {
  uint64_t refilled = 0;
  int parked = 0;
  int for_two = 0;  // parked, and to be had as an idle one
};
HeapSums SumHeaps() {
  HeapSums sums;
  for (tiny::Heap* heap = tiny::FirstHeap(); heap != nullptr;
       heap = heap->next_heap) {
    const bool parked = tiny::IsParked(heap);
    sums.parked += parked ? 1 : 0;
    sums.for_two += parked && heap->idle.load() ? 1 : 0;
    for (const tiny::ClassCounts& counts : heap->counts) {
      sums.refilled += counts.refilled;
    }
  }
  return sums;
}

// The same few blocks in one thread after the other.
void RunShortThreads(int count) {
  for (int i = 0; i < count; ++i) {
    std::thread([] {
      unsigned char* blocks[20];
      for (unsigned char*& block : blocks) {
        block = MakeBlock(150);
        ASSERT_NE(block, nullptr);
      }
      for (unsigned char* block : blocks) {
        ASSERT_TRUE(IsWhole(block));
        Free(block);
      }
      ExitThread();
    }).join();
  }
}

void HeapsArePassedOn() {
  constexpr uint64_t kSecond = 1'000'000'000;
  platform::fake::plan.now = kSecond;
  // This thread has a heap of its own, and takes no other.
  Free(MakeBlock(300));
  RunShortThreads(8);
  EXPECT_EQ(SumHeaps().parked, 0);  // it might be all there are
  RunShortThreads(30);
  const HeapSums before = SumHeaps();
  EXPECT_EQ(before.parked, kVariant.armour ? 0 : 1);
  RunShortThreads(5);
  if (!kVariant.armour) {
    EXPECT_EQ(SumHeaps().refilled, before.refilled);
  }
  CheckHeaps();
  // In a child of fork, whose other threads are gone, it waits as before.
  tiny::LockSmallForFork();
  tiny::UnlockSmallAfterFork(true);
  EXPECT_EQ(SumHeaps().parked, before.parked);
  EXPECT_EQ(SumHeaps().for_two, 0);
  CheckHeaps();
  Free(MakeBlock(900));
  EXPECT_EQ(SumHeaps().parked, before.parked);
  // Over: the next slow path of anybody ends it, and all begins anew.
  platform::fake::plan.now += kSecond;
  Free(MakeBlock(1500));
  EXPECT_EQ(SumHeaps().parked, 0);
  RunShortThreads(8);
  EXPECT_EQ(SumHeaps().parked, 0);
  ExpectAllGivenBack();
}

// Trims from outside while others work, and memory that comes and goes.
void TrimsInBetween() {
  std::atomic<bool> done{false};
  std::thread trimmer([&done] {
    while (!done.load()) {
      tiny::TrimAllHeaps();
      superslab::Purge(0, 0);
    }
    ExitThread();
  });
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) threads.emplace_back(Wander, t, 6000);
  for (std::thread& thread : threads) thread.join();
  done = true;
  trimmer.join();
  FreeSlots();
  ExpectAllGivenBack();
}

// The pool alone: slabs are taken, marked, checked and given back.
void PoolIsShared() {
  std::atomic<int> wrong{0};
  const auto work = [&wrong](unsigned seed) {
    std::mt19937 random(seed);
    std::vector<superslab::SlabDescriptor*> mine;
    for (int i = 0; i < 3000; ++i) {
      if (mine.size() < 40 && random() % 2 == 0) {
        superslab::SlabDescriptor* slab = superslab::AcquireSlab();
        ASSERT_NE(slab, nullptr);
        auto* mark = At<uintptr_t>(superslab::SlabAddress(slab->slab_index));
        *mark = AddressOf(reinterpret_cast<char*>(slab)) + seed;
        slab->clean_pages = 0;
        mine.push_back(slab);
      } else if (!mine.empty()) {
        superslab::SlabDescriptor* slab = mine.back();
        mine.pop_back();
        const auto* mark =
            At<uintptr_t>(superslab::SlabAddress(slab->slab_index));
        if (*mark != AddressOf(reinterpret_cast<char*>(slab)) + seed) ++wrong;
        superslab::ReleaseSlab(slab);
        superslab::PurgeIfOverBudget();
      }
      if (random() % 64 == 0) superslab::Purge(0, 0);
    }
    for (superslab::SlabDescriptor* slab : mine) superslab::ReleaseSlab(slab);
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) threads.emplace_back(work, t + 1);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  superslab::Purge(0, 0);
  EXPECT_EQ(superslab::Read(superslab::g_budget.dirty), 0u);
  EXPECT_EQ(superslab::g_window.mapped.load(), 0u);
}

// Who ends the process passes the locks that it holds: its handlers allocate.
void WhoDiesWaitsForNobody() {
  static Lock lock{"test"};
  lock.Acquire();
  platform::t_dying = true;
  lock.Acquire();
  lock.Release();
  EXPECT_TRUE(lock.TryAcquire());
}

TEST(Threads, WhoDiesWaitsForNobody) {
  EXPECT_EQ(InChild(WhoDiesWaitsForNobody, 5), 0);
}
TEST(Threads, PoolIsShared) { EXPECT_EQ(InChild(PoolIsShared), 0); }
TEST(Threads, BlocksWander) { EXPECT_EQ(InChild(BlocksWander), 0); }
TEST(Threads, ProducersEnd) { EXPECT_EQ(InChild(ProducersEnd), 0); }
TEST(Threads, FreedElsewhereComesFirst) {
  EXPECT_EQ(InChild(FreedElsewhereComesFirst), 0);
}
TEST(Threads, HeapsArePassedOn) { EXPECT_EQ(InChild(HeapsArePassedOn), 0); }
TEST(Threads, TrimsInBetween) { EXPECT_EQ(InChild(TrimsInBetween), 0); }

}  // namespace
}  // namespace hakmem::boxes
