// Box:   wrap.   Uses: hakmem.h.   Must not know: the boxes.
// Holds: the object that reports crashes if it is only linked in.
// Locks: none.   Read next: alloc/wrap/crash.cc

#include "alloc/wrap/hakmem.h"

namespace {

__attribute__((constructor)) void ReportFromTheStart() {
  // Without a descriptor 2, or memory for a stack, there is nobody to tell.
  (void)hak_report_crashes(2);
}

}  // namespace
