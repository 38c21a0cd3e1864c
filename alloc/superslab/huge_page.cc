// Box:   superslab.   Uses: platform, base.   Must not know: tiny, large.
// Holds: when a huge page is worth it.
// Locks: none.   Read next: alloc/superslab/slab_pool.cc

#include "alloc/superslab/huge_page.h"

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "hakmem.h"
#include "platform/page_source.h"

namespace hakmem::superslab {
namespace {

// Below, two MiB more than are needed would show.
constexpr size_t kMinLive = size_t{32} << 20;
constexpr size_t kHugeBytes = 2 * kSuperBytes;

bool HugeIsWorthIt() {
  // The table of the lowest level fills a page: so much lies below its entry.
  const size_t page = platform::PageSize();
  return !kVariant.armour && page * (page / 8) == kHugeBytes &&
         hak_config.thp == 0 && hak_config.prefault == 0 &&
         Read(g_budget.live) >= kMinLive;
}

}  // namespace

Growth ClaimGrowth(bool part_will_do) {
  if (HugeIsWorthIt()) {
    const size_t first = ClaimSupers(2);
    if (first != kNoSuper) {
      void* const address = At<void>(SuperAddress(first));
      if (SuperAddress(first) % kHugeBytes == 0) {
        return {first, 2, platform::FaultInHuge(address, kHugeBytes)};
      }
      // The next one begins where a huge page does.
      return {first, UnclaimSupers(first + 1, 1) ? size_t{1} : size_t{2},
              false};
    }
  }
  size_t first = ClaimSupers(1);
  if (first == kNoSuper && part_will_do) first = ClaimPart();
  return {first, 1, false};
}

}  // namespace hakmem::superslab
