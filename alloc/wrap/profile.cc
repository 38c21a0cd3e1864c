// Box:   wrap.   Uses: stats.   Must not know: nothing is above.
// Holds: hak_profile_*, in an object that only who calls them links.
// Locks: none here.   Read next: alloc/stats/profile.h

#include "alloc/stats/profile.h"

#include <errno.h>
#include <stdint.h>

#include "alloc/tiny/small.h"
#include "alloc/wrap/hakmem.h"
#include "alloc/wrap/same_variant.h"

namespace {

// Success is 0, as for everything that sets errno.
int Result(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

int hak_profile_start(size_t interval) {
  hakmem::wrap::NeedSameVariant();
  constexpr size_t kUsual = size_t{512} << 10;
  if (interval > PTRDIFF_MAX / 64) return Result(EINVAL);
  hakmem::stats::StartProfile(interval == 0 ? kUsual : interval);
  // What this thread has in its bins would pass the samples by.
  hakmem::tiny::FlushThread(false);
  return 0;
}

void hak_profile_stop(void) { hakmem::stats::StopProfile(); }

int hak_profile_write(int fd) {
  return Result(hakmem::stats::WriteProfile(fd));
}

int hak_profile_top(int fd) { return Result(hakmem::stats::WriteTopSites(fd)); }

}  // extern "C"
