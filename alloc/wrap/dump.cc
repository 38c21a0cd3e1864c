// Box:   wrap.   Uses: stats.   Must not know: nothing is above.
// Holds: hak_dump, in an object that only who calls it links.
// Locks: none here.   Read next: alloc/stats/dump.h

#include "alloc/stats/dump.h"

#include <errno.h>

#include "alloc/wrap/hakmem.h"
#include "alloc/wrap/same_variant.h"

extern "C" int hak_dump(int fd) {
  hakmem::wrap::NeedSameVariant();
  // The one number that this box has, and the others do not.
  struct hak_stats stats;
  hak_stats(&stats);
  const int error = hakmem::stats::WriteDump(fd, stats.foreign_frees);
  if (error == 0) return 0;
  errno = error;
  return -1;
}
