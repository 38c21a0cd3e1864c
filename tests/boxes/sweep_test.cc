// Box:   tests/boxes.   Uses: tiny, the fake.   Must not know: wrap.
// Holds: which pages of a slab in use are touched, and which are given back.
// Read next: tests/boxes/threads_test.cc

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

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

size_t IndexOf(const char* block) {
  return superslab::SlabIndex(AddressOf(block));
}

// Does the block, from its header byte on, lie on this page?
bool Overlaps(const char* block, size_t stride, uintptr_t page) {
  return AddressOf(block) - 1 < page + platform::PageSize() &&
         AddressOf(block) + stride - 1 > page;
}

void ExpectCleanIsZero(size_t index) {
  const superslab::SlabDescriptor* slab = superslab::Descriptor(index);
  const size_t page = platform::PageSize();
  for (size_t p = 0; p < kSlabBytes / page; ++p) {
    if (((slab->clean_pages >> p) & 1) == 0) continue;
    const char* bytes = At<char>(superslab::SlabAddress(index) + p * page);
    for (size_t i = 0; i < page; ++i) ASSERT_EQ(bytes[i], 0);
  }
}

// A refill of many touches a page for its first block only; the others must
// lie on pages that somebody has already paid for.
void RefillStaysOnTouchedPages() {
  std::vector<char*> blocks;
  for (int i = 0; i < 61; ++i) {
    blocks.push_back(static_cast<char*>(Malloc(450)));
    const size_t index = IndexOf(blocks[0]);
    const superslab::SlabDescriptor* slab = superslab::Descriptor(index);
    for (size_t p = 0; p < superslab::PagesPerSlab(); ++p) {
      const uintptr_t from =
          superslab::SlabAddress(index) + p * platform::PageSize();
      bool held = false;
      for (const char* b : blocks) held |= Overlaps(b, 464, from);
      ASSERT_EQ((slab->clean_pages >> p) & 1, held ? 0u : 1u) << i << " " << p;
    }
    ExpectCleanIsZero(index);
  }
}

// A sweep purges exactly the pages that no block which is out overlaps, header
// bytes included: worked out here block by block, from the outside.
void SweepPurgesExactly() {
  std::mt19937 random(2);
  for (const size_t bytes :
       {15u, 40u, 463u, 1000u, 2063u, 4383u, 7183u, 16127u}) {
    std::vector<char*> blocks;
    while (blocks.size() * (bytes + 1) < 8 * kSlabBytes) {
      blocks.push_back(static_cast<char*>(Malloc(bytes)));
      memset(blocks.back(), 0xEE, bytes);
    }
    std::map<size_t, std::vector<char*>> live;  // by slab
    for (char* p : blocks) {
      // About one in two pages; and headers at the very end of a page.
      const bool edge = AddressOf(p) % platform::PageSize() == 0;
      if (random() % (8192 / (bytes + 1) + 1) == 0 ||
          (edge && random() % 2 == 0)) {
        live[IndexOf(p)].push_back(p);
      } else {
        Free(p);
      }
    }
    FlushThread();
    tiny::TrimAllHeaps();
    CheckHeaps();
    const size_t page = platform::PageSize();
    for (const auto& [index, kept] : live) {
      const superslab::SlabDescriptor* slab = superslab::Descriptor(index);
      const size_t stride = tiny::StrideBytes(slab);
      for (size_t p = 0; p < kSlabBytes / page; ++p) {
        const uintptr_t from = superslab::SlabAddress(index) + p * page;
        bool needed = false;
        for (const char* b : kept) needed |= Overlaps(b, stride, from);
        ASSERT_EQ((slab->clean_pages >> p) & 1, needed ? 0u : 1u)
            << bytes << " page " << p;
      }
      ExpectCleanIsZero(index);
      for (char* b : kept) {
        for (size_t i = 0; i < bytes; ++i) {
          ASSERT_EQ(static_cast<unsigned char>(b[i]), 0xEE);
        }
        Free(b);
      }
    }
    FlushThread();
  }
  EXPECT_EQ(tiny::FirstHeap()->used_bytes, 0u);
}

