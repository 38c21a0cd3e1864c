// Box:   platform.   Uses: nothing.   Must not know: SuperSlabs, slabs, blocks.
// Holds: a page source for tests: it counts, and fails where it is told to.
// Locks: none.   Read next: platform/page_source_fake.cc

#ifndef HAKMEM_PLATFORM_PAGE_SOURCE_FAKE_H_
#define HAKMEM_PLATFORM_PAGE_SOURCE_FAKE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hakmem::platform::fake {

// Calls are numbered from 1 on, across all functions that may fail. Written by
// a test while no other thread allocates.
struct Plan {
  // Calls fail_from, fail_from + 1 ... fail; fail_calls of them. 0: none.
  uint64_t fail_from = 0;
  uint64_t fail_calls = ~uint64_t{0};
  // Calls whose number is a multiple of it fail. 0: none.
  uint64_t fail_every = 0;
  // Only these fail by number.
  bool unmap_may_fail = false;
  // madvise as under mlockall: it fails, and the content stays.
  bool decommit_fails = false;
  // Strict overcommit: no more than so much is mapped at a time. 0: any amount.
  uint64_t commit_limit = 0;
  // Off: every mapping is somewhere else than was asked for, as in Valgrind.
  bool honours_hints = false;
  // Another's mapping: hints in [taken_from, taken_to) are not honoured.
  uintptr_t taken_from = 0;
  uintptr_t taken_to = 0;
  // What Now() says: time passes when a test wants it to.
  uint64_t now = 1;
  // Runs at the beginning of each call, for what must hold there.
  void (*on_call)() = nullptr;
};
extern Plan plan;

struct Counts {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<uint64_t> maps{0};
  std::atomic<uint64_t> missed_hints{0};
  std::atomic<uint64_t> unmaps{0};
  std::atomic<uint64_t> decommits{0};
  std::atomic<uint64_t> decommitted_bytes{0};
  std::atomic<int64_t> mapped_bytes{0};  // Map and Reserve, less Unmap
};
extern Counts counts;

}  // namespace hakmem::platform::fake

#endif  // HAKMEM_PLATFORM_PAGE_SOURCE_FAKE_H_