void SweepThatFailsLosesNothing() {
  std::vector<char*> blocks;
  for (int i = 0; i < 2000; ++i) {
    blocks.push_back(static_cast<char*>(Malloc(1000)));
    memset(blocks.back(), i, 1000);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % 16 != 0) Free(blocks[i]);
  }
  plan.decommit_fails = true;
  FlushThread();
  tiny::TrimAllHeaps();
  CheckHeaps();
  for (size_t i = 0; i < blocks.size(); i += 16) {
    ExpectCleanIsZero(IndexOf(blocks[i]));
    for (int k = 0; k < 1000; ++k) {
      ASSERT_EQ(blocks[i][k], static_cast<char>(i));
    }
  }
  std::vector<void*> more;
  for (int i = 0; i < 2000; ++i) more.push_back(Malloc(1000));
  for (size_t i = 0; i < blocks.size(); i += 16) Free(blocks[i]);
  for (void* p : more) Free(p);
  FlushThread();
  CheckHeaps();
}

// A sweep makes no system call for what an earlier one has given back.
void SweepTakesWhatIsNew() {
  const size_t page_bytes = platform::PageSize();
  if (kSlabBytes / page_bytes < 16) return;  // too few pages for all that
  std::map<size_t, std::vector<char*>> slabs;
  for (int i = 0; i < 3 * 2047; ++i) {
    char* block = static_cast<char*>(Malloc(15));
    slabs[IndexOf(block)].push_back(block);
  }
  const auto [index, blocks] = *std::max_element(
      slabs.begin(), slabs.end(), [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
      });
  ASSERT_EQ(blocks.size(), superslab::Descriptor(index)->capacity);
  std::set<char*> live(blocks.begin(), blocks.end());
  const auto free_page = [&, index = index](size_t page) {
    const uintptr_t from = superslab::SlabAddress(index) + page * page_bytes;
    for (auto it = live.begin(); it != live.end();) {
      const bool free = Overlaps(*it, 16, from);
      if (free) Free(*it);
      it = free ? live.erase(it) : std::next(it);
    }
    FlushThread();
  };
  // System calls and pages.
  const auto trim = [page_bytes] {
    const uint64_t calls = counts.decommits;
    const uint64_t bytes = counts.decommitted_bytes;
    tiny::TrimAllHeaps();
    CheckHeaps();
    return std::make_pair(counts.decommits - calls,
                          (counts.decommitted_bytes - bytes) / page_bytes);
  };
  (void)trim();
  for (const size_t page : {1, 4}) free_page(page);
  EXPECT_EQ(trim(), std::make_pair(uint64_t{2}, uint64_t{2}));
  free_page(6);
  EXPECT_EQ(trim(), std::make_pair(uint64_t{1}, uint64_t{1}));
  // One call from page 1 to page 4.
  free_page(2);
  free_page(3);
  EXPECT_EQ(trim(), std::make_pair(uint64_t{1}, uint64_t{4}));
  EXPECT_EQ(trim(), std::make_pair(uint64_t{0}, uint64_t{0}));
  ExpectCleanIsZero(index);
}

TEST(Sweep, RefillStaysOnTouchedPages) {
  EXPECT_EQ(InChild(RefillStaysOnTouchedPages), 0);
}
TEST(Sweep, PurgesExactly) { EXPECT_EQ(InChild(SweepPurgesExactly), 0); }
TEST(Sweep, TakesWhatIsNew) { EXPECT_EQ(InChild(SweepTakesWhatIsNew), 0); }
TEST(Sweep, LosesNothingWhenItFails) {
  EXPECT_EQ(InChild(SweepThatFailsLosesNothing), 0);
}

}  // namespace
}  // namespace hakmem::boxes
